"""The arithmetic that a kernel's call is said to stand for, and the sums over calls."""

from __future__ import annotations

import pytest
from torch import nn

from benchmarks.kernels import Call, layer_work, layers_of, totals


@pytest.mark.parametrize(
    ("layer", "rows_in", "rows_out", "flop"),
    [
        (nn.Linear(6, 5), 7, 7, 2 * 7 * 6 * 5),
        (nn.Conv1d(6, 5, 3, dilation=2), 7, 7, 2 * 7 * 6 * 5 * 3),
        (nn.Conv1d(6, 5, 3, stride=2), 8, 4, 2 * 4 * 6 * 5 * 3),
        (nn.ConvTranspose1d(6, 5, 20, stride=10), 7, 70, 2 * 7 * 6 * 5 * 20),
        (nn.ConvTranspose1d(6, 6, 3, stride=2, groups=6), 7, 14, 2 * 7 * 6 * 3),
    ],
)
def test_layer_work_is_that_of_the_direct_product(layer: nn.Module, rows_in: int, rows_out: int, flop: float) -> None:
    assert layer_work(layer, rows_in, rows_out)[1] == flop


def test_totals_sum_medians_of_calls_alike_and_put_the_slowest_first() -> None:
    calls = [
        Call("norm", "8 x 4", None, (0.001, 0.002, 0.009)),
        Call("conv1d", "6 to 5", 4e6, (0.004, 0.002, 0.003)),
        Call("conv1d", "6 to 5", 4e6, (0.001, 0.001, 0.001)),
    ]
    conv, norm = totals(calls, peak_gflops=8.0)
    assert (conv["kernel"], conv["calls"], norm["calls"]) == ("conv1d", 2, 1)
    assert [conv["ms"], norm["ms"]] == pytest.approx([4.0, 2.0])
    assert [conv["gflops"], conv["of_peak"]] == pytest.approx([2.0, 0.25])
    assert norm["gflops"] is None


def test_layers_are_found_by_their_names_in_the_stage() -> None:
    model = nn.Sequential()
    model.decoder = nn.Sequential(nn.Conv1d(1, 1, 1), nn.ReLU())
    find = layers_of(model, "decoder.")
    assert find("0") is model.decoder[0]
    assert find("1") is None

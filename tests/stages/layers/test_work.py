"""The arithmetic and the bytes that a kernel's call is said to stand for.

Regimes: one tap and several, a stride, a transposed convolution, one group a channel, a layer in a list, a packed layer
inside of another, a parameter that is no weight of a product, a kernel without products.
"""

from __future__ import annotations

import pytest
from tvm.relax.frontend import nn
from tvm.target import Target

from runner.build.targets import ANY_CPU
from stages.layers.adain import DepthwiseUpsample
from stages.layers.conv import Conv1d, ConvTranspose1d, Linear
from stages.layers.lstm import LSTM
from stages.layers.norm import LayerNorm
from stages.layers.work import Work, count_bytes, count_layer, count_work, find_layer


class Stage(nn.Module):
    """Layers as the stages have them."""

    def __init__(self) -> None:
        self.convs = nn.ModuleList([Conv1d(6, 5, 3), Linear(6, 5)])
        self.lstm = LSTM(6, 32)
        self.norm = LayerNorm(6, 1e-5)


@pytest.fixture
def stage() -> Stage:
    with Target(ANY_CPU):
        return Stage()


@pytest.mark.parametrize(
    ("kind", "sizes", "rows_in", "rows_out", "operations"),
    [
        (Linear, (6, 5), 7, 7, 2 * 7 * 6 * 5),
        (Conv1d, (6, 5, 3), 7, 7, 2 * 7 * 6 * 5 * 3),
        (Conv1d, (6, 5, 3), 8, 4, 2 * 4 * 6 * 5 * 3),
        (ConvTranspose1d, (6, 5, 20, 10), 7, 70, 2 * 7 * 6 * 5 * 20),
        (DepthwiseUpsample, (6,), 7, 14, 2 * 7 * 6 * 3),
    ],
)
def test_operations_are_those_of_the_direct_product(
    kind: type[nn.Module], sizes: tuple[int, ...], rows_in: int, rows_out: int, operations: int
) -> None:
    with Target(ANY_CPU):
        layer = kind(*sizes)
    assert count_layer(layer, rows_in, rows_out).operations == operations


def test_shape_says_channels_taps_and_rows_of_the_output(stage: Stage) -> None:
    shapes = [(1,), (8, 32), (1, 3, 6, 32), (32,), (4, 32)]
    assert count_work("conv1d", shapes, stage.convs[0]) == Work("6 to 5, 3 taps, 4 rows", 2.0 * 4 * 6 * 5 * 3)
    assert count_work("conv1d", [(1,), (1, 32), (1, 32)], stage.convs[1]).shape == "6 to 5, 1 tap, 1 row"


def test_attention_and_the_recurrence_are_counted_by_their_arguments() -> None:
    attention = count_work("attention", [(128, 2304), (1,), (128, 768)])
    assert attention == Work("128 rows, 768 channels", 2.0 * (128 * 128 * 768) * 2)
    scan = count_work("lstm_scan", [(7, 256), (2, 1, 32, 128), (1,), (7, 64)])
    assert scan == Work("7 steps, 32 units", 2.0 * 2 * 7 * (4 * 32) * 32)


def test_kernel_without_products_is_described_by_its_largest_tensor() -> None:
    assert count_work("layer_norm", [(7, 32), (2, 32), (1,), (9, 32)]) == Work("9 x 32")
    assert count_work("shape_func", []) == Work("")


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [
        ("convs.0.weight", Conv1d),
        ("convs.1.weight", Linear),
        ("lstm.product.weight", Linear),
        ("convs.0.bias", type(None)),
        ("convs.2.weight", type(None)),
        ("other.weight", type(None)),
    ],
)
def test_layers_are_found_by_the_names_of_their_weights(stage: Stage, parameter: str, kind: type) -> None:
    assert type(find_layer(stage, parameter)) is kind


def test_tables_count_as_many_rows_as_are_read() -> None:
    shapes = [(1, 7), (178, 32), (512, 32), (1,), (7, 32)]  # ids, words, positions, length, result
    sizes = [56, 178 * 128, 512 * 128, 8, 7 * 128]
    assert count_bytes("embedding", shapes, sizes) == 3 * 7 * 128
    assert count_bytes("add_source", shapes, sizes) == sum(sizes)

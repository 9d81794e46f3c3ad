"""Cases that can break the passage between ports and signals: a length other than the port's, whose rest must be
exactly 0 on the way out whatever it was on the way in; a vector that stands for every row; channels side by side that
no vector divides. All of it copies: results are compared bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.relax.frontend import nn

from runner.build import passes
from runner.build.targets import resolve_target
from stages.kernels.rows import Rows
from stages.layers.port import concat, from_channel_port, from_vector_port, to_channel_port, to_row_port
from stages.layers.signal import Axis
from tests.stages.layers.conftest import Array, random

FIRST, SECOND, VECTOR = 21, 32, 5  # channels
RATE = Rows(2, 1)
LENGTHS = [(0, 0), (1, 1), (1, 6), (40, 40), (33, 70)]  # valid, room

Run = Callable[[Array, Array, Array, int], list[Array]]


class RoundTrip(nn.Module):
    """A module that stores signals as they came, as rows, and side by side with another signal and a vector."""

    def round_trip_forward(
        self, x: nn.Tensor, y: nn.Tensor, vector: nn.Tensor, length: nn.Tensor, room: nn.Tensor
    ) -> tuple[nn.Tensor, nn.Tensor, nn.Tensor]:
        axis = Axis(length, room.shape[0], RATE)
        first, second = from_channel_port(x, axis), from_channel_port(y, axis)
        joined = concat([first, from_vector_port(vector, length), second])
        assert joined.channels == FIRST + VECTOR + SECOND
        return to_channel_port(first), to_row_port(second), to_channel_port(joined)


@pytest.fixture(scope="module")
def run() -> Run:
    with resolve_target({"kind": "llvm", "mcpu": "native"}) as target:
        capacity = tvm.tirx.Var("capacity", "int64")
        rows = capacity * RATE.scale + RATE.extra
        spec = {
            "x": nn.spec.Tensor((1, FIRST, rows), "float32"),
            "y": nn.spec.Tensor((1, SECOND, rows), "float32"),
            "vector": nn.spec.Tensor((1, VECTOR), "float32"),
            "length": nn.spec.Tensor((1,), "int64"),
            "room": nn.spec.Tensor((capacity,), "float32"),
            "$": {"param_mode": "none", "effect_mode": "none"},
        }
        module, _ = RoundTrip().export_tvm({"round_trip_forward": spec})
        executable = relax.build(
            module, target=target, relax_pipeline=passes.pipeline(target), tir_pipeline=passes.lowering(target)
        )
        machine = relax.VirtualMachine(executable, tvm.cpu())

    def run(x: Array, y: Array, vector: Array, length: int) -> list[Array]:
        capacity = (x.shape[2] - RATE.extra) // RATE.scale
        given = (x, y, vector, np.array([length]), np.zeros(capacity, np.float32))
        return [out.numpy() for out in machine["round_trip_forward"](*map(tvm.runtime.tensor, given))]

    return run


@pytest.mark.parametrize(("length", "room"), LENGTHS)
def test_signals_come_back_as_they_went_in_and_zero_past_the_length(run: Run, length: int, room: int) -> None:
    valid, rows = RATE.of(length), RATE.of(room)
    x, y, vector = random(1, FIRST, rows), random(1, SECOND, rows), random(1, VECTOR)
    x[:, :, valid:] = y[:, :, valid:] = np.nan
    back, as_rows, joined = run(x, y, vector, length)
    x[:, :, valid:] = y[:, :, valid:] = 0
    beside = np.repeat(vector[:, :, None], rows, axis=2)
    beside[:, :, valid:] = 0
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(as_rows, y.transpose(0, 2, 1))
    np.testing.assert_array_equal(joined, np.concatenate([x, beside, y], axis=1))

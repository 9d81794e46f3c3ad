"""Fixtures for the tests of layers: a layer between two ports, compiled for this machine.

It has the parameters of a PyTorch module, which it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray
from tvm import relax, tirx
from tvm.relax.frontend import nn

from runner.build import passes
from runner.build.targets import resolve_target
from stages.kernels.rows import Rows
from stages.layers.packing import pack_module
from stages.layers.port import from_channel_port, from_vector_port, to_channel_port
from stages.layers.signal import Axis, Signal

Array = NDArray[Any]
RunLayer = Callable[..., Array]
"""`run(x [channels, rows], length, capacity, style)` -> y [channels, rows], as many as `capacity` makes."""
CompileLayer = Callable[..., RunLayer]
ROWS = Rows()  # one a token or frame
STYLE = 16  # channels of the style that every layer is offered


class LayerBetweenPorts(nn.Module):
    """layer_forward(x [1, channels, rows], length, room [capacity], style [1, STYLE]) -> y [1, channels, rows]."""

    def __init__(self, layer: nn.Module, call: Callable[..., Signal], rows: Rows) -> None:
        self.layer, self.call, self.rows = layer, call, rows

    def layer_forward(self, x: nn.Tensor, length: nn.Tensor, room: nn.Tensor, style: nn.Tensor) -> nn.Tensor:
        axis = Axis(length, room.shape[0], self.rows)
        return to_channel_port(self.call(self.layer, from_channel_port(x, axis), from_vector_port(style, length)))


@pytest.fixture(scope="session")
def compile_layer() -> CompileLayer:
    """`compile_layer(make, call, channels, parameters, rows)` gives a `RunLayer`.

    `make()` is the layer, `call(layer, x, style)` its use on signals, `parameters` the state of a PyTorch module.
    """

    def compile_layer(
        make: Callable[[], nn.Module],
        call: Callable[..., Signal],
        channels: int,
        parameters: Mapping[str, Any],
        rows: Rows = ROWS,
    ) -> RunLayer:
        state = {f"layer.{key}": value.detach().numpy().astype(np.float32) for key, value in parameters.items()}
        taken: list[str] = []

        def take(key: str, shape: tuple[int, ...]) -> Array:
            taken.append(key)
            assert state[key].shape == shape, key
            return state[key]

        with resolve_target({"kind": "llvm", "mcpu": "native"}) as target:
            layer = LayerBetweenPorts(make(), call, rows)
            capacity = tirx.Var("capacity", "int64")
            spec = {
                "x": nn.spec.Tensor((1, channels, capacity * rows.scale + rows.extra), "float32"),
                "length": nn.spec.Tensor((1,), "int64"),
                "room": nn.spec.Tensor((capacity,), "float32"),
                "style": nn.spec.Tensor((1, STYLE), "float32"),
                "$": {"param_mode": "packed", "effect_mode": "none"},
            }
            module, names = layer.export_tvm({"layer_forward": spec})
            packed = pack_module(layer, take)
            executable = relax.build(
                module, target=target, relax_pipeline=passes.pipeline(target), tir_pipeline=passes.lowering(target)
            )
        assert sorted(taken) == sorted(
            key for key in state if ".norm." not in key
        )  # each once; those of norms are 1 and 0
        machine = relax.VirtualMachine(executable, tvm.cpu())
        weights = [tvm.runtime.tensor(packed[name]) for name, _ in names]

        def run(x: Array, length: int, capacity: int | None = None, style: Array | None = None) -> Array:
            capacity = length if capacity is None else capacity
            port = np.full((1, channels, rows.of(capacity)), np.nan, np.float32)
            port[0, :, : x.shape[1]] = x
            given = (port, np.array([length]), np.zeros(capacity, np.float32), voice() if style is None else style)
            return machine["layer_forward"](*map(tvm.runtime.tensor, given), weights).numpy()[0]

        return run

    return compile_layer


def voice() -> Array:
    """Return a style [1, STYLE]."""
    return np.random.default_rng(11).standard_normal((1, STYLE)).astype(np.float32)


def random(*shape: int) -> Array:
    """Return normal values, the same for the same shape."""
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def assert_equal_then_zeros(y: Array, expected: Array, tolerance: float) -> None:
    """Hold the first columns of y to `expected`, within `tolerance` of its largest value, and the others to 0."""
    valid = expected.shape[1]
    np.testing.assert_allclose(y[:, :valid], expected, rtol=0, atol=tolerance * np.abs(expected).max())
    assert not y[:, valid:].any()

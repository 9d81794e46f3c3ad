"""Cases that can break the layer: the order of gates, directions and biases between PyTorch's parameters, the input
product's columns and the scan; the backward direction's start where buffers hold more rows than are valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tvm
from tvm import relax, tirx
from tvm.relax.frontend import nn

from runner.build.targets import resolve_target
from stages.kernels.simd import padded
from stages.layers.lstm import LSTM
from stages.layers.packing import Array, pack_module
from stages.layers.signal import Axis, Signal

Run = Callable[[Array, int], Array]

INPUTS, HIDDEN = 21, 40


class Layer(nn.Module):
    """layer_forward(x [rows, padded(INPUTS)], length) -> states [rows, padded(2*HIDDEN)]."""

    def __init__(self) -> None:
        self.lstm = LSTM(INPUTS, HIDDEN)

    def layer_forward(self, x: nn.Tensor, length: nn.Tensor) -> nn.Tensor:
        return self.lstm(Signal(x, INPUTS, Axis(length, x.shape[0]))).data


@pytest.fixture(scope="module")
def reference() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test` installs it")
    torch.manual_seed(3)
    return torch.nn.LSTM(INPUTS, HIDDEN, bidirectional=True, batch_first=True).double()


@pytest.fixture(scope="module")
def run(reference: Any) -> Run:
    """Compile the layer with the parameters of the reference."""
    state = {f"lstm.{name}": value.numpy().astype(np.float32) for name, value in reference.state_dict().items()}
    with resolve_target({"kind": "llvm", "mcpu": "native"}) as target:
        layer = Layer()
        rows = tirx.Var("rows", "int64")
        spec = {"x": nn.spec.Tensor((rows, padded(INPUTS)), "float32"), "length": nn.spec.Tensor((1,), "int64")}
        module, parameters = layer.export_tvm({"layer_forward": {**spec, "$": {"param_mode": "packed"}}})
        packed = pack_module(layer, lambda key, shape: state[key].reshape(shape))
        machine = relax.VirtualMachine(tvm.compile(module, target=target), tvm.cpu())
    weights = [tvm.runtime.tensor(packed[name]) for name, _ in parameters]

    def run(x: Array, length: int) -> Array:
        out = machine["layer_forward"](tvm.runtime.tensor(x), tvm.runtime.tensor(np.array([length])), weights)
        states: Array = out.numpy()[:length, : 2 * HIDDEN]
        return states

    return run


@pytest.mark.parametrize(("length", "capacity"), [(1, 1), (17, 17), (17, 40)])
def test_lstm_equals_pytorch(reference: Any, run: Run, length: int, capacity: int) -> None:
    x = np.full((capacity, padded(INPUTS)), np.nan, np.float32)
    x[:length, :INPUTS] = np.random.default_rng(length).standard_normal((length, INPUTS))
    tensor = next(reference.parameters()).new_tensor(x[None, :length, :INPUTS])
    expected = reference(tensor)[0][0].detach().numpy()
    np.testing.assert_allclose(run(x, length), expected, rtol=0, atol=2e-6)

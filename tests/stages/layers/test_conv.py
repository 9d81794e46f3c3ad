"""Cases that can break the layers: the number of rows that come out, which follows from stride, padding and the rate of
what goes in; taps of a transposed convolution that its stride does not divide, and the order of its phases; weight norm
over the right axis of either kind; a bias that is not there; epilogues in the wrong order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from tvm.target import Target

from stages.kernels.rows import Rows
from stages.layers.conv import Conv1d, ConvTranspose1d, Linear, WinogradConv1d
from stages.layers.signal import Axis
from tests.stages.layers.conftest import ROWS, CompileLayer, assert_equal_then_zeros, random

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test` installs it")

LENGTHS = [(1, 1), (1, 9), (7, 7), (13, 40)]  # valid, room
TOLERANCE = 3e-6
FILTERING = 1e-5  # minimal filtering loses two bits more than the direct sum


class Case(NamedTuple):
    """A layer, PyTorch's own, and the rate of the input."""

    make: Callable[[], Any]
    truth: Callable[[], Any]
    rows: Rows = ROWS


def add_weight_norm(module: Any) -> Any:
    return torch.nn.utils.parametrizations.weight_norm(module)


def published_state(module: Any) -> dict[str, Any]:
    """Return the state of `module`, its weight norm under the names that checkpoints have."""
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    return {names.get(key, key): value for key, value in module.state_dict().items()}


def make_centred(inputs: int, outputs: int, taps: int, dilation: int) -> Any:
    reach = dilation * (taps - 1) // 2
    return add_weight_norm(torch.nn.Conv1d(inputs, outputs, taps, dilation=dilation, padding=reach))


CONVOLUTIONS = {
    "dilated, no bias": Case(
        lambda: Conv1d(40, 22, 3, dilation=5, bias=False),
        lambda: add_weight_norm(torch.nn.Conv1d(40, 22, 3, dilation=5, padding=5, bias=False)),
    ),
    "two halves to a frame": Case(
        lambda: Conv1d(1, 1, 3, stride=2),
        lambda: add_weight_norm(torch.nn.Conv1d(1, 1, 3, stride=2, padding=1)),
        Rows(2),
    ),
    "hops to half-frames": Case(
        lambda: Conv1d(22, 40, 12, stride=6, padding=3, weight_norm=False),
        lambda: torch.nn.Conv1d(22, 40, 12, stride=6, padding=3),
        Rows(12, 1),
    ),
    "an extra row": Case(
        lambda: Conv1d(24, 22, 7), lambda: add_weight_norm(torch.nn.Conv1d(24, 22, 7, padding=3)), Rows(6, 1)
    ),
}
FILTERED = {
    f"{taps} taps, dilation {dilation}": Case(
        functools.partial(WinogradConv1d, 24, 40, taps, dilation=dilation),
        functools.partial(make_centred, 24, 40, taps, dilation),
        Rows(6, 1),
    )
    for taps, dilation in ((3, 1), (7, 5), (11, 3))
}
TRANSPOSED = {
    "twice the stride": Case(
        lambda: ConvTranspose1d(64, 32, 20, 10),
        lambda: add_weight_norm(torch.nn.ConvTranspose1d(64, 32, 20, 10, padding=5)),
        Rows(2),
    ),
    "one and a half strides": Case(
        lambda: ConvTranspose1d(22, 40, 6, 4),
        lambda: add_weight_norm(torch.nn.ConvTranspose1d(22, 40, 6, 4, padding=1)),
    ),
    "odd taps": Case(
        lambda: ConvTranspose1d(5, 3, 7, 3),
        lambda: add_weight_norm(torch.nn.ConvTranspose1d(5, 3, 7, 3, padding=2)),
        Rows(2),
    ),
}


def make_seeded(make: Callable[[], Any]) -> Any:
    torch.manual_seed(7)
    module = make().double()
    for parameter in module.parameters():
        parameter.data = parameter.data.float().double()  # values of float32, so that both have the same
    return module


@pytest.mark.parametrize(
    ("case", "tolerance"),
    [*((case, TOLERANCE) for case in CONVOLUTIONS.values()), *((case, FILTERING) for case in FILTERED.values())],
    ids=[*CONVOLUTIONS, *FILTERED],
)
def test_conv_equals_pytorch(compile_layer: CompileLayer, case: Case, tolerance: float) -> None:
    truth = make_seeded(case.truth)
    channels = truth.in_channels
    run = compile_layer(case.make, lambda layer, x, _: layer(x), channels, published_state(truth), case.rows)
    for length, room in LENGTHS:
        x = random(channels, case.rows.of(length))
        expected = truth(torch.tensor(x[None]).double())[0].detach().numpy()
        assert_equal_then_zeros(run(x, length, room), expected, tolerance)


@pytest.mark.parametrize("case", TRANSPOSED.values(), ids=TRANSPOSED)
def test_transposed_conv_equals_pytorch(compile_layer: CompileLayer, case: Case) -> None:
    truth = make_seeded(case.truth)
    channels = truth.in_channels
    run = compile_layer(case.make, lambda layer, x, _: layer(x, leaky=0.1), channels, published_state(truth), case.rows)
    for length, room in LENGTHS:
        x = random(channels, case.rows.of(length))
        expected = truth(torch.nn.functional.leaky_relu(torch.tensor(x[None]).double(), 0.1))[0].detach().numpy()
        assert expected.shape[1] == case.rows.of(length) * truth.stride[0]
        assert_equal_then_zeros(run(x, length, room), expected, TOLERANCE)


def test_linear_equals_pytorch(compile_layer: CompileLayer) -> None:
    truth = make_seeded(lambda: torch.nn.Linear(50, 50))
    run = compile_layer(
        lambda: Linear(50, 50),
        lambda layer, x, _: layer(layer(x, gelu=True), residuals=[x]),
        50,
        truth.state_dict(),
    )
    for length, room in LENGTHS:
        x = random(50, length)
        rows = torch.tensor(x.T).double()
        expected = truth(torch.nn.functional.gelu(truth(rows), approximate="tanh")) + rows
        assert_equal_then_zeros(run(x, length, room), expected.detach().numpy().T, TOLERANCE)


def test_stride_that_does_not_divide_the_rate_is_refused() -> None:
    with Target({"kind": "llvm"}):
        layer = Conv1d(4, 4, 3, stride=2)
    with pytest.raises(ValueError, match="stride 2 does not divide a rate of 5 rows"):
        layer._axis(Axis(length=None, capacity=1, rows=Rows(5)))

"""Cases that can break the norms: channels that no vector divides; the names of gain and bias, which differ between the
parts of a checkpoint; gain and bias of the adaptive one exchanged, or the 1 forgotten.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stages.layers.norm import AdaLayerNorm, LayerNorm
from tests.stages.layers.conftest import STYLE, CompileLayer, assert_equal_then_zeros, random, voice

torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test` installs it")

CHANNELS = 22
LENGTHS = [(1, 1), (13, 40)]  # valid, room
TOLERANCE = 2e-6


@pytest.mark.parametrize(("eps", "leaky", "names"), [(1e-12, None, ("weight", "bias")), (1e-5, 0.2, ("gamma", "beta"))])
def test_layer_norm_equals_pytorch(
    compile_layer: CompileLayer, eps: float, leaky: float | None, names: tuple[str, str]
) -> None:
    gain, bias = random(2, CHANNELS)
    run = compile_layer(
        lambda: LayerNorm(CHANNELS, eps, names=names, leaky=leaky),
        lambda layer, x, _: layer(x),
        CHANNELS,
        {names[0]: torch.tensor(gain), names[1]: torch.tensor(bias)},
    )
    for length, room in LENGTHS:
        x = random(CHANNELS, length) * 3 + 5
        parameters = (torch.tensor(array.astype(np.float64)) for array in (gain, bias))
        y = torch.nn.functional.layer_norm(torch.tensor(x.T).double(), (CHANNELS,), *parameters, eps=eps)
        expected = (y if leaky is None else torch.nn.functional.leaky_relu(y, leaky)).numpy().T
        assert_equal_then_zeros(run(x, length, room), expected, TOLERANCE)


def test_adaptive_layer_norm_equals_the_reference(compile_layer: CompileLayer, reference_modules: Any) -> None:
    torch.manual_seed(2)
    truth = reference_modules.AdaLayerNorm(STYLE, CHANNELS)
    run = compile_layer(
        lambda: AdaLayerNorm(STYLE, CHANNELS), lambda layer, x, style: layer(x, style), CHANNELS, truth.state_dict()
    )
    truth.double()
    for length, room in LENGTHS:
        x = random(CHANNELS, length) * 3 + 5
        expected = truth(torch.tensor(x.T[None]).double(), torch.tensor(voice()).double())[0].detach().numpy().T
        assert_equal_then_zeros(run(x, length, room), expected, TOLERANCE)


@pytest.fixture
def reference_modules() -> Any:
    """Return kokoro's own modules."""
    reason = "the PyTorch reference is not installed: `make test` installs it"
    return pytest.importorskip("tests.reference", reason=reason).modules

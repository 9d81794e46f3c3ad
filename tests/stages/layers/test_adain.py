"""Cases that can break the blocks: one frame, whose variance is 0; statistics that see rows past the valid ones; gamma
and beta, one after the other in the checkpoint but padded apart in memory; equal widths, which have no conv1x1; the
shortcut repeated before or after its convolution; the pool's taps the wrong way round.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from tvm.target import Target

from stages.kernels.rows import Rows
from stages.kernels.simd import padded
from stages.layers.adain import AdainResBlk1d, StyleProjection
from tests.stages.layers.conftest import STYLE, Array, CompileLayer, assert_equal_then_zeros, random, voice

reason = "the PyTorch reference is not installed: `make test` installs it"
reference = pytest.importorskip("tests.reference", reason=reason)
import torch  # noqa: E402 - the reference brings it

LENGTHS = [(2, 2), (37, 60), (260, 261)]  # valid, room
TOLERANCE = 5e-5  # with two frames, a difference between two float32 numbers is divided by itself


def block_of_the_reference(inputs: int, outputs: int, upsample: bool) -> Any:
    torch.manual_seed(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it uses PyTorch's older weight norm
        block = reference.istftnet.AdainResBlk1d(inputs, outputs, STYLE, upsample=upsample or "none")
    for parameter in block.parameters():
        parameter.data.normal_(0, 0.3)
    for norm in (block.norm1.norm, block.norm2.norm):  # no checkpoint has these
        norm.weight.data.fill_(1)
        norm.bias.data.zero_()
    return block


@pytest.mark.parametrize(
    ("inputs", "outputs", "upsample", "rows"),
    [(34, 64, False, Rows()), (64, 34, True, Rows(2, 1)), (22, 22, True, Rows())],
)
def test_block_equals_the_reference(
    compile_layer: CompileLayer, inputs: int, outputs: int, upsample: bool, rows: Rows
) -> None:
    truth = block_of_the_reference(inputs, outputs, upsample)
    run = compile_layer(
        lambda: AdainResBlk1d(inputs, outputs, STYLE, upsample=upsample),
        lambda layer, x, style: layer(x, style),
        inputs,
        truth.state_dict(),
        rows,
    )
    truth.double()
    for length, room in LENGTHS:
        x = random(inputs, rows.of(length)) + 1
        expected = truth(torch.tensor(x[None]).double(), torch.tensor(voice()).double())[0].detach().numpy()
        assert_equal_then_zeros(run(x, length, room), expected, TOLERANCE)


def test_block_of_one_row_is_finite_and_follows_the_style(compile_layer: CompileLayer) -> None:
    """PyTorch refuses an instance norm over one value: there its formula gives 0 before gamma and beta."""
    truth = block_of_the_reference(24, 24, upsample=False)
    run = compile_layer(
        lambda: AdainResBlk1d(24, 24, STYLE), lambda layer, x, style: layer(x, style), 24, truth.state_dict()
    )
    x = random(24, 1)
    expected = _formula_of_one_row(truth, x)
    assert_equal_then_zeros(run(x, 1, 5), expected, TOLERANCE)


def _formula_of_one_row(block: Any, x: Array) -> Array:
    style = torch.tensor(voice())
    with torch.no_grad():
        h = torch.nn.functional.leaky_relu(block.norm1.fc(style)[:, 24:, None], 0.2)
        block.conv1(h)
        h = torch.nn.functional.leaky_relu(block.norm2.fc(style)[:, 24:, None], 0.2)
        total: Array = ((block.conv2(h) + torch.tensor(x[None])) / np.sqrt(2))[0].numpy()
    return total


def test_gamma_and_beta_lie_padded_apart() -> None:
    weight, bias = random(2 * 21, 3), random(2 * 21)
    with Target({"kind": "llvm"}):
        layer = StyleProjection(3, 21)
        parameters = layer.pack({"weight": weight, "bias": bias})
    width = padded(21)
    assert parameters["bias"].shape == (2 * width,)
    np.testing.assert_array_equal(parameters["bias"][:21], bias[:21])
    np.testing.assert_array_equal(parameters["bias"][width : width + 21], bias[21:])
    assert not parameters["bias"][21:width].any()

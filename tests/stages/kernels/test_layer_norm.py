"""Cases that can break a layer norm: channel counts that no vector divides, or that a vector exceeds; NaN in the
padding channels and past the valid rows; rows of one value (variance 0); a mean far from 0, where a one-pass variance
cancels; a number of rows that is not a multiple of a task's; a residual with its own garbage around it.
"""

from __future__ import annotations

import numpy as np
import pytest

from stages.kernels.layer_norm import layer_norm_kernel
from stages.kernels.simd import padded
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

CHANNELS = [3, 21, 96]
ROWS = [1, 13]


def normalise(z: Array, eps: float) -> Array:
    z = z.astype(np.float64)
    deviation = z - z.mean(axis=1, keepdims=True)
    result: Array = deviation / np.sqrt((deviation**2).mean(axis=1, keepdims=True) + eps)
    return result


def buffer(values: Array, capacity: int = 0) -> Array:
    """Put `values` into an argument of the kernel, with NaN around them."""
    rows, channels = values.shape
    out = np.full((max(rows, capacity), padded(channels)), np.nan, np.float32)
    out[:rows, :channels] = values
    return out


def run(norm: CompiledKernel, values: list[Array], affine: list[Array], capacity: int = 0, threads: int = 1) -> Array:
    rows = len(values[0])
    arguments = [*(buffer(v, capacity) for v in values), *affine, np.array([rows], np.int64)]
    y = np.full_like(arguments[0], np.nan)
    return norm(*arguments, outputs=[y], threads=threads)[0][:rows]


def random(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module", params=CHANNELS)
def channels(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def affine(channels: int) -> list[Array]:
    return list(buffer(random(2, channels)))


@pytest.fixture(scope="module")
def norm(compile_kernel: CompileKernel, channels: int) -> CompiledKernel:
    return compile_kernel(lambda simd: layer_norm_kernel(channels, 1e-5, simd))


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_norm_equals_the_formula(
    norm: CompiledKernel, affine: list[Array], channels: int, rows: int, offset: float
) -> None:
    x = random(rows, channels) + np.float32(offset)
    gamma, beta = (a[:channels] for a in affine)
    expected = normalise(x, 1e-5) * gamma + beta
    np.testing.assert_allclose(run(norm, [x], affine)[:, :channels], expected, rtol=0, atol=1e-5 + 1e-6 * offset)


def test_norm_writes_zeros_into_padding_channels(norm: CompiledKernel, affine: list[Array], channels: int) -> None:
    assert not run(norm, [random(13, channels)], affine)[:, channels:].any()


def test_norm_of_a_constant_row_is_beta(norm: CompiledKernel, affine: list[Array], channels: int) -> None:
    y = run(norm, [np.full((2, channels), 4.0, np.float32)], affine)
    np.testing.assert_array_equal(y[:, :channels], np.tile(affine[1][:channels], (2, 1)))


def test_norm_does_not_see_rows_past_the_length(norm: CompiledKernel, affine: list[Array], channels: int) -> None:
    x = random(13, channels)
    np.testing.assert_array_equal(run(norm, [x], affine, capacity=30), run(norm, [x], affine))


def test_norm_gives_the_same_bits_on_two_threads(norm: CompiledKernel, affine: list[Array], channels: int) -> None:
    x = random(50, channels)
    np.testing.assert_array_equal(run(norm, [x], affine, threads=2), run(norm, [x], affine))


def test_norm_adds_the_residual_first(compile_kernel: CompileKernel, channels: int, affine: list[Array]) -> None:
    norm = compile_kernel(lambda simd: layer_norm_kernel(channels, 1e-12, simd, residual=True))
    x, residual = random(2, 13, channels)
    gamma, beta = (a[:channels] for a in affine)
    expected = normalise(x + residual, 1e-12) * gamma + beta
    np.testing.assert_allclose(run(norm, [x, residual], affine)[:, :channels], expected, rtol=0, atol=1e-5)


def test_norm_ends_with_a_leaky_relu(compile_kernel: CompileKernel, channels: int, affine: list[Array]) -> None:
    norm = compile_kernel(lambda simd: layer_norm_kernel(channels, 1e-5, simd, leaky=0.2))
    x = random(13, channels)
    gamma, beta = (a[:channels] for a in affine)
    linear = normalise(x, 1e-5) * gamma + beta
    expected = np.where(linear > 0, linear, 0.2 * linear)
    np.testing.assert_allclose(run(norm, [x], affine)[:, :channels], expected, rtol=0, atol=1e-5)


def test_adaptive_norm_takes_its_gain_and_shift_from_one_row(compile_kernel: CompileKernel, channels: int) -> None:
    norm = compile_kernel(lambda simd: layer_norm_kernel(channels, 1e-5, simd, adaptive=True))
    x, style = random(13, channels), random(1, 2 * channels)
    expected = normalise(x, 1e-5) * (1 + style[0, :channels]) + style[0, channels:]
    np.testing.assert_allclose(run(norm, [x], [buffer(style)])[:, :channels], expected, rtol=0, atol=1e-5)

"""Cases that can break the doubling of rows: one row; rows that are no multiple of a task's sixteen; the last odd row,
after which comes 0 and not the activated garbage of the next; a norm that turns 0 into something else, so that 0 has to
be put after it; NaN past the valid rows and in the padding channels.
"""

from __future__ import annotations

import numpy as np
import pytest

from stages.kernels.rows import Rows
from stages.kernels.simd import padded
from stages.kernels.upsample import depthwise_upsample_kernel, repeat_rows_kernel
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

CHANNELS, LEAKY = 37, 0.2
RATE = Rows(2, 1)
LENGTHS = (0, 1, 7, 8, 15, 16, 40)  # 1, 3, 15, 17, 31, 33 and 81 rows


def surround_with_nan(values: Array, rows: int) -> Array:
    """Put `values` into a buffer of `rows` rows, with NaN around them."""
    out = np.full((rows, padded(CHANNELS)), np.nan, np.float32)
    out[: len(values), :CHANNELS] = values
    return out


def random(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def run(kernel: CompiledKernel, x: Array, *parameters: Array, spare: int = 0, threads: int = 1) -> Array:
    """Return the valid rows of y; the buffers have `spare` rows more."""
    length = (len(x) - RATE.extra) // RATE.scale
    inputs = [np.array([length]), surround_with_nan(x, len(x) + spare), *parameters]
    y = np.full((2 * (len(x) + spare), padded(CHANNELS)), np.nan, np.float32)
    return kernel(*inputs, outputs=[y], threads=threads)[0][: 2 * len(x), :CHANNELS]


@pytest.fixture(scope="module")
def upsample(compile_kernel: CompileKernel) -> CompiledKernel:
    return compile_kernel(lambda simd: depthwise_upsample_kernel(CHANNELS, RATE, LEAKY, simd))


@pytest.fixture(scope="module")
def repeat(compile_kernel: CompileKernel) -> CompiledKernel:
    return compile_kernel(lambda simd: repeat_rows_kernel(CHANNELS, RATE, simd))


@pytest.fixture(scope="module")
def parameters() -> list[Array]:
    """Return weight, bias and norm."""
    weight, bias, norm = random(3, CHANNELS), random(1, CHANNELS), random(3, CHANNELS) + 1
    return [surround_with_nan(weight, 3), surround_with_nan(bias, 1)[0], surround_with_nan(norm, 3)]


def compute_in_float64(x: Array, parameters: list[Array]) -> Array:
    """Compute a transposed convolution by its definition: every input row adds to three output rows."""
    weight, bias, norm = (p[..., :CHANNELS].astype(np.float64) for p in parameters)
    h = (x - norm[0]) * norm[1] + norm[2]
    h = np.where(h > 0, h, LEAKY * h)
    y = np.zeros((2 * len(x) + 2, CHANNELS))
    for t in range(len(x)):
        y[2 * t : 2 * t + 3] += h[t] * weight  # stride 2, kernel 3
    return y[1 : 2 * len(x) + 1] + bias  # padding 1, output_padding 1


@pytest.mark.parametrize("length", LENGTHS)
def test_upsample_equals_the_definition_in_float64(
    upsample: CompiledKernel, parameters: list[Array], length: int
) -> None:
    x = random(RATE.of(length), CHANNELS)
    expected = compute_in_float64(x, parameters)
    np.testing.assert_allclose(run(upsample, x, *parameters), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_repeat_gives_every_row_twice(repeat: CompiledKernel, length: int) -> None:
    x = random(RATE.of(length), CHANNELS)
    np.testing.assert_array_equal(run(repeat, x, spare=20), np.repeat(x, 2, axis=0))


def test_upsample_is_the_same_for_any_capacity_and_number_of_threads(
    upsample: CompiledKernel, parameters: list[Array]
) -> None:
    for length in LENGTHS:
        x = random(RATE.of(length), CHANNELS)
        exact = run(upsample, x, *parameters)
        np.testing.assert_array_equal(run(upsample, x, *parameters, spare=20, threads=2), exact)

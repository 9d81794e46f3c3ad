"""Cases that can break the join: the first row with reflection, which is the second of x; rows at either side of a
block's end, where the statistics turn; a block that begins inside the reflected signal; NaN past the valid rows of
either input and in their padding channels.
"""

from __future__ import annotations

import numpy as np
import pytest
from tvm.target import Target

from stages.kernels.add_source import add_source_kernel
from stages.kernels.rows import Rows
from stages.kernels.simd import Simd, padded
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

CHANNELS = 37
LENGTHS = (1, 15, 16, 18, 19, 60)  # 6 rows a frame: blocks have 96 or 112
SCALE = 6


@pytest.fixture(scope="module", params=[0, 1], ids=["plain", "reflected"])
def reflect(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def add_source(compile_kernel: CompileKernel, reflect: int) -> CompiledKernel:
    return compile_kernel(lambda simd: add_source_kernel(CHANNELS, Rows(SCALE, reflect), reflect, simd))


def make_operands(length: int, reflect: int) -> tuple[Array, Array]:
    """Return x and source; the second has a row more where x is reflected."""
    rng = np.random.default_rng(length)
    shapes = [(SCALE * length, CHANNELS), (SCALE * length + reflect, CHANNELS)]
    x, source = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return x + 100, source


def surround_with_nan(values: Array, spare: int) -> Array:
    out = np.full((len(values) + spare, padded(CHANNELS)), np.nan, np.float32)
    out[: len(values), :CHANNELS] = values
    return out


def run(
    add_source: CompiledKernel, x: Array, source: Array, block: int, spare: int = 0, threads: int = 1
) -> tuple[Array, Array]:
    """Return the valid part of y and of the statistics."""
    length = np.array([len(x) // SCALE])
    y = np.full((len(source) + spare, padded(CHANNELS)), np.nan, np.float32)
    partials = np.full((2, -(-len(y) // block), padded(CHANNELS)), np.nan, np.float32)
    inputs = [surround_with_nan(x, spare), surround_with_nan(source, spare)]
    y, partials = add_source(length, *inputs, outputs=[y, partials], threads=threads)
    return y[: len(source), :CHANNELS], partials[:, : -(-len(source) // block), :CHANNELS]


@pytest.mark.parametrize("length", LENGTHS)
def test_sum_and_its_statistics_equal_the_formula(
    add_source: CompiledKernel, reflect: int, length: int, target: Target
) -> None:
    x, source = make_operands(length, reflect)
    block = Simd.of(target).block
    y, (means, squares) = run(add_source, x, source, block)
    np.testing.assert_array_equal(y, np.concatenate([x[1 : 1 + reflect], x]) + source)
    blocks = np.split(y.astype(np.float64), range(block, len(y), block))
    np.testing.assert_allclose(means, [part.mean(0) for part in blocks], rtol=2e-6)
    np.testing.assert_allclose(squares, [part.var(0) * len(part) for part in blocks], rtol=1e-5, atol=1e-6)


def test_sum_is_the_same_for_any_capacity_and_number_of_threads(
    add_source: CompiledKernel, reflect: int, target: Target
) -> None:
    block = Simd.of(target).block
    for length in LENGTHS:
        x, source = make_operands(length, reflect)
        roomy = run(add_source, x, source, block, spare=130, threads=2)
        for one, other in zip(run(add_source, x, source, block), roomy, strict=True):
            np.testing.assert_array_equal(other, one)

"""Cases that can break the norm: one row (variance 0); rows at either side of a block's end, and a last block much
shorter than the others, which weighs less; a mean far from 0, where a one-pass variance cancels, and one that moves
between blocks; a long signal, whose sums lose digits if they run through; NaN past the valid rows, in the padding
channels and in the statistics of blocks that are not there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from tvm.target import Target

from stages.kernels.instance_norm import adain_kernel, moments_kernel
from stages.kernels.rows import Rows
from stages.kernels.simd import Simd, padded
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

CHANNELS, EPS = 21, 1e-5
LENGTHS = (1, 5, 6, 7, 10, 56, 57, 1000)
RATE = Rows(20, 1)  # rows a frame: at 56 frames both the blocks of 96 and of 112 rows are about full


class Norm(NamedTuple):
    """Both kernels, and the rows of their blocks."""

    moments: CompiledKernel
    adain: CompiledKernel
    block: int


@pytest.fixture(scope="module")
def norm(compile_kernel: CompileKernel, target: Target) -> Norm:
    return Norm(
        compile_kernel(moments_kernel), compile_kernel(lambda simd: adain_kernel(EPS, simd)), Simd.of(target).block
    )


def signal(length: int, offset: float = 0.0, drift: float = 0.0) -> Array:
    rows = RATE.of(length)
    x = np.random.default_rng(length).standard_normal((rows, CHANNELS)) * np.linspace(0.5, 3, CHANNELS)
    return (x + offset + drift * np.arange(rows)[:, None] / rows).astype(np.float32)


def run_moments(norm: Norm, x: Array, spare: int = 0, threads: int = 1) -> Array:
    """Return the statistics [2, blocks, width] of x, in a buffer for `spare` more frames, with NaN around both."""
    length = (len(x) - RATE.extra) // RATE.scale
    rows = RATE.of(length + spare)
    buffer = np.full((rows, padded(CHANNELS)), np.nan, np.float32)
    buffer[: len(x), :CHANNELS] = x
    partials = np.full((2, -(-rows // norm.block), padded(CHANNELS)), np.nan, np.float32)
    return norm.moments(np.array([length]), buffer, RATE.scale, RATE.extra, outputs=[partials], threads=threads)[0]


def run_adain(norm: Norm, partials: Array, length: int, style: Array, rows: Rows = RATE) -> Array:
    """Return mean, scale and shift of the channels without padding."""
    row = np.full((2, padded(CHANNELS)), np.nan, np.float32)
    row[:, :CHANNELS] = style
    out = np.full((3, padded(CHANNELS)), np.nan, np.float32)
    numbers = (rows.scale, rows.extra, norm.block)
    return norm.adain(np.array([length]), partials, row.reshape(1, -1), *numbers, outputs=[out])[0][:, :CHANNELS]


def compute_in_float64(x: Array, style: Array) -> Array:
    x = x.astype(np.float64)
    return np.stack([x.mean(0), (1 + style[0]) / np.sqrt(x.var(0) + EPS), style[1]])


@pytest.fixture
def style() -> Array:
    return np.random.default_rng(5).standard_normal((2, CHANNELS)).astype(np.float32)


def test_moments_are_those_of_each_block(norm: Norm) -> None:
    for length in LENGTHS:
        x = signal(length)
        blocks = np.split(x.astype(np.float64), range(norm.block, len(x), norm.block))
        partials = run_moments(norm, x)[:, :, :CHANNELS]
        expected = [[block.mean(0) for block in blocks], [block.var(0) * len(block) for block in blocks]]
        np.testing.assert_allclose(partials, expected, rtol=2e-6, atol=1e-6, err_msg=f"length {length}")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("offset", "drift"), [(0.0, 0.0), (100.0, 0.0), (0.0, 50.0)])
def test_norm_equals_the_formula_in_float64(norm: Norm, style: Array, length: int, offset: float, drift: float) -> None:
    x = signal(length, offset, drift)
    found = run_adain(norm, run_moments(norm, x), length, style)
    for got, wanted in zip(found, compute_in_float64(x, style), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=5e-6, atol=1e-6)


def test_norm_of_a_constant_is_its_shift(norm: Norm, style: Array) -> None:
    x = np.full((RATE.of(9), CHANNELS), 3.0, np.float32)
    mean, scale, shift = run_adain(norm, run_moments(norm, x), 9, style)
    np.testing.assert_array_equal(mean, x[0])
    np.testing.assert_allclose(scale, (1 + style[0]) / np.sqrt(EPS), rtol=1e-6)
    np.testing.assert_array_equal(shift, style[1])


def test_norm_combines_blocks_of_any_size(norm: Norm, style: Array) -> None:
    """Winograd convolutions leave statistics of blocks of their own."""
    block, length = 30, 13
    x = signal(length, drift=50.0)
    blocks = np.split(x, range(block, len(x), block))
    partials = np.full((2, len(blocks) + 1, padded(CHANNELS)), np.nan, np.float32)
    partials[0, :-1, :CHANNELS] = [part.mean(0) for part in blocks]
    partials[1, :-1, :CHANNELS] = [((part - part.mean(0)) ** 2).sum(0) for part in blocks]
    found = run_adain(norm._replace(block=block), partials, length, style)
    for got, wanted in zip(found, compute_in_float64(x, style), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=5e-6, atol=1e-6)


def test_norm_is_the_same_for_any_capacity_and_number_of_threads(norm: Norm, style: Array) -> None:
    for length in LENGTHS:
        exact = run_moments(norm, signal(length))
        roomy = run_moments(norm, signal(length), spare=40, threads=2)
        np.testing.assert_array_equal(roomy[:, : exact.shape[1], :CHANNELS], exact[:, :, :CHANNELS])
        one, other = (run_adain(norm, partials, length, style) for partials in (exact, roomy))
        np.testing.assert_array_equal(other, one)


def test_norm_of_a_single_row_has_no_variance(norm: Norm, style: Array) -> None:
    rows = Rows(1)
    x = np.full((1, padded(CHANNELS)), 2.5, np.float32)
    partials = norm.moments(
        np.array([1]), x, rows.scale, rows.extra, outputs=[np.full((2, 1, padded(CHANNELS)), np.nan, np.float32)]
    )[0]
    mean, scale, _ = run_adain(norm, partials, 1, style, rows)
    assert np.all(mean == 2.5)
    np.testing.assert_allclose(scale, (1 + style[0]) / np.sqrt(EPS), rtol=1e-6)

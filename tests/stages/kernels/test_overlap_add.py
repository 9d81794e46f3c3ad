"""Cases that can break the tail: one frame (both trimmed ends in it), the first and last half window, where fewer rows
reach a sample and the envelope differs, rows shared by two frames' tasks, garbage in padding channels and rows, output
past the end, loud bins, and a transform of another size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from stages.kernels.overlap_add import overlap_add_kernel
from stages.kernels.simd import padded
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel


class Shape(NamedTuple):
    samples_per_frame: int = 600
    n_fft: int = 20
    hop: int = 5


Kernels = Callable[[Shape], CompiledKernel]
KOKORO = Shape()
OTHER = Shape(samples_per_frame=90, n_fft=36, hop=9)  # frames, windows and bins that are no multiple of a vector


def compute_in_float64(x: Array, shape: Shape) -> Array:
    """Compute torch.istft's formula; x is [rows, n_fft + 2]."""
    n_fft, hop, half = shape.n_fft, shape.hop, shape.n_fft // 2
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    x = x.astype(np.float64)
    pieces = np.fft.irfft(np.exp(x[:, : half + 1] + 1j * np.sin(x[:, half + 1 :])), n_fft) * window
    total, envelope = np.zeros((x.shape[0] - 1) * hop + n_fft), np.zeros((x.shape[0] - 1) * hop + n_fft)
    for row, piece in enumerate(pieces):
        total[row * hop : row * hop + n_fft] += piece
        envelope[row * hop : row * hop + n_fft] += window**2
    return total[half:-half] / envelope[half:-half]


def spectrum(length: int, shape: Shape, loudness: float = -2.0) -> Array:
    """Return log-magnitudes around `loudness`, and arcs beyond +-pi."""
    rows, bins = length * shape.samples_per_frame // shape.hop + 1, shape.n_fft // 2 + 1
    random = np.random.default_rng(length)
    parts = [random.standard_normal((rows, bins)) + loudness, 4 * random.standard_normal((rows, bins))]
    return np.concatenate(parts, axis=1).astype(np.float32)


def run_overlap_add(run: CompiledKernel, x: Array, shape: Shape, spare_frames: int = 0, threads: int = 1) -> Array:
    """Return the valid samples; `spare_frames` of garbage lie after the spectrum."""
    samples = (x.shape[0] - 1) * shape.hop
    length = samples // shape.samples_per_frame
    capacity = (length + spare_frames) * shape.samples_per_frame
    buffer = np.full((capacity // shape.hop + 1, padded(shape.n_fft + 2)), np.nan, np.float32)
    buffer[: x.shape[0], : x.shape[1]] = x
    out = np.full((1, capacity), np.nan, np.float32)
    [y] = run(np.array([length], np.int64), buffer, outputs=[out], threads=threads)
    assert not y[0, samples:].any()
    return y[0, :samples]


@pytest.fixture(scope="module")
def overlap_add(compile_kernel: CompileKernel) -> Kernels:
    """Compile the kernel for a shape, once."""
    return functools.cache(
        lambda shape: compile_kernel(
            lambda simd: overlap_add_kernel(shape.samples_per_frame, shape.n_fft, shape.hop, simd)
        )
    )


@pytest.mark.parametrize("shape", [KOKORO, OTHER])
@pytest.mark.parametrize("loudness", [-2.0, 6.0])
def test_overlap_add_equals_the_formula_in_float64(overlap_add: Kernels, shape: Shape, loudness: float) -> None:
    for length in (1, 3):
        x = spectrum(length, shape, loudness)
        wanted = compute_in_float64(x, shape)
        np.testing.assert_allclose(
            run_overlap_add(overlap_add(shape), x, shape), wanted, rtol=0, atol=5e-7 * np.abs(wanted).max()
        )


def test_overlap_add_ignores_the_imaginary_part_of_real_bins(overlap_add: Kernels) -> None:
    silent = spectrum(1, KOKORO)
    silent[:, 1:10] = -90.0  # only DC and Nyquist are heard
    mirrored = silent.copy()
    mirrored[:, 11:] *= -1  # the conjugate spectrum
    assert np.abs(compute_in_float64(silent, KOKORO)).max() > 0.01
    np.testing.assert_array_equal(
        run_overlap_add(overlap_add(KOKORO), silent, KOKORO), run_overlap_add(overlap_add(KOKORO), mirrored, KOKORO)
    )


def test_overlap_add_is_the_same_for_any_capacity_and_number_of_threads(overlap_add: Kernels) -> None:
    x = spectrum(4, KOKORO)
    wanted = run_overlap_add(overlap_add(KOKORO), x, KOKORO)
    np.testing.assert_array_equal(run_overlap_add(overlap_add(KOKORO), x, KOKORO, spare_frames=3, threads=2), wanted)

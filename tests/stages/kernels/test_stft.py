"""Cases that can break the STFT: one frame (both reflections in one block), rows that are not whole blocks, garbage
past the valid samples next to the reflected end, phases at bins that are exactly real (DC, Nyquist, row 0), where -0 or
rounding flips them by 2 pi, bins that are not whole vectors, and a transform of another size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from stages.kernels.simd import padded
from stages.kernels.stft import stft_kernel
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel


class Shape(NamedTuple):
    samples_per_frame: int = 600
    n_fft: int = 20
    hop: int = 5


Kernels = Callable[[Shape], CompiledKernel]
KOKORO = Shape()
OTHER = Shape(samples_per_frame=96, n_fft=34, hop=8)  # n_fft no multiple of 4, more bins than one vector of any target


def compute_in_float64(x: Array, shape: Shape) -> Array:
    """Compute the spectrum, [rows, bins] complex."""
    n = np.arange(shape.n_fft)
    around = np.pad(x.astype(np.float64), shape.n_fft // 2, mode="reflect")
    pieces = np.lib.stride_tricks.sliding_window_view(around, shape.n_fft)[:: shape.hop]
    return np.fft.rfft(pieces * (0.5 - 0.5 * np.cos(2 * np.pi * n / shape.n_fft)))


def signal(length: int, shape: Shape) -> Array:
    samples = length * shape.samples_per_frame
    noise = np.random.default_rng(length).standard_normal(samples)
    return 0.1 * np.sin(np.arange(samples) * 0.03) + 0.01 * noise


def run_stft(
    run: CompiledKernel, x: Array, shape: Shape, spare_frames: int = 0, threads: int = 1
) -> tuple[Array, Array, Array]:
    """Return magnitude, phase and padding channels of the valid rows.

    `spare_frames` of garbage lie after the signal.
    """
    length = x.size // shape.samples_per_frame
    buffer = np.full((length + spare_frames) * shape.samples_per_frame, np.nan)
    buffer[: x.size] = x
    out = np.full((buffer.size // shape.hop + 1, padded(shape.n_fft + 2)), np.nan, np.float32)
    [y] = run(np.array([length], np.int64), buffer, outputs=[out], threads=threads)
    rows, bins = x.size // shape.hop + 1, shape.n_fft // 2 + 1
    assert np.isnan(y[rows:]).all()
    return y[:rows, :bins], y[:rows, bins : 2 * bins], y[:rows, 2 * bins :]


@pytest.fixture(scope="module")
def stft(compile_kernel: CompileKernel) -> Kernels:
    """Compile the kernel for a shape, once."""
    return functools.cache(
        lambda shape: compile_kernel(lambda simd: stft_kernel(shape.samples_per_frame, shape.n_fft, shape.hop, simd))
    )


@pytest.mark.parametrize("shape", [KOKORO, OTHER])
def test_stft_equals_the_transform_in_float64(stft: Kernels, shape: Shape) -> None:
    for length in (1, 3):
        x = signal(length, shape)
        magnitude, phase, rest = run_stft(stft(shape), x, shape)
        wanted = compute_in_float64(x, shape)
        inner = np.s_[1:, 1:-1]  # elsewhere +pi and -pi are the same to NumPy, see below
        np.testing.assert_allclose(magnitude, np.abs(wanted), rtol=3e-7, atol=1e-7)
        loud = np.abs(wanted)[inner] > 1e-4
        assert loud.mean() > 0.9
        np.testing.assert_allclose(phase[inner][loud], np.angle(wanted)[inner][loud], atol=1e-6)
        assert np.abs(magnitude * np.exp(1j * phase.astype(np.float64)) - wanted).max() < 1e-6
        assert not rest.any()


@pytest.mark.parametrize("shape", [KOKORO, OTHER])
def test_stft_phase_of_a_real_bin_is_zero_or_plus_pi(stft: Kernels, shape: Shape) -> None:
    x = signal(3, shape)
    _, phase, _ = run_stft(stft(shape), x, shape)
    wanted = np.where(compute_in_float64(x, shape).real < 0, np.float32(np.pi), np.float32(0))
    assert 0 < np.count_nonzero(wanted[:, 0]) < wanted.shape[0]
    for real in (np.s_[:, 0], np.s_[:, -1], np.s_[0, :]):
        np.testing.assert_array_equal(phase[real], wanted[real])
        assert not np.signbit(phase[real]).any()


def test_stft_of_silence_is_zero(stft: Kernels) -> None:
    for part in run_stft(stft(KOKORO), np.zeros(600), KOKORO):
        assert not part.any()


def test_stft_is_the_same_for_any_capacity_and_number_of_threads(stft: Kernels) -> None:
    x = signal(4, KOKORO)
    wanted = run_stft(stft(KOKORO), x, KOKORO)
    for got, part in zip(run_stft(stft(KOKORO), x, KOKORO, spare_frames=3, threads=2), wanted, strict=True):
        np.testing.assert_array_equal(got, part)

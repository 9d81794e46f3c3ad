"""Cases that can break the source: one frame (first and last segment, both flat), long utterances (a phase of 10^5
turns, which may not be reduced before it is interpolated), negative F0, harmonics above the sample rate, the threshold
itself, half-frames that are not whole vectors, garbage past the valid half-frames, seeds of more than 32 bits and below
0, and noise that would depend on the capacity or the threads.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from runner.speech.philox import harmonic_noise
from stages.kernels.harmonic_source import Source, harmonic_source_kernel
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

KOKORO = Source()
WEIGHT = np.array([0.9, -0.5, 0.4, -0.3, 0.3, -0.2, 0.2, -0.1, 0.1], np.float32)
BIAS = np.array([-0.02], np.float32)
UNVOICED = np.float32(KOKORO.sine_amp / 3)  # the reference has its noise level in float32
SEEDS = [0, 1, 2**32, 0x0123456789ABCDEF, -1]


def compute_in_float64(f0: Array, seed: int, weight: Array = WEIGHT, bias: Array = BIAS) -> Array:
    """Compute the reference's formula: P is interpolated as it stands, and reduced afterwards."""
    step, last = KOKORO.half_frame, f0.size - 1
    harmonic = np.arange(1, KOKORO.harmonics + 1)
    rate = (f0.astype(np.float64)[:, None] * harmonic / KOKORO.sample_rate) % 1
    turns = step * np.cumsum(rate, axis=0)
    t = np.arange(f0.size * step)
    s = np.clip((t + 0.5) / step - 0.5, 0, last)
    low = np.floor(s).astype(int)
    part = (s - low)[:, None]
    phase = (turns[low] * (1 - part) + turns[np.minimum(low + 1, last)] * part) % 1
    voiced = (f0 > KOKORO.voiced_above)[t // step, None]
    level = np.where(voiced, np.float32(KOKORO.noise_std), UNVOICED).astype(np.float64)
    waves = voiced * KOKORO.sine_amp * np.sin(2 * np.pi * phase) + level * harmonic_noise(seed, t.size)
    return np.tanh(waves @ weight.astype(np.float64) + bias.astype(np.float64))


def melody(length: int) -> Array:
    """Return F0 [2 * length] [Hz]: voiced and unvoiced spans, some negative values, and the threshold itself."""
    random = np.random.default_rng(length)
    i = np.arange(2 * length)
    f0 = np.where(i // 7 % 3 == 2, random.standard_normal(i.size) * 5, 180 + 90 * np.sin(i / 9))
    f0[i % 29 == 3] = 10.0
    return f0.astype(np.float32)


def run_source(
    run: CompiledKernel,
    f0: Array,
    seed: int,
    weight: Array = WEIGHT,
    bias: Array = BIAS,
    spare_frames: int = 0,
    threads: int = 1,
) -> Array:
    """Return the valid samples; `spare_frames` of garbage lie after the valid F0."""
    length = f0.size // 2
    buffer = np.full((1, f0.size + 2 * spare_frames), np.nan, np.float32)
    buffer[0, : f0.size] = f0
    inputs = np.array([length], np.int64), buffer, np.array(seed, np.int64), weight, bias
    [y] = run(*inputs, outputs=[np.full(buffer.size * KOKORO.half_frame, np.nan)], threads=threads)
    assert np.isnan(y[f0.size * KOKORO.half_frame :]).all()
    return y[: f0.size * KOKORO.half_frame]


@pytest.fixture(scope="module")
def source(compile_kernel: CompileKernel) -> CompiledKernel:
    """Compile the kernel, once for each target."""
    return compile_kernel(lambda simd: harmonic_source_kernel(KOKORO, simd))


@pytest.mark.parametrize("length", [1, 2, 40])
def test_harmonic_source_equals_the_formula_in_float64(source: CompiledKernel, length: int) -> None:
    f0 = melody(length)
    np.testing.assert_allclose(run_source(source, f0, 7), compute_in_float64(f0, 7), rtol=0, atol=1e-11)


@pytest.mark.parametrize("hz", [100.0, 23999.0, 30000.0])
def test_harmonic_source_keeps_its_phase_over_a_long_utterance(source: CompiledKernel, hz: float) -> None:
    f0 = np.full(400, hz, np.float32)
    np.testing.assert_allclose(run_source(source, f0, 7), compute_in_float64(f0, 7), rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_harmonic_source_draws_the_noise_of_its_twin(source: CompiledKernel, seed: int) -> None:
    unvoiced, noise = np.zeros(4, np.float32), harmonic_noise(seed, 4 * KOKORO.half_frame)
    for harmonic in range(KOKORO.harmonics):
        weight = np.eye(KOKORO.harmonics, dtype=np.float32)[harmonic]
        y = run_source(source, unvoiced, seed, weight, np.zeros(1, np.float32))
        np.testing.assert_allclose(np.arctanh(y) / np.float64(UNVOICED), noise[:, harmonic], rtol=0, atol=1e-12)


def test_harmonic_source_is_the_same_for_any_capacity_and_number_of_threads(source: CompiledKernel) -> None:
    f0 = melody(5)
    wanted = run_source(source, f0, 3)
    np.testing.assert_array_equal(run_source(source, f0, 3, spare_frames=4, threads=2), wanted)


def test_harmonic_source_of_another_seed_differs(source: CompiledKernel) -> None:
    f0 = melody(2)
    assert (run_source(source, f0, 3) != run_source(source, f0, 4)).mean() > 0.9


def test_harmonic_source_takes_other_rates(compile_kernel: CompileKernel) -> None:
    other = Source(harmonics=3, sample_rate=8000, half_frame=50, sine_amp=0.2, noise_std=0.0)
    run = compile_kernel(lambda simd: harmonic_source_kernel(other, simd))
    weight, bias = np.array([0, 0, 1], np.float32), np.zeros(1, np.float32)
    inputs = np.array([4], np.int64), np.full((1, 8), 400, np.float32), np.array(0, np.int64), weight, bias
    [y] = run(*inputs, outputs=[np.full(400, np.nan)])
    t = np.arange(25, 375)  # between the first and the last centre
    turns = 3 * 400 / 8000 * (50 + t - 24.5)
    np.testing.assert_allclose(y[t], np.tanh(0.2 * np.sin(2 * math.pi * turns)), rtol=0, atol=1e-12)

"""The twin of the compiled noise generator against published vectors and the moments of a normal deviate."""

from __future__ import annotations

import numpy as np
import pytest

from runner.speech.philox import HARMONICS, harmonic_noise, philox4x32, uniform

# Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_equals_published_vectors(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    np.testing.assert_array_equal(philox4x32(np.array([counter], np.uint32), key)[0], np.array(expected, np.uint32))


def test_uniform_never_reaches_zero_and_ends_at_one() -> None:
    low, high = uniform(np.array([0, 0xFFFFFFFF], np.uint32))
    assert (low, high) == (2.0**-25, 1.0)


def test_noise_is_standard_normal_and_uncorrelated_between_harmonics() -> None:
    noise = harmonic_noise(seed=3, samples=60_000)
    assert noise.shape == (60_000, HARMONICS)
    np.testing.assert_allclose(noise.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(HARMONICS), atol=0.03)
    np.testing.assert_allclose((noise**4).mean(0), 3, atol=0.15)


def test_noise_of_a_sample_depends_on_nothing_after_it() -> None:
    np.testing.assert_array_equal(harmonic_noise(seed=7, samples=100), harmonic_noise(seed=7, samples=1000)[:100])


@pytest.mark.parametrize("other", [1, 1 << 32, -1])
def test_noise_differs_with_either_half_of_the_seed(other: int) -> None:
    assert np.abs(harmonic_noise(0, 50) - harmonic_noise(other, 50)).max() > 0.1

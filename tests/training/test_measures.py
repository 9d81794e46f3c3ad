"""The measures, on sounds of which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("jiwer", reason="the extra [train] is not installed")

from training import measures

_SLOTS = 200
_SAMPLES = 300 * _SLOTS
_RNG = np.random.default_rng(3)
_NOISE = (0.05 * _RNG.standard_normal(_SAMPLES)).astype(np.float32)
_F0 = np.full(_SLOTS, 150, np.float32)


def _harmonics(first: int, last: int) -> NDArray[np.float32]:
    """Harmonics of 150 Hz, equally loud."""
    at = 2 * np.pi * 150 * np.arange(_SAMPLES) / 24000
    return sum((0.02 * np.sin(k * at + k * k) for k in range(first, last + 1)), np.zeros(_SAMPLES)).astype(np.float32)


@pytest.mark.parametrize(
    ("wanted", "heard", "errors"),
    [
        ("the cat sat", "the cat sat", 0),
        ("the cat sat", "the bat sat down", 2),
        ("the cat sat", "", 3),
        ("the cat sat", "cat", 2),
    ],
)
def test_word_errors(wanted: str, heard: str, errors: int) -> None:
    assert measures.word_errors(wanted.split(), heard.split()) == errors


def test_ratio_is_of_the_sums_and_its_interval_narrows_with_more_sentences() -> None:
    errors, words = _RNG.integers(0, 4, 40), np.full(40, 8)
    few = measures.ratio(errors.tolist(), words.tolist())
    many = measures.ratio(np.tile(errors, 25).tolist(), np.tile(words, 25).tolist())
    assert few.value == many.value == pytest.approx(errors.sum() / 320)
    assert few.low < few.value < few.high
    assert (many.high - many.low) < (few.high - few.low) / 3


def test_periodicity_is_one_for_a_steady_voice_and_low_for_noise() -> None:
    steady = measures.periodicity(_harmonics(1, 40), _F0)
    assert steady.shape == (_SLOTS,)
    assert steady[4:-4].min() > 0.99
    assert abs(measures.periodicity(_NOISE, _F0).mean()) < 0.2


def test_periodicity_hears_only_what_is_above_1_khz() -> None:
    voice = _harmonics(1, 5) + _NOISE  # up to 750 Hz
    assert measures.periodicity(voice, _F0).mean() < 0.3


def test_periodicity_leaves_unvoiced_slots_out() -> None:
    f0 = _F0.copy()
    f0[50:] = 0
    assert measures.periodicity(_harmonics(1, 40), f0).shape == (50,)


def test_warp_follows_the_tokens() -> None:
    durations, wanted = np.array([2, 4, 2]), np.array([2, 2, 4])
    np.testing.assert_array_equal(measures.warp(wanted, wanted), np.arange(16))
    slots = measures.warp(durations, wanted)
    assert len(slots) == 2 * wanted.sum()
    token_of_slot = np.repeat(np.arange(3), 2 * durations)
    np.testing.assert_array_equal(token_of_slot[slots], np.repeat(np.arange(3), 2 * wanted))


def test_log_mel_distance_is_zero_for_the_same_and_counts_loudness_in_nats() -> None:
    slots = np.arange(_SLOTS)
    assert measures.log_mel_distance(_NOISE, _NOISE, slots) == 0
    louder = measures.log_mel_distance((np.e * _NOISE).astype(np.float32), _NOISE, slots)
    assert louder == pytest.approx(2, abs=0.05)  # of power


def test_log_mel_distance_compares_along_the_slots() -> None:
    voice = _harmonics(1, 40) * np.linspace(0, 1, _SAMPLES, dtype=np.float32)
    late = np.concatenate([np.zeros(3000, np.float32), voice])
    aligned = measures.log_mel_distance(late, voice, np.arange(_SLOTS) + 10)
    assert aligned < 0.05 < measures.log_mel_distance(late, voice, np.arange(_SLOTS))


def test_pitch_error_is_over_what_both_voice() -> None:
    f0, wanted = (np.array(each, np.float32) for each in ([0, 100, 110, 120], [90, 100, 100, 0]))
    assert measures.pitch_error(f0, wanted, np.arange(4)) == (5.0, 0.5)


def test_defects_are_counted() -> None:
    audio = np.zeros(1000, np.float32)
    audio[:10], audio[500] = 1, -0.5
    found = measures.defects(audio)
    assert found.clipped == pytest.approx(0.01)
    assert found.dc == pytest.approx(0.0095)
    assert found.click == 1

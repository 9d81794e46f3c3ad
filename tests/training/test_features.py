"""Pitch and energy, on tones whose pitch and level are known, and the repair of pitch on made-up labels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("parselmouth", reason="the extra [train] is not installed")

from training.alignment import Alignment
from training.features import SLOT_SAMPLES, at_24_khz, energy, pitch, repair

_SLOTS = 160


def _buzz(f0_hz: NDArray[np.float64] | float) -> NDArray[np.float32]:
    """Ten harmonics, each a third quieter than the one before, of F0 given per sample or once."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, _SLOTS * SLOT_SAMPLES)) / 24000
    return sum((0.1 * 0.67**k * np.sin(k * phase) for k in range(1, 11)), np.zeros(len(phase))).astype(np.float32)


@pytest.mark.parametrize("f0_hz", [85.0, 120.0, 193.0, 260.0])
def test_pitch_is_that_of_a_steady_buzz(f0_hz: float) -> None:
    found = pitch(_buzz(f0_hz), 60, 400)
    assert found.shape == (_SLOTS,)
    np.testing.assert_allclose(found[4:-4], f0_hz, rtol=2e-3)


@pytest.mark.parametrize("lowest_hz", [60.0, 75.0, 110.0])
def test_pitch_is_centred_on_the_slot_when_it_glides(lowest_hz: float) -> None:
    at = np.arange(_SLOTS * SLOT_SAMPLES)
    f0_hz = 150 + 60 * at / len(at)
    found = pitch(_buzz(f0_hz), lowest_hz, 400)
    expected = f0_hz.reshape(_SLOTS, SLOT_SAMPLES).mean(1)
    # A slot rises 0.375 Hz: half a slot of displacement would show.
    assert abs(np.mean((found - expected)[8:-8])) < 0.08


def test_pitch_is_zero_in_silence() -> None:
    audio = _buzz(150)
    audio[: 80 * SLOT_SAMPLES] = 0
    found = pitch(audio, 60, 400)
    assert (found[:76] == 0).all()
    assert (found[84:-4] > 0).all()


def test_energy_rises_by_log_4_when_the_amplitude_doubles() -> None:
    audio = _buzz(150)
    # The norm is over power bands, and 1e-5 a band is nothing beside them.
    np.testing.assert_allclose((energy(2 * audio) - energy(audio))[4:-4], np.log(4), atol=1e-3)


def test_energy_of_silence_is_that_of_the_floor() -> None:
    np.testing.assert_allclose(energy(np.zeros(3000, np.float32)), np.log(1e-5 * np.sqrt(80)), rtol=1e-6)


def test_energy_is_centred_on_the_slot() -> None:
    audio = np.zeros(_SLOTS * SLOT_SAMPLES, np.float32)
    audio[60 * SLOT_SAMPLES + SLOT_SAMPLES // 2] = 1  # a click in the middle of slot 60
    n = energy(audio)
    assert n.argmax() == 60
    np.testing.assert_allclose(n[59], n[61], atol=0.05)


def _labels(*tokens: tuple[str, int]) -> Alignment:
    """Symbols and their frames, the silent tokens at both ends among them."""
    symbols = "".join(symbol for symbol, _ in tokens[1:-1])
    return Alignment(symbols, np.zeros(len(tokens), np.int16), np.array([frames for _, frames in tokens], np.int16))


def test_repair_voices_audible_vowels_and_their_stress_marks() -> None:
    labels = _labels(("", 4), ("s", 3), ("ˈ", 1), ("ɛ", 4), ("", 4))
    f0 = np.zeros(32, np.float32)
    f0[17:22] = 100, 101, 102, 103, 104
    n = np.full(32, 6, np.float32)
    repaired = repair(f0, n, labels)
    assert (repaired[14:24] > 0).all()
    assert (repaired[:14] == 0).all()
    assert (repaired[24:] == 0).all()
    np.testing.assert_array_equal(repaired[17:22], f0[17:22])


def test_repair_leaves_a_vowel_unvoiced_where_it_is_not_audible() -> None:
    labels = _labels(("", 4), ("ɛ", 8), ("", 4))
    f0 = np.zeros(32, np.float32)
    f0[8:16] = 100
    n = np.where(np.arange(32) < 20, 6, 0).astype(np.float32)
    repaired = repair(f0, n, labels)
    assert (repaired[8:20] > 0).all()
    assert (repaired[20:] == 0).all()


def test_repair_removes_specks_and_closes_short_gaps() -> None:
    labels = _labels(("", 4), ("z", 6), ("s", 2), ("", 4))
    f0 = np.zeros(32, np.float32)
    f0[8:13], f0[15:20] = 100, 110
    f0[26:28] = 300
    repaired = repair(f0, np.full(32, 5, np.float32), labels)
    np.testing.assert_allclose(repaired[13:15], [103.33, 106.67], atol=0.01)
    assert (repaired[20:] == 0).all()


def test_at_24_khz_keeps_pitch_level_and_place() -> None:
    tone = (8000 * np.sin(2 * np.pi * 441 * np.arange(22050) / 22050)).astype(np.int16)
    audio = at_24_khz(tone, 22050, 54)
    assert audio.shape == (54 * 600,)
    assert (audio[:2400] == 0).all()
    expected = 8000 / 32768 * np.sin(2 * np.pi * 441 * np.arange(24000) / 24000)
    np.testing.assert_allclose(audio[2400:26400][500:-500], expected[500:-500], atol=2e-3)

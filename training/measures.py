"""What a machine can hear: measures of speech at 24 kHz, most of them against other speech of the same tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jiwer
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from training.alignment import SAMPLE_RATE
from training.features import SLOT_SAMPLES, SLOTS_PER_FRAME, mel

Audio = NDArray[np.float32]
_HIGH_PASS_HZ = 1000
_WINDOW_SAMPLES = 720  # 30 ms
_LAG_TOLERANCE = 2  # samples: F0 is given for 300 of them
_RESAMPLES = 2000
_FULL_SCALE = 0.999


def word_errors(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """Words, or symbols of a word, to substitute, insert and delete in `heard` to get `wanted`."""
    counted = jiwer.process_words(" ".join(wanted), " ".join(heard))
    return int(counted.substitutions + counted.insertions + counted.deletions)


class Interval(NamedTuple):
    """A figure and the 95 % interval that resampling the sentences gives it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def ratio(above: Sequence[float], below: Sequence[float], seed: int = 0) -> Interval:
    """sum(above) / sum(below) over sentences: errors over words is a word error rate. Bootstrap percentiles."""
    a, b = np.asarray(above, float), np.asarray(below, float)
    drawn = np.random.default_rng(seed).integers(len(a), size=(_RESAMPLES, len(a)))
    low, high = np.percentile(a[drawn].sum(1) / b[drawn].sum(1), [2.5, 97.5])
    return Interval(float(a.sum() / b.sum()), float(low), float(high))


def periodicity(audio: Audio, f0: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of each voiced slot: how alike two neighbouring pitch periods are above 1 kHz, from -1 to 1.

    The normalised autocorrelation of the high-passed signal in 30 ms about the slot, at the lag of `f0` (Hz a slot of
    300 samples, 0 = unvoiced; the best of lags within 2 samples, since the pitch moves within a slot).
    """
    high = sosfiltfilt(butter(6, _HIGH_PASS_HZ, "highpass", fs=SAMPLE_RATE, output="sos"), audio.astype(np.float64))
    margin = _WINDOW_SAMPLES + SAMPLE_RATE // 50
    padded = np.pad(high, margin)
    voiced = np.flatnonzero(f0[: len(audio) // SLOT_SAMPLES] > 0)
    return np.array(
        [_alike(padded, margin + slot * SLOT_SAMPLES + SLOT_SAMPLES // 2, f0[slot]) for slot in voiced.tolist()]
    )


def _alike(signal: NDArray[np.float64], centre: int, hz: float) -> float:
    lag = round(SAMPLE_RATE / hz)
    best = -1.0
    for shift in range(lag - _LAG_TOLERANCE, lag + _LAG_TOLERANCE + 1):
        begin = centre - (_WINDOW_SAMPLES + shift) // 2
        a, b = signal[begin:][:_WINDOW_SAMPLES], signal[begin + shift :][:_WINDOW_SAMPLES]
        best = max(best, float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12)))
    return best


def warp(durations: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.int64]:
    """For each slot of the `wanted` durations of the same tokens, the slot of `durations` that says the same."""
    ends, wanted_ends = (np.concatenate([[0], np.cumsum(each)]) * SLOTS_PER_FRAME for each in (durations, wanted))
    at = np.interp(np.arange(wanted_ends[-1]) + 0.5, wanted_ends, ends)
    slots: NDArray[np.int64] = np.minimum(at.astype(np.int64), int(ends[-1]) - 1)
    return slots


def log_mel_distance(audio: Audio, wanted: Audio, slots: NDArray[np.int64]) -> float:
    """Mean |log mel - log mel| in nats, 80 bands and the slots of `wanted`; `slots` is what `warp` gives."""
    a, b = np.log(mel(audio)), np.log(mel(wanted))
    return float(np.abs(a[slots[: len(b)]] - b).mean())


def pitch_error(f0: NDArray[np.float32], wanted: NDArray[np.float32], slots: NDArray[np.int64]) -> tuple[float, float]:
    """(mean error in Hz where both are voiced, share of slots whose voicing differs), along `slots`."""
    warped = f0[slots]
    both = (warped > 0) & (wanted > 0)
    return float(np.abs(warped - wanted)[both].mean()), float(((warped > 0) != (wanted > 0)).mean())


class Defects(NamedTuple):
    """`clipped` is a share of the samples; `dc` the mean; `click` the greatest step between samples, in full scales."""

    clipped: float
    dc: float
    click: float


def defects(audio: Audio) -> Defects:
    """What no voice should have."""
    return Defects(
        float((np.abs(audio) >= _FULL_SCALE).mean()), float(audio.mean()), float(np.abs(np.diff(audio)).max())
    )

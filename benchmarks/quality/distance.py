"""The log-mel distance of two utterances of the same words, which may differ in their timing.

    audio --80 mel bands every 12.5 ms--> dB --time warping: the cheapest path through both--> mean difference on it

On the path every slot of either has a partner; a step goes on in one of them or in both. So durations that differ by a
frame cost little, and other sounds cost what they differ.

Source: Sakoe and Chiba, Dynamic programming algorithm optimization for spoken word recognition (IEEE TASSP 26, 1978).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from training.features import mel

Array = NDArray[np.float64]
_BOTH, _FIRST, _SECOND = 0, 1, 2  # steps: on in both, in the first alone, in the second alone


def log_mel_distance(audio: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Measure the mean difference of two utterances at 24 kHz [dB], over bands and the slots of the path."""
    return warped_distance(_decibels(audio), _decibels(wanted))


def warped_distance(a: Array, b: Array) -> float:
    """Measure the mean of |a - b| on the cheapest path through [m, bands] and [n, bands]."""
    costs = cdist(a, b, "cityblock") / a.shape[1]
    steps = _steps(costs)
    i, j = costs.shape[0] - 1, costs.shape[1] - 1
    total, count = float(costs[i, j]), 1
    while i or j:
        step = steps[i, j]
        i, j = i - (step != _SECOND), j - (step != _FIRST)
        total, count = total + float(costs[i, j]), count + 1
    return total / count


def _steps(costs: Array) -> NDArray[np.uint8]:
    """The last step of the cheapest path to each cell of [m, n]; computed along antidiagonals, i + j = constant."""
    m, n = costs.shape
    steps = np.zeros((m, n), np.uint8)
    # [i + 1] is the cheapest path to (i, diagonal - i); infinite outside of the costs
    before, last = np.full(m + 1, np.inf), np.full(m + 1, np.inf)
    last[1] = costs[0, 0]
    for diagonal in range(1, m + n - 1):
        i = np.arange(max(0, diagonal - n + 1), min(m, diagonal + 1))
        options = np.stack([before[i], last[i], last[i + 1]])  # in the order of the names of the steps
        chosen = options.argmin(0)
        steps[i, diagonal - i] = chosen
        now = np.full(m + 1, np.inf)
        now[i + 1] = options[chosen, np.arange(len(i))] + costs[i, diagonal - i]
        before, last = last, now
    return steps


def _decibels(audio: NDArray[np.float32]) -> Array:
    levels: Array = 10 * np.log10(mel(audio))
    return levels

"""The log-spectral distance of two waveforms, as a metric of `compare`.

Root mean square over frequency of the difference of the two log power spectra, mean over time [dB].

Source: Gray and Markel, Distance measures for speech processing (IEEE TASSP 24, 1976).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runner.inspect.distance import Metric

if TYPE_CHECKING:
    from collections.abc import Collection

    from runner.runtime.values import Array
    from stages.contract import TensorType

_WINDOW, _HOP = 1024, 256  # [samples]
_FLOOR = 1e-8  # of the greatest power: 80 dB below it nothing is heard, and a logarithm would count nothing else


def spectral_metric(frame_samples: Collection[int]) -> Metric:
    """Make the metric that measures the distance at ports of audio.

    Args:
        frame_samples: samples of a frame, by which `float32[1, 600*frames]` is known for audio; of each model.
    """

    def is_audio(type_: TensorType) -> bool:
        last = type_.dims[-1] if type_.dims else None
        if last is None or not type_.dtype.startswith("float"):
            return False
        return last.name == "samples" or (last.name == "frames" and last.factor in frame_samples)

    def measure(a: Array, b: Array) -> float:
        return log_spectral_distance(a.reshape(-1), b.reshape(-1))

    return Metric("lsd_db", "LSD [dB]", is_audio, measure)


def log_spectral_distance(a: Array, b: Array) -> float:
    """Measure the distance of two waveforms of one length [dB]; power below -80 dB of the greatest counts as -80 dB."""
    first, second = _power(a), _power(b)
    floor = max(float(first.max()), float(second.max())) * _FLOOR
    if floor == 0:
        return 0.0
    apart = 10 * np.log10(np.maximum(first, floor) / np.maximum(second, floor))
    return float(np.mean(np.sqrt(np.mean(np.square(apart), axis=1))))


def _power(audio: Array) -> Array:
    """Compute power spectra [time, frequency] under a Hann window."""
    padded = np.pad(audio, (0, max(_WINDOW - audio.size, -(audio.size - _WINDOW) % _HOP)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power: Array = np.square(np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)))
    return power

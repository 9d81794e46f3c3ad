"""Audio whose end is recognised, encoded in pieces, and decoded by libraries that have not encoded it."""

from __future__ import annotations

import io
from collections.abc import Iterable

import av
import numpy as np
import numpy.typing as npt
import soundfile

from runner.speech.encoders.encoder import Encoder

RATE_HZ = 24_000
END_HZ, END_AMPLITUDE = 2_000, 0.5
END_MS = 100


def make_audio(samples: int, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float32]:
    """Make quiet noise, in front of a tone of 2 kHz in the last 100 ms."""
    audio = np.random.default_rng(samples).normal(0, 0.05, samples)
    end = min(samples, END_MS * rate_hz // 1000)
    audio[samples - end :] = END_AMPLITUDE * np.sin(2 * np.pi * END_HZ * np.arange(end) / rate_hz)
    return audio.astype(np.float32)


def cut(audio: npt.NDArray[np.float32], size: int) -> list[npt.NDArray[np.float32]]:
    """Cut `audio` into pieces of `size` samples, the last one shorter."""
    return [audio[start : start + size] for start in range(0, audio.size, size)]


def encode(encoder: Encoder, pieces: Iterable[npt.NDArray[np.float32]]) -> bytes:
    """Encode all `pieces`."""
    return b"".join((encoder.begin(), *map(encoder.write, pieces), encoder.end()))


def decode_with_av(data: bytes) -> tuple[npt.NDArray[np.float64], int]:
    """Decode with FFmpeg, to samples between -1 and 1 and their rate."""
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        rate_hz = container.streams.audio[0].rate
    audio = np.concatenate(frames) if frames else np.zeros(0, np.int16)
    return audio.astype(np.float64) / (2**15 if audio.dtype == np.int16 else 1), rate_hz


def decode_with_soundfile(data: bytes) -> tuple[npt.NDArray[np.float64], int]:
    """Decode with libsndfile."""
    audio, rate_hz = soundfile.read(io.BytesIO(data))
    return audio, rate_hz


def measure_end(audio: npt.NDArray[np.float64], rate_hz: int) -> npt.NDArray[np.float64]:
    """Measure the amplitude of 2 kHz in each of the last ten pieces of 10 ms."""
    size = rate_hz // 100
    pieces = audio[-10 * size :].reshape(10, size)
    return 2 * np.abs(pieces @ np.exp(-2j * np.pi * END_HZ * np.arange(size) / rate_hz)) / size

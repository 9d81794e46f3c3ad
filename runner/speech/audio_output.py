"""Makes audio files from the parts of spoken lines, each with a file of timestamps if asked."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from runner.speech import timestamp_files
from runner.speech.audio_file import AudioFile, choose_format
from runner.speech.speaker import Part
from runner.speech.timestamps import Span, Timing, WordSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from runner.batch.journal import Entry, TextSpan, ToldSpan
    from runner.batch.row_runner import OutputPart
    from runner.batch.rows import Row
    from runner.batch.spool import Spool
    from runner.runtime.values import Array
    from runner.speech.pcm import PcmWriter

_LOG = logging.getLogger("kokoro_run")


class AudioWriter:
    """The `batch.output.Writer` of audio.

    Attributes:
        name: the output of the graph that it writes.
        rate_hz: its sample rate.
        gap: samples of silence between two lines of one file.
        settings: the subtype.
    """

    default_name = "speech.wav"
    unlimited = ".w64"

    def __init__(self, name: str, rate_hz: int, subtype: str | None, pause: float, *, is_text: bool = False) -> None:
        """Choose how audio is stored.

        Args:
            name: the output of the graph.
            rate_hz: its sample rate.
            subtype: of a sample: 'PCM_16', 'FLOAT', ...; None for the format's default.
            pause: silence between two lines of one file [s].
            is_text: whether rows are texts, and not phonemes.
        """
        self.name, self.rate_hz = name, rate_hz
        self.settings = [subtype, str(rate_hz)]
        self.gap = round(pause * rate_hz)
        self._subtype, self._is_text = subtype, is_text

    def check(self, path: Path, samples: int = 0) -> None:
        choose_format(path, self._subtype, samples)

    def check_side(self, path: Path) -> None:
        timestamp_files.check_format(path)

    def unpack(self, part: Part | OutputPart) -> tuple[Array, list[TextSpan], list[ToldSpan]]:
        audio: Array = part.outputs[self.name].reshape(-1)
        if not isinstance(part, Part) or part.main != self.name:
            return audio, [], []
        return audio, [(span.text, span.column, span.start, span.end) for span in part.spans], list(part.words)

    def write(
        self,
        path: Path,
        side: Path | None,
        entries: Callable[[], Iterable[tuple[Row, Entry]]],
        spool: Spool,
        total: int,
    ) -> int:
        with AudioFile(path, self.rate_hz, self._subtype, total) as file:
            for _, entry in entries():
                if file.samples:
                    file.write(np.zeros(self.gap, np.float32))
                for block in spool.read(entry.offset, entry.samples):
                    file.write(block)
        warn_of_clipping(path, file)
        if side is not None:
            timestamp_files.write(side, lambda: self.timings(entries()), file.samples, self.rate_hz)
        return file.samples

    def timings(self, entries: Iterable[tuple[Row, Entry]]) -> Iterator[Timing]:
        """Give the times of rows that follow each other in one output."""
        start = 0
        for row, entry in entries:
            chunks = [[Span(*fields).later(start) for fields in chunk] for chunk in entry.chunks]
            told = [[WordSpan(*fields).later(start) for fields in part] for part in entry.told]
            yield Timing(row.origin, row.text, start, start + entry.samples, chunks, row.id, told, self._is_text)
            start += entry.samples + self.gap


def warn_of_clipping(path: Path, file: AudioFile | PcmWriter) -> None:
    """Warn if samples of an output were clipped."""
    if file.clipped:
        _LOG.warning(
            "%s: %d of %d samples are beyond [-1, 1] (up to %.3g) and were clipped; the subtype FLOAT keeps them",
            *(path, file.clipped, file.samples, file.peak),
        )

"""Writes spoken lines as raw samples to standard output, a pipe or a device, each line when it is whole.

    row --> samples in a temporary file --> stream, while the next row is run      rows --> timestamps

What a stream has taken cannot be taken back: a row that fails leaves nothing in it, and there is nothing to resume.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from runner.batch.journal import Entry, Journal
from runner.batch.places import receive
from runner.batch.spool import IN_MEMORY, Spool
from runner.errors import RunError
from runner.files.replace import check_writable
from runner.speech import timestamp_files
from runner.speech.audio_output import warn_of_clipping
from runner.speech.pcm import PcmWriter, check_subtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runner.batch.bulk import CheckResult
    from runner.batch.row_runner import OutputPart
    from runner.batch.rows import Row
    from runner.speech.audio_output import AudioWriter
    from runner.speech.speaker import Part


class PcmDestination:
    """A stream as the place for a run's output; it has the methods of `batch.output.Destination`.

    Attributes:
        path: the stream.
        side: the file of timestamps; None for none.
        writer: says what a line is made of; it writes no file.
    """

    def __init__(
        self,
        path: Path,
        open_file: Callable[[], contextlib.AbstractContextManager[BinaryIO]],
        writer: AudioWriter,
        *,
        target: Path,
        side: str | None = None,
    ) -> None:
        """Check what can be checked before the stream is opened.

        Args:
            target: the file that the stream leads to, if it is one.
            side: a file of timestamps.

        Raises:
            RunError: a stream has no samples of the writer's subtype, or the timestamps cannot be written.
        """
        self.path, self.writer, self.side = path, writer, None
        self._open_file, self._target = open_file, target
        self._subtype = check_subtype(writer.settings[0])
        if side is not None:
            self.side = Path(side)
            if side.startswith(".") and not self.side.suffix:
                raise RunError(f"{side}: an extension names a file beside the audio, which is a stream; give a file")
            writer.check_side(self.side)
            check_writable(self.side)

    @property
    def side_pattern(self) -> str | None:
        return None if self.side is None else str(self.side)

    def files(self, total: int) -> Iterator[Path]:  # noqa: ARG002 - one stream for any number of rows
        yield self._target

    def side_files(self) -> Iterator[Path]:
        yield from [] if self.side is None else [self.side]

    def row_files(self, rows: Iterable[Row], last: int) -> Iterator[tuple[Path, Path | None]]:  # noqa: ARG002
        yield from ()

    @contextlib.contextmanager
    def open(self, checked: CheckResult, settings: str, *, resume: bool) -> Iterator[PcmPlace]:  # noqa: ARG002
        """Open the stream; of a pipe, wait for its reader.

        Raises:
            RunError: it cannot be written.
        """
        with (
            Journal(None, resume=False) as journal,
            self._open_file() as file,
            PcmWriter(file, str(self.path), self._subtype) as pcm,
        ):
            yield PcmPlace(self, pcm, journal)
        warn_of_clipping(self.path, pcm)


class PcmPlace:
    """A stream that is open: a `batch.bulk.Place`."""

    def __init__(self, destination: PcmDestination, pcm: PcmWriter, journal: Journal) -> None:
        self._to, self._pcm, self._journal = destination, pcm, journal

    def resume(self, row: Row) -> bool:  # noqa: ARG002
        return False

    def take(self, row: Row, parts: Iterable[Part | OutputPart]) -> int:
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as unnamed:
            spool = Spool(unnamed, Path(tempfile.gettempdir()))
            samples, chunks, told = receive(self._to.writer, parts, spool)
            if self._pcm.samples:
                self._pcm.write(np.zeros(self._to.writer.gap, np.float32))
            if self._to.side is not None:
                self._journal.add(Entry(row.number, "", samples, chunks=chunks, told=told))
            for block in spool.read(0, samples):
                self._pcm.write(block)
        return samples

    def finish(self, rows: Iterable[Row], *, failed: bool) -> tuple[int, bool]:  # noqa: ARG002
        side, writer, samples = self._to.side, self._to.writer, self._pcm.samples
        if side is not None and samples:
            timestamp_files.write(side, lambda: writer.timings(self._entries(rows)), samples, writer.rate_hz)
        return samples, True

    def close(self, *, complete: bool) -> bool:  # noqa: ARG002
        return False

    def _entries(self, rows: Iterable[Row]) -> Iterator[tuple[Row, Entry]]:
        for row in rows:
            entry = self._journal.find(row.number)
            if entry is not None:
                yield row, entry

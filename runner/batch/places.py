"""Writes the output of rows, and takes over what an earlier run has finished.

                                        take a row                    finish
    FolderPlace  row --> samples in a temporary file --> 0007.wav, 0007.srt --> journal
    FilePlace    row --> samples in the spool --> journal .................... all rows --> ipa.wav, ipa.srt

One file is encoded when all rows have been run: until then a row that fails can be taken back, and one that is finished
outlives the process.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic

from runner.batch.bulk import PartT
from runner.batch.journal import Entry
from runner.batch.spool import IN_MEMORY, Spool, spool_path
from runner.errors import SizeError
from runner.files.digest import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runner.batch.journal import Journal, TextSpan, ToldSpan
    from runner.batch.output import Destination, Writer
    from runner.batch.rows import Row


class FolderPlace(Generic[PartT]):
    """A file for each row."""

    def __init__(self, destination: Destination[PartT], last: int, settings: str, journal: Journal) -> None:
        self._to, self._last, self._settings, self._journal = destination, last, settings, journal
        self._samples = 0

    def resume(self, row: Row) -> bool:
        entry = self._journal.find(row.number)
        path = self._to.row_path(row, self._last)
        if entry is None or entry.digest != self._digest(row) or entry.file is None or entry.file[0] != path.name:
            return False
        side = self._to.row_side(path)
        if not path.is_file() or file_sha256(path) != entry.file[1] or not (side is None or side.is_file()):
            return False
        self._samples += entry.samples
        return True

    def take(self, row: Row, parts: Iterable[PartT]) -> int:
        path = self._to.row_path(row, self._last)
        digest = self._digest(row)
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as unnamed:
            spool = Spool(unnamed, Path(tempfile.gettempdir()))
            samples, chunks, told = receive(self._to.writer, parts, spool)
            entry = Entry(row.number, digest, samples, chunks=chunks, told=told)
            written = self._to.writer.write(path, self._to.row_side(path), lambda: [(row, entry)], spool, samples)
        self._journal.add(Entry(row.number, digest, written, file=(path.name, file_sha256(path))))
        self._samples += written
        return written

    def finish(self, rows: Iterable[Row], *, failed: bool) -> tuple[int, bool]:  # noqa: ARG002 - the files are complete
        return self._samples, not failed

    def close(self, *, complete: bool) -> bool:
        keep = not complete and len(self._journal) > 0
        if not keep:
            self._journal.remove()
        return keep

    def _digest(self, row: Row) -> str:
        return _digest(row, [self._settings, *self._to.writer.settings, str(self._to.side), row.label])


class FilePlace(Generic[PartT]):
    """One file for all rows, with a gap between two."""

    def __init__(
        self, destination: Destination[PartT], settings: str, journal: Journal, spool: BinaryIO, path: Path | None
    ) -> None:
        """Use a journal and a spool that are open.

        Args:
            path: of the spool; None for a temporary file.
        """
        self._to, self._settings, self._journal, self._path = destination, settings, journal, path
        self._spool = Spool(spool, path or Path(tempfile.gettempdir()))
        self._present: set[int] = set()  # the journal may also have entries of rows that have since become bad
        self._samples = 0  # of the output so far, gaps included

    def resume(self, row: Row) -> bool:
        entry = self._journal.find(row.number)
        if entry is None or entry.digest != _digest(row, [self._settings]):
            return False
        if entry.offset + entry.samples > self._spool.end():
            return False
        self._count(entry)
        return True

    def take(self, row: Row, parts: Iterable[PartT]) -> int:
        begin = self._spool.begin()
        try:
            # The size is checked at every part, and not at the end alone: hours may lie between.
            samples, chunks, told = receive(self._to.writer, parts, self._spool, begin, self._check_size)
        except BaseException as error:
            self._spool.cut(begin)
            if isinstance(error, SizeError):
                raise SizeError(f"{error}{self._hand_over()}") from error
            raise
        entry = Entry(row.number, _digest(row, [self._settings]), samples, begin, chunks=chunks, told=told)
        self._journal.add(entry)
        self._count(entry)
        return samples

    def finish(self, rows: Iterable[Row], *, failed: bool) -> tuple[int, bool]:  # noqa: ARG002 - those taken are written
        if not self._present:
            return 0, False
        to = self._to
        return to.writer.write(to.path, to.side, lambda: self._entries(rows), self._spool, self._samples), True

    def close(self, *, complete: bool) -> bool:
        keep = not complete and self._path is not None and len(self._journal) > 0
        if not keep:
            self._journal.remove()
            if self._path is not None:
                self._path.unlink(missing_ok=True)
        return keep

    def _check_size(self, samples: int) -> None:
        self._to.writer.check(self._to.path, self._size_with(samples))

    def _size_with(self, samples: int) -> int:
        """The samples of the output with a row of `samples` more."""
        return self._samples + (self._to.writer.gap if self._present else 0) + samples

    def _count(self, entry: Entry) -> None:
        self._samples = self._size_with(entry.samples)
        self._present.add(entry.number)

    def _entries(self, rows: Iterable[Row]) -> Iterator[tuple[Row, Entry]]:
        for row in rows:
            entry = self._journal.find(row.number) if row.number in self._present else None
            if entry is not None:
                yield row, entry

    def _hand_over(self) -> str:
        """Move the state to where a run with an unlimited format finds it. Returns a message that names that format."""
        output = self._to.path.with_suffix(self._to.writer.unlimited)
        if self._path is None or not self._present or spool_path(output).exists():
            return ""
        self._path = self._path.rename(spool_path(output))
        self._journal.rename(self._path.with_suffix(".jsonl"))
        return f"; with the output {output} the same command goes on from here"


def receive(
    writer: Writer[PartT],
    parts: Iterable[PartT],
    spool: Spool,
    begin: int = 0,
    check_size: Callable[[int], None] = lambda _samples: None,
) -> tuple[int, list[list[TextSpan]], list[list[ToldSpan]]]:
    """Write the parts of a row to the spool, from position `begin` on.

    Args:
        check_size: is called with the samples of the row so far, after each part.

    Returns:
        the samples of the row, and the spans of each part from the start of the row: of symbols, and of words.
    """
    samples = 0
    chunks: list[list[TextSpan]] = []
    told: list[list[ToldSpan]] = []
    for part in parts:
        signal, spans, words = writer.unpack(part)
        chunks.append([(text, column, samples + start, samples + end) for text, column, start, end in spans])
        told.append([(text, column, samples + start, samples + end, said) for text, column, start, end, said in words])
        spool.write(signal, begin + samples)
        samples += signal.size
        check_size(samples)
    return samples, chunks, told


def _digest(row: Row, settings: list[str | None]) -> str:
    """A digest of a row and of everything that its output depends on."""
    return hashlib.sha256(json.dumps(settings).encode() + b"\n" + row.data).hexdigest()

"""What a run has finished, line by line, so that a run that was killed need not do it again.

    out/.kokoro-run.jsonl        of a folder: which line became which file
    .ipa.wav.kokoro-run.jsonl    of one file: where the line's samples lie in ...
    .ipa.wav.kokoro-run.f32      ... the samples so far, as they came

An entry is written after what it tells of, and names the digest of the line and of all that its audio depends on: what
has changed since is done again, and a torn entry is none. The journal is locked while a run is under way. Only the
places of the entries are in memory, eight bytes a line.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from array import array
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from runner.errors import RunError
from runner.files.errors import writing

if TYPE_CHECKING:
    from types import TracebackType

_NOWHERE = -1


@dataclass(frozen=True)
class Entry:
    """A finished line.

    Attributes:
        number: of the utterance, from 1.
        digest: of the line and of all that its audio depends on.
        samples: of its audio.
        offset: samples before it where many lines share a file.
        file: the name and sha256 of the file that holds it alone.
        chunks: the spans of each part as [text, column, start, end], from the start of the line; empty if not timed.
    """

    number: int
    digest: str
    samples: int
    offset: int = 0
    file: tuple[str, str] | None = None
    chunks: list[list[tuple[str, int, int, int]]] = field(default_factory=list)


class Journal:
    """The entries of one output, found by number."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        """Open the journal at `path`, made if it is not there; None for one that nobody else will see.

        Args:
            resume: keep the entries that are there.

        Raises:
            RunError: it cannot be written, or another run is at it.
        """
        self.path = path
        self._places = array("q")
        with self._writing():
            self._file = _open(path)
            try:
                if not resume:
                    self._file.truncate(0)
                self._index()
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return sum(place != _NOWHERE for place in self._places)

    def find(self, number: int) -> Entry | None:
        """The entry of utterance `number`."""
        place = self._places[number] if number < len(self._places) else _NOWHERE
        if place == _NOWHERE:
            return None
        with self._writing():
            self._file.seek(place)
            return _entry(self._file.readline())

    def add(self, entry: Entry) -> None:
        """Note a finished line.

        Raises:
            RunError: the disk is full, or the like.
        """
        with self._writing():
            self._file.seek(0, 2)
            place = self._file.tell()
            self._file.write(json.dumps(asdict(entry)).encode() + b"\n")
            self._file.flush()
        self._put(entry.number, place)

    def rename(self, path: Path) -> None:
        """Give the journal another place.

        Raises:
            RunError: it cannot be written there.
        """
        if self.path is not None:
            with self._writing():
                self.path = self.path.rename(path)

    def remove(self) -> None:
        """Take the journal away: the work is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _index(self) -> None:
        self._file.seek(0)
        place = 0
        line = b""
        for line in self._file:
            entry = _entry(line)
            if entry is not None:
                self._put(entry.number, place)
            place += len(line)
        if line and not line.endswith(b"\n"):
            self._file.write(b"\n")  # ends what a kill has torn

    def _put(self, number: int, place: int) -> None:
        missing = number + 1 - len(self._places)
        if missing > 0:
            self._places.extend([_NOWHERE] * missing)
        self._places[number] = place

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return writing(self.path or "temporary file")


def _open(path: Path | None) -> BinaryIO:
    """The journal's file, locked."""
    if path is None:
        return tempfile.TemporaryFile()
    while True:
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise RunError(f"{path}: another run is writing there; wait for its end, or choose another -o") from None
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # the run that held it has taken it away: what is locked is no file that others would find


def _entry(line: bytes) -> Entry | None:
    """The entry in a line of the journal; None if it is torn, or not of this form."""
    try:
        fields: Any = json.loads(line)
        chunks = [[(str(t), int(c), int(s), int(e)) for t, c, s, e in chunk] for chunk in fields["chunks"]]
        file = fields["file"] and (str(fields["file"][0]), str(fields["file"][1]))
        entry = Entry(
            int(fields["number"]), str(fields["digest"]), int(fields["samples"]), int(fields["offset"]), file, chunks
        )
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return entry if 0 < entry.number < 1 << 40 else None

"""Records the rows that a run has finished, so that a run that was killed can be resumed.

    out/.kokoro-run.jsonl        of a folder: which row became which file
    .ipa.wav.kokoro-run.jsonl    of one file: where the row's samples lie in ...
    .ipa.wav.kokoro-run.f32      ... the samples so far

An entry is written after the output that it describes. It holds a digest of the row and of everything that the output
depends on, so a row of which something has changed since is run again; a torn entry is ignored. The journal is locked
while a run is under way. Only the positions of the entries are in memory, eight bytes a row.
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
from runner.files.json_lines import end_torn_line

if TYPE_CHECKING:
    from types import TracebackType

TextSpan = tuple[str, int, int, int]  # text, its column in the row from 1, first sample, the sample after the last
ToldSpan = tuple[str, int, int, int, str]  # the same of a word of the row, and its phonemes; a pause has no text
_ABSENT = -1


@dataclass(frozen=True)
class Entry:
    """A finished row.

    Attributes:
        number: of the row.
        digest: of the row and of everything that its output depends on.
        samples: length of its output.
        offset: samples before it in a file of many rows.
        file: name and sha256 of the file that holds it alone.
        chunks: of each part, the pieces of text and the samples at which they start and end, from the start of the row:
            [text, column, start, end]; empty if nobody asked for times.
        told: of each part, the words of a text and the pauses: [text, column, start, end, phonemes].
    """

    number: int
    digest: str
    samples: int
    offset: int = 0
    file: tuple[str, str] | None = None
    chunks: list[list[TextSpan]] = field(default_factory=list)
    told: list[list[ToldSpan]] = field(default_factory=list)


class Journal:
    """The entries of one output, found by number."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        """Open the journal at `path`, created if it is not there; None for a temporary one.

        Args:
            resume: keep the entries that are there.

        Raises:
            RunError: it cannot be written, or another run has it open.
        """
        self.path = path
        self._positions = array("q")
        with self._writing():
            self._file = _open(path)
            try:
                if not resume:
                    self._file.truncate(0)
                self._index_all()
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
        return sum(position != _ABSENT for position in self._positions)

    def find(self, number: int) -> Entry | None:
        """The entry of row `number`; None if there is none."""
        position = self._positions[number] if number < len(self._positions) else _ABSENT
        if position == _ABSENT:
            return None
        with self._writing():
            self._file.seek(position)
            return _entry(self._file.readline())

    def add(self, entry: Entry) -> None:
        """Append the entry of a finished row.

        Raises:
            RunError: the journal cannot be written.
        """
        with self._writing():
            self._file.seek(0, 2)
            position = self._file.tell()
            self._file.write(json.dumps(asdict(entry)).encode() + b"\n")
            self._file.flush()
        self._index(entry.number, position)

    def rename(self, path: Path) -> None:
        """Move the journal to `path`.

        Raises:
            RunError: it cannot be written there.
        """
        if self.path is not None:
            with self._writing():
                self.path = self.path.rename(path)

    def remove(self) -> None:
        """Delete the journal, when the work is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _index_all(self) -> None:
        self._file.seek(0)
        position = 0
        for line in self._file:
            entry = _entry(line)
            if entry is not None:
                self._index(entry.number, position)
            position += len(line)
        end_torn_line(self._file)

    def _index(self, number: int, position: int) -> None:
        missing = number + 1 - len(self._positions)
        if missing > 0:
            self._positions.extend([_ABSENT] * missing)
        self._positions[number] = position

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return writing(self.path or "temporary file")


def _open(path: Path | None) -> BinaryIO:
    """Open the journal's file and lock it."""
    if path is None:
        return tempfile.TemporaryFile()
    while True:
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise RunError(
                f"{path}: another run is writing there; wait for its end, or choose another output"
            ) from None
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # the run that held the lock has deleted the file: no other run would find this one


def _entry(line: bytes) -> Entry | None:
    """Read a line of the journal; None if it is torn, or of another format."""
    try:
        fields: Any = json.loads(line)
        chunks = [[(str(t), int(c), int(s), int(e)) for t, c, s, e in chunk] for chunk in fields["chunks"]]
        told = [[(str(t), int(c), int(s), int(e), str(p)) for t, c, s, e, p in part] for part in fields["told"]]
        file = fields["file"] and (str(fields["file"][0]), str(fields["file"][1]))
        numbers = int(fields["samples"]), int(fields["offset"])
        entry = Entry(int(fields["number"]), str(fields["digest"]), *numbers, file, chunks, told)
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    return entry if 0 < entry.number < 1 << 40 else None

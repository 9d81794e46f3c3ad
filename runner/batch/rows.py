"""Reads the rows of an input: one a line, `#` comments and blank lines aside.

Spaces at the end of a line are dropped. Those at its start are kept, so that a column in a message is the line's; so is
a `#` that is not the line's first character.

An input may be read more than once, with only the line at hand in memory: a pipe is copied to a temporary file first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from runner.errors import RunError, printable
from runner.files.errors import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN = "-"
_SPACES = " \t\r"  # what Python strips beyond these may be a symbol
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Row:
    """A line of an input.

    Attributes:
        data: the line, in UTF-8 unless the file is damaged.
        origin: where it was written: `ipa.txt:7`, or the option that gave it.
    """

    data: bytes
    origin: str

    @property
    def text(self) -> str:
        """The line.

        Raises:
            RunError: it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = self.data[error.start]
            raise RunError(f"not UTF-8: byte 0x{byte:02x}; save the file as UTF-8") from None


class FileRows:
    """The rows of a file, read anew by each loop over them."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name

    def __iter__(self) -> Iterator[Row]:
        """Give the rows in their order.

        Raises:
            RunError: the file cannot be read.
        """
        position = 0
        number = 0
        while line := self._line_at(position):
            number += 1
            position += len(line)
            yield from _row(line, number, self._name)

    def _line_at(self, position: int) -> bytes:
        # Loops over one file may be under way at the same time: each seeks its own place.
        with reading(self._name):
            self._file.seek(position)
            return self._file.readline()


def _row(line: bytes, number: int, name: str) -> Iterator[Row]:
    """Give the row of a line, if it holds one."""
    text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
    stripped = text.removesuffix(b"\n").rstrip(_SPACES.encode())
    if stripped and not stripped.lstrip(_SPACES.encode()).startswith(b"#"):
        yield Row(stripped, f"{name}:{number}")


@contextlib.contextmanager
def open_rows(source: str | None, text: str | None, option: str) -> Iterator[Iterable[Row]]:
    """Open the rows of the file `source` or, where it is None, the one row `text`; they may be read repeatedly.

    Args:
        option: the option that gave `text`.

    Raises:
        RunError: as `from_option` and `from_file`.
    """
    if source is None:
        yield from_option(text or "", option)
        return
    with from_file(source) as rows:
        yield rows


@contextlib.contextmanager
def stream_rows(source: str | None, text: str | None, option: str) -> Iterator[Iterable[Row]]:
    """Open rows as `open_rows` does, but to be read once, each when it is asked for: a pipe may still be written to.

    Raises:
        RunError: the file cannot be read, or `text` is blank.
    """
    if source is None:
        yield from_option(text or "", option)
        return
    name = _name(source)
    with contextlib.ExitStack() as stack:
        with reading(name):
            file = sys.stdin.buffer if source == STDIN else stack.enter_context(Path(source).open("rb"))
        yield _read_once(file, name)


def _name(path: str) -> str:
    """The name of an input in messages."""
    if path != STDIN:
        return printable(path)
    if sys.stdin is None:
        raise RunError("standard input is closed; give a file")
    return "standard input"


def _read_once(file: BinaryIO, name: str) -> Iterator[Row]:
    number = 0
    while True:
        with reading(name):
            line = file.readline()
        if not line:
            return
        number += 1
        yield from _row(line, number, name)


def from_option(text: str, option: str) -> list[Row]:
    """The one row that an option gives.

    Raises:
        RunError: it is blank.
    """
    if not text.strip(_SPACES):
        raise RunError(f"{option}: is blank; give at least one symbol")
    return [Row(text.rstrip(_SPACES).encode("utf-8", "surrogateescape"), option)]


@contextlib.contextmanager
def from_file(path: str) -> Iterator[FileRows]:
    """Open the rows of the UTF-8 file at `path`, or of standard input where `path` is '-'.

    Raises:
        RunError: the file cannot be read, or has no row.
    """
    name = _name(path)
    with contextlib.ExitStack() as stack:
        with reading(name):
            file = sys.stdin.buffer if path == STDIN else stack.enter_context(Path(path).open("rb"))
            if path == STDIN or not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                spooled = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(file, spooled)
                file = spooled
        rows = FileRows(file, name)
        if next(iter(rows), None) is None:
            raise RunError(f"{name}: has no line but blank ones and # comments")
        yield rows

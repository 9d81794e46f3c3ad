"""Reads the rows of an input: one a line, `#` comments and blank lines aside.

    həlˈO              a row, which is called by the number of its line
    utt1<TAB>həlˈO     a row of an input with ids

Spaces at the end of a line are dropped. Those at its start are kept, so that a column in a message is the line's, or
counts from the tab; so is a `#` that is not the line's first character.

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

from runner.errors import RunError, line_label, printable
from runner.files.errors import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN = "-"
_SPACES = " \t\r"  # what Python strips beyond these may be a symbol
_MAX_ID_BYTES, _SHOWN = 200, 40  # a file's name has at most 255 bytes; characters of an id in messages
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Row:
    """A line of an input.

    Attributes:
        data: the line without its id, in UTF-8 unless the file is damaged.
        origin: where it was written: `ipa.txt:7`, or the option that gave it.
        number: of the line in the file, from 1.
        id: names the files of the row in place of the number; None for a row without one.
        fault: of the id; '' for none.
    """

    data: bytes
    origin: str
    number: int = 1
    id: str | None = None
    fault: str = ""

    @property
    def text(self) -> str:
        """The line without its id.

        Raises:
            RunError: it is not UTF-8, or has no id that can name a file where it should.
        """
        if self.fault:
            raise RunError(self.fault)
        return _decode(self.data)

    @property
    def label(self) -> str:
        """Names the row in messages."""
        return line_label(self.origin, self.id)

    def stem(self, last: int) -> str:
        """The name of the row's files: its id, else its number, as wide as that of the `last` row."""
        return self.id if self.id is not None else f"{self.number:0{max(4, len(str(last)))}}"


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"not UTF-8: byte 0x{data[error.start]:02x}; save the file as UTF-8") from None


class FileRows:
    """The rows of a file, read anew by each loop over them."""

    def __init__(self, file: BinaryIO, name: str, *, ids: bool = False) -> None:
        self._file, self._name, self._ids = file, name, ids

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
            yield from _row(line, number, self._name, ids=self._ids)

    def _line_at(self, position: int) -> bytes:
        # Loops over one file may be under way at the same time: each seeks its own place.
        with reading(self._name):
            self._file.seek(position)
            return self._file.readline()


def _row(line: bytes, number: int, name: str, *, ids: bool) -> Iterator[Row]:
    """Give the row of a line, if it holds one."""
    origin = f"{name}:{number}"
    text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
    stripped = text.removesuffix(b"\n").rstrip(_SPACES.encode())
    if stripped and not stripped.lstrip(_SPACES.encode()).startswith(b"#"):
        yield _row_with_id(stripped, origin, number) if ids else Row(stripped, origin, number)


def _row_with_id(line: bytes, origin: str, number: int) -> Row:
    given, tab, data = line.partition(b"\t")
    if not tab:
        fault = "expected an id, a tab and the line, and there is no tab, or nothing behind it"
        return Row(line, origin, number, fault=fault)
    try:
        id_ = _decode(given)
    except RunError as error:
        return Row(data, origin, number, fault=f"the id is {error}")
    fault = _find_fault(id_)
    return Row(data, origin, number, None if fault else id_, fault)


def _find_fault(id_: str) -> str:
    """Say why an id cannot name a file; '' if it can."""
    if not id_.strip():
        return "the id in front of the tab is empty; give one"
    shown = f"id '{id_ if len(id_) <= _SHOWN else id_[:_SHOWN] + '...'}'"
    bad = next((f"'{char}'" if char.isprintable() else f"U+{ord(char):04X}" for char in id_ if not _fits(char)), None)
    if bad is not None:
        return f"{printable(shown)} holds {bad}, which no name of a file may hold; leave it out"
    if id_.startswith(".") or id_ != id_.strip():
        return f"{shown} begins with a dot, or begins or ends with a space; leave it out"
    size = len(id_.encode())
    return f"{shown} has {size} bytes, expected at most {_MAX_ID_BYTES}; shorten it" if size > _MAX_ID_BYTES else ""


def _fits(char: str) -> bool:
    return char.isprintable() and char != "/"


@contextlib.contextmanager
def open_rows(source: str | None, text: str | None, option: str, *, ids: bool = False) -> Iterator[Iterable[Row]]:
    """Open the rows of the file `source` or, where it is None, the one row `text`; they may be read repeatedly.

    Args:
        option: the option that gave `text`.
        ids: whether each line of the file is an id, a tab and the row.

    Raises:
        RunError: as `from_option` and `from_file`.
    """
    if source is None:
        yield from_option(text or "", option)
        return
    with from_file(source, ids=ids) as rows:
        yield rows


@contextlib.contextmanager
def stream_rows(source: str | None, text: str | None, option: str, *, ids: bool = False) -> Iterator[Iterable[Row]]:
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
        yield _read_once(file, name, ids=ids)


def _name(path: str) -> str:
    """The name of an input in messages."""
    if path != STDIN:
        return printable(path)
    if sys.stdin is None:
        raise RunError("standard input is closed; give a file")
    return "standard input"


def _read_once(file: BinaryIO, name: str, *, ids: bool) -> Iterator[Row]:
    number = 0
    while True:
        with reading(name):
            line = file.readline()
        if not line:
            return
        number += 1
        yield from _row(line, number, name, ids=ids)


def from_option(text: str, option: str) -> list[Row]:
    """The one row that an option gives.

    Raises:
        RunError: it is blank.
    """
    if not text.strip(_SPACES):
        raise RunError(f"{option}: is blank; give at least one symbol")
    return [Row(text.rstrip(_SPACES).encode("utf-8", "surrogateescape"), option)]


@contextlib.contextmanager
def from_file(path: str, *, ids: bool = False) -> Iterator[FileRows]:
    """Open the rows of the UTF-8 file at `path`, or of standard input where `path` is '-'.

    Args:
        ids: whether each line is an id, a tab and the row.

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
        rows = FileRows(file, name, ids=ids)
        if next(iter(rows), None) is None:
            raise RunError(f"{name}: has no line but blank ones and # comments")
        yield rows

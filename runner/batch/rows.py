"""Reads the rows of an input: one a line, `#` comments and blank lines aside; or one a paragraph, of prose.

    həlˈO              a row, which is called by the number of its line
    utt1<TAB>həlˈO     a row of an input with ids

    Chapter One        a row of prose, which ends at a blank line; it is called by the number of its first line
                       ... or, where it begins with `<speak` or `<?xml`, at the line with `</speak>`
    It was late, and
    it rained.         the next row

Spaces at the end of a row are dropped. Those at its start are kept, so that a column in a message is the row's, or
counts from the tab; so is a `#` that is not the line's first character, and any in prose.

An input may be read more than once, with only the line at hand in memory: a pipe is copied to a temporary file first.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from runner.errors import RunError, line_label, printable
from runner.files.errors import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN = "-"
Layout = Literal["lines", "ids", "paragraphs"]
LINES: Layout = "lines"
IDS: Layout = "ids"
PARAGRAPHS: Layout = "paragraphs"
_SPACES = " \t\r"  # what Python strips beyond these may be a symbol
_MAX_ID_BYTES, _SHOWN = 200, 40  # a file's name has at most 255 bytes; characters of an id in messages
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DOCUMENT_STARTS = (b"<speak", b"<?xml")
_DOCUMENT_END = re.compile(rb"</speak\s*>|<speak\s*/>")


@dataclass(frozen=True)
class Row:
    """A line of an input, or a paragraph.

    Attributes:
        data: the line without its id, or the lines of the paragraph, in UTF-8 unless the file is damaged.
        origin: where it was written: `ipa.txt:7`, or the option that gave it.
        number: of the line in the file, or of the paragraph's first one, from 1.
        id: names the files of the row in place of the number; None for a row without one.
        fault: of the id; '' for none.
    """

    data: bytes
    origin: str
    number: int = 1
    id: str | None = None
    fault: str = ""

    @functools.cached_property
    def text(self) -> str:
        """The line without its id, or the paragraph.

        Raises:
            RunError: it is not UTF-8, or has no id that can name a file where it should.
        """
        if self.fault:
            raise RunError(self.fault)
        return decode_line(self.data)

    @property
    def label(self) -> str:
        """Names the row in messages."""
        return line_label(self.origin, self.id)

    def stem(self, last: int) -> str:
        """The name of the row's files: its id, else its number, as wide as that of the `last` row."""
        return self.id if self.id is not None else f"{self.number:0{max(4, len(str(last)))}}"


def decode_line(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"not UTF-8: byte 0x{data[error.start]:02x}; save the file as UTF-8") from None


class FileRows:
    """The rows of a file, read anew by each loop over them."""

    def __init__(self, file: BinaryIO, name: str, layout: Layout = LINES) -> None:
        self._file, self._name, self._layout = file, name, layout

    def __iter__(self) -> Iterator[Row]:
        """Give the rows in their order.

        Raises:
            RunError: the file cannot be read.
        """
        return _read(self._lines(), self._name, self._layout)

    def _lines(self) -> Iterator[bytes]:
        position = 0
        while line := self._line_at(position):
            position += len(line)
            yield line

    def _line_at(self, position: int) -> bytes:
        # Loops over one file may be under way at the same time: each seeks its own place.
        with reading(self._name):
            self._file.seek(position)
            return self._file.readline()


def _read(lines: Iterable[bytes], name: str, layout: Layout) -> Iterator[Row]:
    """Read the rows of an input."""
    numbered = ((n, line.removeprefix(_BYTE_ORDER_MARK) if n == 1 else line) for n, line in enumerate(lines, 1))
    if layout == PARAGRAPHS:
        yield from _read_paragraphs(numbered, name)
        return
    for number, line in numbered:
        origin, stripped = f"{name}:{number}", line.removesuffix(b"\n").rstrip(_SPACES.encode())
        if stripped and not stripped.lstrip(_SPACES.encode()).startswith(b"#"):
            yield _row_with_id(stripped, origin, number) if layout == IDS else Row(stripped, origin, number)


def _read_paragraphs(lines: Iterable[tuple[int, bytes]], name: str) -> Iterator[Row]:
    held: list[bytes] = []
    first = 0
    is_document = False
    for number, line in lines:
        is_blank = not line.strip()
        if not held and is_blank:
            continue
        if not held:
            first, is_document = number, line.lstrip().startswith(_DOCUMENT_STARTS)
        if not is_blank or is_document:
            held.append(line)
        if _DOCUMENT_END.search(line) if is_document else is_blank:
            yield Row(b"".join(held).rstrip(), f"{name}:{first}", first)
            held = []
    if held:
        yield Row(b"".join(held).rstrip(), f"{name}:{first}", first)


def _row_with_id(line: bytes, origin: str, number: int) -> Row:
    given, tab, data = line.partition(b"\t")
    if not tab:
        fault = "expected an id, a tab and the line, and there is no tab, or nothing behind it"
        return Row(line, origin, number, fault=fault)
    try:
        id_ = decode_line(given)
    except RunError as error:
        return Row(data, origin, number, fault=f"the id is {error}")
    fault = find_id_fault(id_)
    return Row(data, origin, number, None if fault else id_, fault)


def find_id_fault(id_: str) -> str:
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
def open_rows(source: str | None, text: str | None, option: str, layout: Layout = LINES) -> Iterator[Iterable[Row]]:
    """Open the rows of the file `source` or, where it is None, those of `text`; they may be read repeatedly.

    Args:
        option: the option that gave `text`.
        layout: what a row of the file is: a line, an id with a tab and the rest of a line, or a paragraph.

    Raises:
        RunError: as `from_option` and `from_file`.
    """
    if source is None:
        yield from_option(text or "", option, layout)
        return
    with from_file(source, layout) as rows:
        yield rows


@contextlib.contextmanager
def stream_rows(source: str | None, text: str | None, option: str, layout: Layout = LINES) -> Iterator[Iterable[Row]]:
    """Open rows as `open_rows` does, but to be read once, each when it is asked for: a pipe may still be written to.

    Raises:
        RunError: the file cannot be read, or `text` is blank.
    """
    if source is None:
        yield from_option(text or "", option, layout)
        return
    name = _name(source)
    with contextlib.ExitStack() as stack:
        with reading(name):
            file = sys.stdin.buffer if source == STDIN else stack.enter_context(Path(source).open("rb"))
        yield _read(_read_once(file, name), name, layout)


def _name(path: str) -> str:
    """The name of an input in messages."""
    if path != STDIN:
        return printable(path)
    if sys.stdin is None:
        raise RunError("standard input is closed; give a file")
    return "standard input"


def _read_once(file: BinaryIO, name: str) -> Iterator[bytes]:
    while True:
        with reading(name):
            line = file.readline()
        if not line:
            return
        yield line


def from_option(text: str, option: str, layout: Layout = LINES) -> list[Row]:
    """The one row that an option gives; or its paragraphs.

    Raises:
        RunError: it is blank.
    """
    if not text.strip(None if layout == PARAGRAPHS else _SPACES):
        raise RunError(f"{option}: is blank; give at least one {'word' if layout == PARAGRAPHS else 'symbol'}")
    data = text.encode("utf-8", "surrogateescape")
    rows = list(_read(io.BytesIO(data), option, PARAGRAPHS)) if layout == PARAGRAPHS else []
    return rows if len(rows) > 1 else [Row(data.rstrip(_SPACES.encode()), option)]


@contextlib.contextmanager
def from_file(path: str, layout: Layout = LINES) -> Iterator[FileRows]:
    """Open the rows of the UTF-8 file at `path`, or of standard input where `path` is '-'.

    Args:
        layout: as that of `open_rows`.

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
        rows = FileRows(file, name, layout)
        if next(iter(rows), None) is None:
            raise RunError(f"{name}: has no line but blank ones{'' if layout == PARAGRAPHS else ' and # comments'}")
        yield rows

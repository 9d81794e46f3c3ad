"""Reads CSV as RFC 4180 has it: commas, a header, fields with commas, line breaks or quotes in quotes.

    id,text
    1,"He said ""no"",
    and went."

A record with a fault ends at its line where a quote is the fault: the lines that the quote would swallow are records of
their own, so that no row is lost. Files end lines with LF or CRLF.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from runner.corpus.sources.header import describe_count, name_columns
from runner.corpus.sources.lines import read_lines
from runner.corpus.sources.record import Record
from runner.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.corpus.sources.lines import Line

_FACTS = {
    "',' expected after '\"'": 'a quote in a field, or behind one in quotes; write "" for a quote in a field in quotes',
    "unexpected end of data": 'a quote is opened and not closed; write "" for a quote in a field in quotes',
    "field larger": "a field has more than 131072 characters, or a quote is opened and not closed",
    "new-line character": "a carriage return is in a field without quotes, or ends lines; expected LF or CRLF",
}
_COUNT_HINT = "put a field that holds a comma or a line break into quotes"


class _Parsed(NamedTuple):
    """A record: the number of its first line, its fields, and why it could not be read."""

    number: int
    fields: list[str]
    fault: str = ""


def read_csv(file: BinaryIO, name: str) -> Iterator[Record]:
    """Read the records of a file.

    Raises:
        RunError: its header is wrong; or as `read_lines`.
        OSError, DAMAGE: as `read_lines`.
    """
    records = _Records(read_lines(file, name))
    header = next(records, None)
    if header is None:
        return
    if header.fault:
        raise RunError(f"{name}:{header.number}: the header cannot be read: {header.fault}")
    names = name_columns(header.fields, ",", f"{name}:{header.number}")
    for number, fields, fault in records:
        origin = f"{name}:{number}"
        if fault:
            yield Record(origin, fault=fault)
        elif len(fields) != len(names):
            yield Record(origin, fault=describe_count(len(fields), names, _COUNT_HINT))
        else:
            yield Record(origin, dict(zip(names, fields, strict=True)))


class _Records:
    """The records of lines; blank lines between them are left out."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._put_back: list[Line] = []  # the next one is the last

    def __iter__(self) -> Iterator[_Parsed]:
        return self

    def __next__(self) -> _Parsed:
        while True:
            held: list[Line] = []
            try:
                fields = next(csv.reader(self._feed(held), strict=True))
            except StopIteration:
                if not held:
                    raise
                fields = []
            except csv.Error as error:
                return self._fail(held, _describe(str(error)))
            if held[0].fault:
                return self._fail(held, held[0].fault)
            if fields:
                return _Parsed(held[0].number, fields, _find_fault(held))

    def _feed(self, held: list[Line]) -> Iterator[str]:
        """Give the lines of one record, and hold them; a line that could not be read ends it."""
        while True:
            line = self._put_back.pop() if self._put_back else next(self._lines, None)
            if line is None:
                return
            held.append(line)
            if line.fault:
                return
            yield line.data.decode("utf-8", "surrogateescape")

    def _fail(self, held: list[Line], fault: str) -> _Parsed:
        """Give the first line as a record with a fault, and put the others back."""
        self._put_back += reversed(held[1:])
        return _Parsed(held[0].number, [], fault)


def _find_fault(lines: list[Line]) -> str:
    """Say which bytes of a record are no text; '' if all are."""
    data = b"".join(line.data for line in lines)
    if b"\0" in data:
        return "holds a NUL byte; save the file as UTF-8"
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{data[error.start]:02x}; save the file as UTF-8"
    return ""


def _describe(error: str) -> str:
    """Say what an error of the module csv means."""
    return next((fact for start, fact in _FACTS.items() if error.startswith(start)), error)

"""Reads tables whose records are lines: TSV, and LJSpeech's metadata.csv.

    id <TAB> text                   TSV has a header; a field that is in quotes as a whole is unquoted, any other quote
    1  <TAB> He said "no".          stands for itself

    LJ001|Dr. Smith|Doctor Smith    LJSpeech's has none: id, text, and often the text with its numbers in words, which
                                    becomes the column `normalised`; quotes stand for themselves

Blank lines are left out. A field cannot hold a line break.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from runner.batch.rows import decode_line
from runner.corpus.sources.header import describe_count, name_columns
from runner.corpus.sources.lines import read_lines
from runner.corpus.sources.record import Record
from runner.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.corpus.sources.lines import Line

_QUOTED = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)
_LJSPEECH = ("id", "text", "normalised")


def read_tsv(file: BinaryIO, name: str) -> Iterator[Record]:
    """Read the records of a file with a header.

    Raises:
        RunError: its header is wrong; or as `read_lines`.
        OSError, DAMAGE: as `read_lines`.
    """
    lines = (line for line in read_lines(file, name) if line.fault or line.data.strip(b"\r\n"))
    header = next(lines, None)
    if header is None:
        return
    origin = f"{name}:{header.number}"
    try:
        fields = _split_quoted(header)
    except RunError as error:
        raise RunError(f"{origin}: the header cannot be read: {error}") from None
    names = name_columns(fields, "\t", origin)
    for line in lines:
        yield _read_tsv_record(line, f"{name}:{line.number}", names)


def read_ljspeech(file: BinaryIO, name: str) -> Iterator[Record]:
    """Read the records of a file without a header; errors are those of `read_lines`."""
    for line in read_lines(file, name):
        if line.fault or line.data.strip():
            yield _read_ljspeech_record(line, f"{name}:{line.number}")


def _read_tsv_record(line: Line, origin: str, names: Sequence[str]) -> Record:
    try:
        fields = _split_quoted(line)
    except RunError as error:
        return Record(origin, fault=str(error))
    if len(fields) != len(names):
        return Record(origin, fault=describe_count(len(fields), names, "no field can hold a tab or a line break"))
    return Record(origin, dict(zip(names, fields, strict=True)))


def _read_ljspeech_record(line: Line, origin: str) -> Record:
    try:
        fields = _split(line, "|")
    except RunError as error:
        return Record(origin, fault=str(error))
    if len(fields) not in (2, 3):
        return Record(origin, fault=f"has {len(fields) - 1} pipes, expected id|text or id|text|normalised text")
    return Record(origin, dict(zip(_LJSPEECH, fields, strict=False)))


def _split_quoted(line: Line) -> list[str]:
    found = []
    for field in _split(line, "\t"):
        match = _QUOTED.fullmatch(field)
        found.append(match[1].replace('""', '"') if match else field)
    return found


def _split(line: Line, delimiter: str) -> list[str]:
    """Split a line into its fields.

    Raises:
        RunError: it could not be read, or is no text.
    """
    if line.fault:
        raise RunError(line.fault)
    if b"\0" in line.data:
        raise RunError("holds a NUL byte; save the file as UTF-8")
    return decode_line(line.data.rstrip(b"\r\n")).split(delimiter)

"""Reads plain lines: of text, or of an id, a tab and text. Blank lines are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from runner.batch.rows import decode_line
from runner.corpus.sources.lines import read_lines
from runner.corpus.sources.record import Record
from runner.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.corpus.sources.lines import Line

_SPACES = b" \t\r\n"


def read_texts(file: BinaryIO, name: str) -> Iterator[Record]:
    """Read the lines of a file as the column `text`; errors are those of `read_lines`."""
    return _read(file, name, lambda line: {"text": line})


def read_ids(file: BinaryIO, name: str) -> Iterator[Record]:
    """Read the lines of a file as the columns `id` and `text`; errors are those of `read_lines`."""
    return _read(file, name, _split_id)


def _split_id(line: str) -> dict[str, str]:
    id_, tab, text = line.partition("\t")
    if not tab:
        raise RunError("expected an id, a tab and the text, and there is no tab, or nothing behind it")
    return {"id": id_, "text": text}


def _read(file: BinaryIO, name: str, split: Callable[[str], dict[str, str]]) -> Iterator[Record]:
    for line in read_lines(file, name):
        if line.fault or line.data.strip(_SPACES):
            yield _read_record(line, f"{name}:{line.number}", split)


def _read_record(line: Line, origin: str, split: Callable[[str], dict[str, str]]) -> Record:
    if line.fault:
        return Record(origin, fault=line.fault)
    try:
        return Record(origin, split(decode_line(line.data.rstrip(_SPACES))))
    except RunError as error:
        return Record(origin, fault=str(error))

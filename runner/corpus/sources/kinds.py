"""Knows the kinds of files that records are read from, and the extensions that name them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from runner.corpus.sources.csv_table import read_csv
from runner.corpus.sources.delimited import read_ljspeech, read_tsv
from runner.corpus.sources.jsonl import read_jsonl
from runner.corpus.sources.parquet import ParquetReader
from runner.corpus.sources.record import Record
from runner.corpus.sources.text import read_ids, read_texts
from runner.errors import RunError, suggest

Reader = Callable[[BinaryIO, str], Iterator[Record]]
"""Reads the records of an open file, which has a name for messages."""

FOLDER = "folder"
KINDS = ("jsonl", "csv", "tsv", "parquet", "text", "ids", "ljspeech", FOLDER)
_BY_EXTENSION = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "text",
}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_FIXES = {
    ".xlsx": "save it as 'CSV UTF-8'",
    ".xls": "save it as 'CSV UTF-8'",
    ".ods": "save it as 'CSV UTF-8'",
    ".zip": "unpack it, or name a file in it: zip://FILE::ARCHIVE",
    ".arrow": "save it as Parquet",
    ".feather": "save it as Parquet",
}


def make_readers() -> dict[str, Reader]:
    """Make the reader of each kind of file."""
    return {
        "jsonl": read_jsonl,
        "csv": read_csv,
        "tsv": read_tsv,
        "parquet": ParquetReader(),
        "text": read_texts,
        "ids": read_ids,
        "ljspeech": read_ljspeech,
    }


def check_kind(kind: str) -> None:
    """Raise RunError if there is no such kind."""
    if kind not in KINDS:
        raise RunError(f"no kind of files is called '{kind}'{suggest(kind, KINDS)}")


def find_kind(path: str, name: str) -> str:
    """Find the kind of a file by its extension, that of a compression aside.

    Args:
        path: the file's, without what follows it in an address.
        name: the file in messages.

    Raises:
        RunError: the extension says nothing.
    """
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        del suffixes[-1]
    extension = suffixes[-1] if suffixes else ""
    kind = _BY_EXTENSION.get(extension)
    if kind is None:
        fact = f"the extension '{extension}' names no kind of files" if extension else "no extension names its kind"
        known = f"give the kind ({', '.join(KINDS[:-1])}), or name the file by one of {', '.join(_BY_EXTENSION)}"
        raise RunError(f"{name}: {fact}; {_FIXES.get(extension, known)}")
    return kind

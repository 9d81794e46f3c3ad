"""The utterances of an input: one a line, `#` comments and blank lines aside.

Spaces at the end of a line are no part of it. Those at its start are, so that a column in a message is the line's; and
so is a `#` that is not the line's first mark.

An input may be gone through more than once, and only the line at hand is in memory: what is no regular file is copied
to a temporary one first.
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
_OPTION = "--phonemes"
_SPACES = " \t\r"  # what Python strips beyond these may be a symbol
_MARK = b"\xef\xbb\xbf"  # of UTF-8, at the start of a file


@dataclass(frozen=True)
class Utterance:
    """What is spoken in one go, and where it was written: `ipa.txt:7`, or `--phonemes`.

    Attributes:
        data: the line, in UTF-8 if it is well.
    """

    data: bytes
    origin: str

    @property
    def phonemes(self) -> str:
        """The line.

        Raises:
            RunError: it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = self.data[error.start]
            raise RunError(f"not UTF-8: byte 0x{byte:02x}; save the file as UTF-8") from None


class Lines:
    """The utterances in a file, read anew by each loop over them."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name

    def __iter__(self) -> Iterator[Utterance]:
        """Give the lines that hold an utterance.

        Raises:
            RunError: the file cannot be read.
        """
        position = 0
        number = 0
        while line := self._line_at(position):
            number += 1
            position += len(line)
            yield from _spoken(line, number, self._name)

    def _line_at(self, position: int) -> bytes:
        # Loops over one file may be under way at the same time: each seeks its own place.
        with reading(self._name):
            self._file.seek(position)
            return self._file.readline()


def _spoken(line: bytes, number: int, name: str) -> Iterator[Utterance]:
    """The utterance of a line, if it holds one."""
    text = line.removeprefix(_MARK) if number == 1 else line
    stripped = text.removesuffix(b"\n").rstrip(_SPACES.encode())
    if stripped and not stripped.lstrip(_SPACES.encode()).startswith(b"#"):
        yield Utterance(stripped, f"{name}:{number}")


@contextlib.contextmanager
def as_they_come(source: str | None, phonemes: str | None) -> Iterator[Iterable[Utterance]]:
    """As `utterances`, but read once, each when it is asked for: a pipe may still be written to.

    Raises:
        RunError: the file cannot be read.
    """
    if source is None:
        yield from_option(phonemes or "")
        return
    name = _name(source)
    with contextlib.ExitStack() as stack:
        with reading(name):
            file = sys.stdin.buffer if source == STDIN else stack.enter_context(Path(source).open("rb"))
        yield _each(file, name)


def _name(path: str) -> str:
    """How messages call what is read."""
    if path != STDIN:
        return printable(path)
    if sys.stdin is None:
        raise RunError("standard input: is closed; give --input FILE")
    return "standard input"


def _each(file: BinaryIO, name: str) -> Iterator[Utterance]:
    number = 0
    while True:
        with reading(name):
            line = file.readline()
        if not line:
            return
        number += 1
        yield from _spoken(line, number, name)


@contextlib.contextmanager
def utterances(source: str | None, phonemes: str | None) -> Iterator[Iterable[Utterance]]:
    """The utterances of `--input` or, where `source` is None, of `--phonemes`; they may be looped over repeatedly.

    Raises:
        RunError: as `from_option` and `from_file`.
    """
    if source is None:
        yield from_option(phonemes or "")
        return
    with from_file(source) as lines:
        yield lines


def from_option(phonemes: str) -> list[Utterance]:
    """The one utterance of `--phonemes`.

    Raises:
        RunError: it is blank.
    """
    if not phonemes.strip(_SPACES):
        raise RunError(f"{_OPTION}: nothing to say; give at least one symbol")
    return [Utterance(phonemes.rstrip(_SPACES).encode("utf-8", "surrogateescape"), _OPTION)]


@contextlib.contextmanager
def from_file(path: str) -> Iterator[Lines]:
    """The utterances in the UTF-8 file at `path`, or on standard input where `path` is '-'.

    Raises:
        RunError: the file cannot be read, or holds no utterance.
    """
    name = _name(path)
    with contextlib.ExitStack() as stack:
        with reading(name):
            file = sys.stdin.buffer if path == STDIN else stack.enter_context(Path(path).open("rb"))
            if path == STDIN or not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                spooled = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(file, spooled)
                file = spooled
        lines = Lines(file, name)
        if next(iter(lines), None) is None:
            raise RunError(f"{name}: holds no utterance; each line is one, blank lines and # comments aside")
        yield lines

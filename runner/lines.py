"""The utterances of an input: one a line, `#` comments and blank lines aside.

Spaces at the end of a line are no part of it. Those at its start are, so that a column in a message is the line's; and
so is a `#` that is not the line's first mark.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RunError

STDIN = "-"
_SPACES = " \t\r"  # what Python strips beyond these may be a symbol


@dataclass(frozen=True)
class Utterance:
    """What is spoken in one go, and where it was written: `ipa.txt:7`, or `--phonemes`."""

    phonemes: str
    origin: str


def from_option(phonemes: str) -> list[Utterance]:
    """The one utterance of `--phonemes`.

    Raises:
        RunError: it is blank.
    """
    if not phonemes.strip(_SPACES):
        raise RunError("--phonemes: nothing to say; give at least one symbol")
    return [Utterance(phonemes.rstrip(_SPACES), "--phonemes")]


def from_file(path: str) -> list[Utterance]:
    """The utterances in the UTF-8 file at `path`, or on standard input where `path` is '-'.

    Raises:
        RunError: the file cannot be read, is not UTF-8, or holds no utterance.
    """
    name = "standard input" if path == STDIN else path
    try:
        data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise RunError(f"{name}: cannot be read: {error.strerror}") from None
    utterances = [
        Utterance(line.rstrip(_SPACES), f"{name}:{number}")
        for number, line in enumerate(_decode(data, name).split("\n"), 1)
        if line.strip(_SPACES) and not line.lstrip(_SPACES).startswith("#")
    ]
    if not utterances:
        raise RunError(f"{name}: holds no utterance; each line is one, blank lines and # comments aside")
    return utterances


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise RunError(f"{name}:{line}: not UTF-8: byte 0x{byte:02x}; save the file as UTF-8") from None

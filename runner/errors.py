"""What can go wrong, as one tree.

    KokoroError
    |- SpecError      a YAML file does not say what it should: syntax, unknown keys, values of the wrong kind
    |- GraphError     names, types, axes or order do not fit
    |- WeightsError   a checkpoint or voice does not hold what the model needs
    |- BuildError     a stage could not be compiled (TVM's error is the cause)
    `- RunError       a built pipeline refused an input, or could not read or write a file
       |- LineError   of one line of many: the others can be spoken
       `- SizeError   a format cannot hold so much; another one can

Inner code raises the fact; the outermost code that knows them adds file, line and stage. A message says where, what was
found, what was expected and what to do. The command line prints it and exits with 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_WIDEST_SNIPPET = 160


class KokoroError(Exception):
    """The root: a mistake the user can do something about."""


class SpecError(KokoroError):
    """A YAML file does not say what it should."""


class GraphError(KokoroError):
    """Names, types, axes or order of a graph do not fit."""


class WeightsError(KokoroError):
    """A checkpoint or voice does not hold what the model needs."""


class BuildError(KokoroError):
    """A stage could not be compiled."""


class RunError(KokoroError):
    """A built pipeline refused an input, or could not read or write a file."""


class SizeError(RunError):
    """An audio format cannot hold so many samples."""


class LineError(RunError):
    """One line cannot be spoken; others may.

    Attributes:
        origin: where the line was written: `ipa.txt:7`.
        fact: what is wrong with it.
    """

    def __init__(self, origin: str, fact: str) -> None:
        super().__init__(f"{origin}: {fact}")
        self.origin, self.fact = origin, fact


@dataclass(frozen=True, order=True)
class Origin:
    """Where a value was written: `graphs/default.yaml:67:13`, or an option: `set params.speed=1.2`.

    Attributes:
        file: the path as the user gave it, or the option's text.
        line: from 1; 0 for an option.
        column: from 1; 0 for an option.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake in a YAML file, and whether it is one of fit (GraphError) or against the schema (SpecError)."""

    origin: Origin
    message: str
    of_fit: bool = True

    def __str__(self) -> str:
        return "\n".join([printable(f"{self.origin}: {self.message}"), *snippet(self.origin)])


def report(mistakes: Iterable[Mistake]) -> KokoroError:
    """Make one error that lists all `mistakes`, each once: those of options first, the others by file and line.

    It is a SpecError if one of them is against the schema, else a GraphError.
    """
    ordered = sorted(set(mistakes), key=lambda mistake: (mistake.origin.line > 0, mistake))
    kind = GraphError if all(mistake.of_fit for mistake in ordered) else SpecError
    return kind("\n".join(map(str, ordered)))


def snippet(origin: Origin) -> list[str]:
    """The line of `origin` with a caret under its column; nothing where there is no line to show.

    67 |       d_en: float32[1, text, hidden] <- bert.d_en
       |             ^
    """
    if not origin.line:
        return []
    try:
        lines = Path(origin.file).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError):
        return []
    if origin.line > len(lines):
        return []
    text = lines[origin.line - 1].rstrip()
    if len(text) > _WIDEST_SNIPPET or not text.isprintable():
        return []
    return [f"{origin.line:5} | {text}".rstrip(), f"{'':5} | {' ' * (origin.column - 1)}^"]


def printable(text: str) -> str:
    """One line that a terminal may show: what a file or an option has smuggled in is escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'text_mask'?`, or else what there is."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(known)}" if known else "; there is none"

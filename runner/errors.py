"""The tree of errors.

    KokoroError
    |- SpecError      a YAML file breaks the syntax or the schema: unknown keys, values of the wrong kind
    |- GraphError     names, types, axes or order do not fit
    |- WeightsError   a checkpoint or a voice does not fit the model
    |- BuildError     a stage could not be compiled (TVM's error is the cause)
    `- RunError       a pipeline refused an input, or a file could not be read or written
       |- LineError   one line cannot be spoken; others may be
       |- EditError   other phonemes for a word cannot be taken
       `- SizeError   an audio format cannot hold so many samples; another format can

Inner code raises the fact; the outermost code that knows file, line and stage adds them. A message says where, what was
found, what was expected and what to do. The command line prints it and exits with 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_WIDEST_SNIPPET = 160
_LISTED = 20


class KokoroError(Exception):
    """The root of all errors that a user can correct.

    Attributes:
        mistakes: those that the error lists, each with its place; empty for an error that is no list of mistakes.
    """

    mistakes: tuple[Mistake, ...] = ()


class SpecError(KokoroError):
    """A YAML file breaks the syntax or the schema."""


class GraphError(KokoroError):
    """Names, types, axes or order of a graph do not fit."""


class WeightsError(KokoroError):
    """A checkpoint or a voice does not fit the model."""


class BuildError(KokoroError):
    """A stage could not be compiled."""


class RunError(KokoroError):
    """A pipeline refused an input, or a file could not be read or written."""


class SizeError(RunError):
    """An audio format cannot hold so many samples."""


class EditError(RunError):
    """Other phonemes for a word of a line cannot be taken: there is no such word, or the model does not know them."""


class LineError(RunError):
    """One line cannot be spoken; others may be.

    Attributes:
        origin: origin of the line: `ipa.txt:7`.
        fact: its mistake.
        id: of the line; None for a line without one.
    """

    def __init__(self, origin: str, fact: str, id: str | None = None) -> None:  # noqa: A002 - the line's
        super().__init__(f"{line_label(origin, id)}: {fact}")
        self.origin, self.fact, self.id = origin, fact, id

    def copy(self) -> LineError:
        """Make the same error without the frames that this one came through, which hold what they were about."""
        return LineError(self.origin, self.fact, self.id)


def line_label(origin: str, id: str | None) -> str:  # noqa: A002 - the line's
    """Name a line in messages: `ipa.txt:7`, with an id `ipa.txt:7 (utt1)`."""
    return origin if id is None else f"{origin} ({id})"


@dataclass(frozen=True, order=True)
class Origin:
    """The origin of a value: `graphs/default.yaml:67:13`, or an option: `set params.speed=1.2`.

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
    """A mistake in a YAML file: one of fit (GraphError), or one against the schema (SpecError)."""

    origin: Origin
    message: str
    of_fit: bool = True

    def __str__(self) -> str:
        return "\n".join([printable(f"{self.origin}: {self.message}"), *snippet(self.origin)])

    def table(self) -> dict[str, str | int | None]:
        """Make a table for JSON; line and column are null for an option."""
        place = {"line": self.origin.line or None, "column": self.origin.column or None}
        return {"file": self.origin.file, **place, "message": self.message}


def report(mistakes: Iterable[Mistake]) -> KokoroError:
    """Make one error that lists all `mistakes`, each once: those of options first, the others by file and line.

    It is a SpecError if one of them is against the schema, else a GraphError.
    """
    ordered = sorted(set(mistakes), key=lambda mistake: (mistake.origin.line > 0, mistake))
    kind = GraphError if all(mistake.of_fit for mistake in ordered) else SpecError
    error = kind("\n".join(map(str, ordered)))
    error.mistakes = tuple(ordered)
    return error


_texts: dict[str, str] = {}  # of files that can be read once


def keep_text(file: str, text: str) -> None:
    """Keep the text of a file that cannot be read again, such as a pipe, for messages that show its lines."""
    _texts[file] = text


def snippet(origin: Origin) -> list[str]:
    """Show the line of `origin` with a caret under its column; nothing if there is no line to show.

    67 |       d_en: float32[1, text, hidden] <- bert.d_en
       |             ^
    """
    if not origin.line:
        return []
    text = _texts.get(origin.file)
    try:
        if text is None and Path(origin.file).is_file():  # a pipe would wait for its writer
            text = Path(origin.file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    lines = [] if text is None else text.split("\n")
    if origin.line > len(lines):
        return []
    text = lines[origin.line - 1].rstrip()
    if len(text) > _WIDEST_SNIPPET or not text.isprintable():
        return []
    return [f"{origin.line:5} | {text}".rstrip(), f"{'':5} | {' ' * (origin.column - 1)}^"]


def printable(text: str) -> str:
    """Escape the characters that a terminal must not get, such as escape codes and line ends."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def suggest(name: str, known: Iterable[str]) -> str:
    """Make the hint `; did you mean 'text_mask'?`, or a list of the known names, the first twenty of them."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    more = f", ... ({len(known)} in all)" if len(known) > _LISTED else ""
    return f"; known: {', '.join(known[:_LISTED])}{more}" if known else "; there is none"

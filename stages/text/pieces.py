"""Divides text of any language that is written with spaces into words and Kokoro's marks.

    «¿Qué tal?», dijo… 3,5 km  -->  “ Qué tal ? ” , dijo … 3,5 km

A mark inside a word belongs to the word (3,5 10:30 l'eau), except dashes, dots and quotes that never do. No space is
spoken inside brackets and quotes, or before a mark that ends something, though French writes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stages.text.tokens import Kind, Token

# How marks of other scripts and keyboards are spelled; '' is not spoken.
_SPELLINGS = {
    "«": "“", "»": "”", "„": "“", "–": "—", "-": "—", "।": ".", "॥": ".", "...": "…", "¿": "", "¡": "",
    "'": "", "‘": "", "’": "", "[": "(", "]": ")", "{": "(", "}": ")",
}  # fmt: skip
_NEVER_IN_A_WORD = r"\.{2,}|[—…“”«»„।॥¿¡]"
_BEFORE, _AFTER = "\"'‘’([{", "\"'‘’)]};:,.!?"
_OPENING, _CLOSING = "“(", ";:,.!?…)”"
_WRITTEN = re.compile(r"\S+")
_PARTS = re.compile(rf"({_NEVER_IN_A_WORD})")


def divide(text: str) -> Iterator[Token]:
    """Divide `text` into words and marks, in their order."""
    opened = False  # the last mark was a bracket or quote that opens
    for written in _WRITTEN.finditer(text):
        at, spaced = written.start(), not opened
        for part in _PARTS.split(written.group()):
            for piece, kind in _strip(part):
                spelling = piece if kind == "word" else _spell(piece)
                if spelling:
                    yield Token(spelling, at, at + len(piece), spaced and spelling not in _CLOSING, kind)
                    spaced, opened = False, spelling in _OPENING
                at += len(piece)


def _spell(mark: str) -> str:
    return _SPELLINGS.get("..." if mark.startswith("..") else mark, mark)


def _strip(part: str) -> Iterator[tuple[str, Kind]]:
    """Give the marks and the word of a part without space, each with its kind."""
    if _PARTS.fullmatch(part) or part in ("-", "–"):
        yield part, "mark"
        return
    word = part.lstrip(_BEFORE)
    yield from ((mark, "mark") for mark in part[: len(part) - len(word)])
    core = word.rstrip(_AFTER)
    if core:
        yield core, "word"
    yield from ((mark, "mark") for mark in word[len(core) :])

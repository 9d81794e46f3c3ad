"""The words and marks said so far, with the spaces between them."""

from __future__ import annotations

from typing import NamedTuple

from stages.text.rules import Context, Words
from stages.text.symbols import CLOSING, MARKS, OPENING
from stages.text.tokens import Kind, Token, find_kind

_MARKS = frozenset(MARKS.values())


class Note(NamedTuple):
    """A part of the text that is not spoken: its place, what is there, and why it is left out."""

    start: int
    end: int
    text: str
    reason: str


class Speech(Context):
    """The text that is read, what has been said of it, and what is to be told about it.

    Attributes:
        notes: what was left out.
        close_at: the offset at which a word begins that belongs to the one before it, by a hyphen.
    """

    __slots__ = ("close_at", "notes", "tokens")
    tokens: list[Token]

    def __init__(self, text: str, british: bool, notes: list[Note]) -> None:
        self.tokens = []
        super().__init__(text, british, self.tokens)
        self.notes, self.close_at = notes, -1

    def add_word(self, word: str, start: int, end: int, kind: Kind = "word") -> None:
        """Say a word."""
        tokens = self.tokens
        spaced = bool(tokens) and start != self.close_at
        if spaced and tokens[-1].kind == "mark":
            mark, before = tokens[-1].text, tokens[-1].end
            spaced = mark not in OPENING and (mark in CLOSING or (before < start and self.text[start - 1].isspace()))
        tokens.append(Token(word, start, end, spaced, kind))

    def follows_plain_word(self, at: int) -> bool:
        """Whether a word that is spoken as it is written ends at `at`."""
        last = self.tokens[-1] if self.tokens else None
        return (
            last is not None and last.end == at and last.kind != "mark" and self.text[last.start : last.end].isalpha()
        )

    def add_mark(self, mark: str, start: int, end: int) -> None:
        """Say a mark, unless it repeats the one before."""
        tokens = self.tokens
        if tokens and tokens[-1].text == mark and tokens[-1].kind == "mark" and mark not in "()“”":
            return
        spaced = bool(tokens) and mark not in CLOSING and (self.text[start - 1 : start].isspace())
        tokens.append(Token(mark, start, end, spaced, "mark"))

    def add(self, words: Words, start: int, end: int) -> None:
        """Say words and marks that share one place; words in capitals are spelled."""
        for word in words:
            if word in _MARKS:
                self.add_mark(word, start, end)
            else:
                self.add_word(word, start, end, find_kind(word))

    def note(self, start: int, end: int, reason: str) -> None:
        """Tell of a part of the text that is not spoken."""
        self.notes.append(Note(start, end, self.text[start:end], reason))

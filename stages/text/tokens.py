"""The words and marks of a text, as they are spoken, each with its place in what the user wrote."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["word", "mark", "letters", "given"]


class Token(NamedTuple):
    """A word or a mark.

    Attributes:
        text: a word to be looked up, in the user's own capitals, or one mark of Kokoro's vocabulary.
        start: offset of its first character in the user's text, in code points.
        end: offset after its last one. Words that one figure became share the figure's place.
        spaced: whether white space is before it when it is spoken.
        kind: "letters" for a word that is spoken letter by letter, "given" for one whose phonemes the user gave.
        stress: the steps by which the user raises or lowers its stress (`stages.text.stress.change_stress`).
    """

    text: str
    start: int
    end: int
    spaced: bool = True
    kind: Kind = "word"
    stress: int = 0


def find_kind(word: str) -> Kind:
    """Find the kind of a word that a rule has made: one in capitals is spoken letter by letter."""
    return "letters" if word.isupper() else "word"

"""Parts of a text that no rule reads, since the user says how they are spoken.

Rules look at these parts (St. [Ives] is a saint), but must not take them along (5 [km]). A part that a rule would take,
and one that is a piece of a word, is hidden: characters that no rule knows stand in its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stages.text.rules import Words

HIDDEN = "\ud800"
"""Stands for a character that is not to be read: a surrogate, which no text has."""


class Fixed(NamedTuple):
    """A part of the text that no rule reads.

    Attributes:
        start, end: its place.
        words: what is spoken, as a rule gives it; None for the part itself as one word, whose phonemes are given.
    """

    start: int
    end: int
    words: Words | None = None


def touches_word(text: str, part: Fixed) -> bool:
    """Whether a letter or a digit is directly before or behind a part."""
    return text[part.start - 1 : part.start].isalnum() or text[part.end : part.end + 1].isalnum()


def hide(text: str, parts: Iterable[Fixed]) -> str:
    """Put as many hidden characters in the place of parts of a text."""
    pieces, at = list[str](), 0
    for start, end in sorted({(part.start, part.end) for part in parts}):
        pieces += text[at:start], HIDDEN * (end - start)
        at = end
    return "".join([*pieces, text[at:]])

"""The places of a text in the one that it was made of: markup is taken out, references are resolved, words replaced.

user's text   Say [Kokoro](/kəkˈɔɹO/), Fish &amp; chips
text          Say Kokoro, Fish & chips                       Kokoro: 5 to 11, &: 30 to 35
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


class Piece(NamedTuple):
    """A piece of a text, and what it stands for in the other one.

    Attributes:
        start, size: its characters in the text, at least one.
        at, taken: its characters in the other text. Equal sizes say that it stands there literally; it was added if
            there is none.
        whole: whether each character stands for all that is taken, as other words in place of some do.
    """

    start: int
    size: int
    at: int
    taken: int
    whole: bool = False

    @property
    def is_literal(self) -> bool:
        """Whether the characters are those of the other text."""
        return self.size == self.taken and not self.whole


@dataclass(frozen=True)
class Places:
    """The places of a text in the other one.

    Attributes:
        pieces: in the order of both.
    """

    pieces: tuple[Piece, ...]

    def find(self, offset: int) -> int:
        """Find where the character at `offset` begins in the other text; behind the last one, where that ends."""
        piece = self._piece(offset)
        inside = offset - piece.start
        if inside >= piece.size:
            return piece.at + piece.taken
        return piece.at + inside if piece.is_literal else piece.at

    def find_end(self, offset: int) -> int:
        """Find where what is in front of `offset` ends in the other text: before tags and spaces that are left out."""
        if offset <= 0:
            return self.find(0)
        piece = self._piece(offset - 1)
        return piece.at + (min(offset - piece.start, piece.size) if piece.is_literal else piece.taken)

    def _piece(self, offset: int) -> Piece:
        return self.pieces[max(0, bisect_right(self._starts, offset) - 1)]

    @cached_property
    def _starts(self) -> list[int]:
        return [piece.start for piece in self.pieces]

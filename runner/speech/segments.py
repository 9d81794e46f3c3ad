"""Parts of a row that are spoken with one voice at one rate, and the places of their texts in the row.

    row       Good [pause:1s] morning            <s>Fish &amp; chips</s>
    segments  "Good"   1 s   "morning"           "Fish & chips."

A text may differ from what the row has: references are resolved, white space is collapsed, marks of speech are added.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple


class Piece(NamedTuple):
    """A piece of a text, and what it stands for in the row.

    Attributes:
        start, size: its characters in the text, at least one.
        at, taken: its characters in the row. Equal sizes say that it stands there literally; it was added if there is
            none.
    """

    start: int
    size: int
    at: int
    taken: int


@dataclass(frozen=True)
class Places:
    """The places of a text in the row that it is from.

    Attributes:
        pieces: in the order of the text, and of the row.
    """

    pieces: tuple[Piece, ...]

    def find(self, offset: int) -> int:
        """Find where the character at `offset` of the text begins in the row; behind the last one, where that ends."""
        piece = self._piece(offset)
        inside = offset - piece.start
        if inside >= piece.size:
            return piece.at + piece.taken
        return piece.at + inside if piece.size == piece.taken else piece.at

    def find_end(self, offset: int) -> int:
        """Find where the text in front of `offset` ends in the row: before tags and spaces that the text leaves out."""
        if offset <= 0:
            return self.find(0)
        piece = self._piece(offset - 1)
        return piece.at + (min(offset - piece.start, piece.size) if piece.size == piece.taken else piece.taken)

    def _piece(self, offset: int) -> Piece:
        return self.pieces[max(0, bisect_right(self.pieces, offset, key=lambda piece: piece.start) - 1)]


@dataclass(frozen=True)
class Segment:
    """A part of a row that is spoken with one voice at one rate.

    Attributes:
        text: what is spoken; empty for a pause at the end of the row.
        places: of the text in the row.
        voice: a specification of voices; None for that of the run.
        rate: factor of the run's speed.
        pause: silence before the text [s].
    """

    text: str
    places: Places = field(repr=False)
    voice: str | None = None
    rate: float = 1.0
    pause: float = 0.0


def cut_literally(row: str, start: int, end: int) -> tuple[str, Places]:
    """Cut `start` to `end` out of a row, as they are."""
    return row[start:end], Places((Piece(0, end - start, start, end - start),))

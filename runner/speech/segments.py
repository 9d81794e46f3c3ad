"""Parts of a row that are spoken with one voice at one rate, and the places of their texts in the row.

    row       Good [pause:1s] morning            <s>Fish &amp; chips</s>
    segments  "Good"   1 s   "morning"           "Fish & chips."

A text may differ from what the row has: references are resolved, white space is collapsed, marks of speech are added.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stages.text.text_places import Piece, Places


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

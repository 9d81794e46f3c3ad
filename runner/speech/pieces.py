"""The pieces of a row that is spoken: chunks, each a run of the graph, and the pauses that were asked for.

"wˈʌn [pause:1s] tˈu" --> ChunkPiece  PausePiece  ChunkPiece
                             0.1 s +     0.8 s  + 0.1 s        of silence lie in each
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.batch.row_runner import Piece
from runner.speech.split import Chunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.speech.row_words import Word
    from stages.text.text_places import Places

_EDGE_S = 0.1


@dataclass(frozen=True)
class ChunkPiece(Piece):
    """The run of the graph for one chunk of a row.

    Attributes:
        words: those of the row's text whose phonemes the chunk has; each word of the row is in one chunk.
        places: of the text that the stages in front take, in the row.
        is_literal: whether the chunk is a piece of the row, which is of phonemes.
    """

    chunk: Chunk = dataclasses.field(default_factory=lambda: Chunk(""))
    words: Sequence[Word] = ()
    places: Places | None = None
    is_literal: bool = False


@dataclass(frozen=True)
class PausePiece(Piece):
    """A pause that was asked for.

    Attributes:
        seconds: of silence between the speech before it and that after it.
        before, after: of these, what lies in the chunks beside it.
        column: of what is spoken behind it.
    """

    runs: bool = False
    seconds: float = 0.0
    before: float = 0.0
    after: float = 0.0
    column: int = 1

    def count_edges(self, rate_hz: int) -> int:
        """Count the samples of the pause that lie in the chunks beside it."""
        return round(self.before * rate_hz) + round(self.after * rate_hz)


def put_pauses(pieces: Sequence[Piece]) -> list[Piece]:
    """Let chunks beside a pause keep some of its silence: their own, which fades out better than it is cut off."""
    found = list(pieces)
    for at, pause in enumerate(found):
        if isinstance(pause, PausePiece):
            edge = min(pause.seconds / 2, _EDGE_S)
            before = found[at - 1] if at else None
            after = found[at + 1] if at + 1 < len(found) else None
            if isinstance(before, ChunkPiece):
                found[at - 1] = dataclasses.replace(before, chunk=dataclasses.replace(before.chunk, after=edge))
            if isinstance(after, ChunkPiece):
                found[at + 1] = dataclasses.replace(after, chunk=dataclasses.replace(after.chunk, before=edge))
            edges = [edge if isinstance(piece, ChunkPiece) else 0.0 for piece in (before, after)]
            found[at] = dataclasses.replace(pause, before=edges[0], after=edges[1])
    return found

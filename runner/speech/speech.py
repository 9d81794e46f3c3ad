"""A row that is spoken in parts, of which each is computed when it is asked for, in two steps.

    Speaker.begin --> Speech --advance(n)--> how long part n will be: the stages up to the durations run
                         `-----finish(n)---> part n: the others run

What is said, word by word, is known before any of it is spoken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runner.speech.pieces import ChunkPiece, PausePiece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.batch.piece_run import PieceRun
    from runner.batch.row_runner import Piece
    from runner.batch.rows import Row
    from runner.speech.speaker import Part, Speaker


class RowWord(NamedTuple):
    """A word of a row of text.

    Attributes:
        text: as the user wrote it.
        start, end: its place in the row.
        phonemes: its own.
        source: where they are from: lexicon, rule, model, espeak or override, as the stage tells; `edit` if the caller
            gave them; '' if the stage tells nothing.
        part: the number of the part that speaks it.
    """

    text: str
    start: int
    end: int
    phonemes: str
    source: str
    part: int


class Speech:
    """The parts of a row. Different parts may be computed by different threads at the same time.

    Attributes:
        pieces: chunks and pauses: one for each part.
    """

    def __init__(self, speaker: Speaker, row: Row, pieces: Sequence[Piece]) -> None:
        """Begin nothing yet."""
        self.pieces = pieces
        self._speaker, self._row = speaker, row
        self._runs: list[PieceRun[Part] | None] = [
            speaker.begin_piece(row, piece) if piece.runs else None for piece in pieces
        ]

    def __len__(self) -> int:
        """The number of parts."""
        return len(self.pieces)

    @property
    def phonemes(self) -> str:
        """What is spoken, as phonemes; chunks of texts with the spaces that were between them."""
        found = ""
        for piece in self.pieces:
            if isinstance(piece, ChunkPiece):
                gap = 1 if piece.is_literal else piece.chunk.offset - len(found)
                found += " " * (gap if found else 0) + piece.chunk.phonemes
        return found

    @property
    def words(self) -> Sequence[RowWord]:
        """The words of a text, if the stage that makes phonemes of it tells them; none of a row of phonemes."""
        return [
            RowWord(word.text, word.column - 1, word.stop, word.phonemes, word.source, number)
            for number, piece in enumerate(self.pieces)
            if isinstance(piece, ChunkPiece)
            for word in piece.words
        ]

    def advance(self, number: int) -> int | None:
        """Run the stages of a part that its length depends on, if that is known before it is spoken.

        Returns:
            the samples that the part will have; None if they are not known.

        Raises:
            LineError: a stage refused what it got.
        """
        piece, run = self.pieces[number], self._runs[number]
        if run is None or not isinstance(piece, ChunkPiece):
            assert isinstance(piece, PausePiece)
            return self._speaker.make_pause(self._row, piece).audio.size
        return self._speaker.count_samples(piece, run)

    def finish(self, number: int, *, last: bool = False) -> Part:
        """Run the stages of a part that are left; each part is asked for once.

        Args:
            last: nothing is run after it.

        Raises:
            LineError: a stage refused what it got.
        """
        piece, run = self.pieces[number], self._runs[number]
        if run is None:
            assert isinstance(piece, PausePiece)
            return self._speaker.make_pause(self._row, piece)
        if self._speaker.joins_by_time:
            self.advance(number)
        return run.finish(last=last)

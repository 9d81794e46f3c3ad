"""Finds the silence at the edges of a chunk from its durations, before its audio is there.

    begin token    h   ə   l   O   .   end token
    |--------|---|---|---|---|---|---|---------|
      quiet                   | quiet                the last sound dies away early in its frames

`split.join_edges` trims this silence in place of one that is measured, so the length of a joint is known before the
decoder runs. An estimate may be wrong: of the silence, as much is kept as it was wrong by at most. The figures are
those of docs/decisions/0024-serving.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runner.speech.split import Edge, is_word_symbol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from stages.symbols import Symbol

_LONGEST_S = 0.33  # of silence before the first sound, however long the begin token is
_SOUND_S = 0.06  # of the last sound's frames
_KEPT_BEFORE_S, _KEPT_AFTER_S = 0.1, 0.18  # of the silence, at least
_TRUSTED_BEHIND_MARK_S, _TRUSTED_BEHIND_WORD_S = 0.35, _SOUND_S  # of the last sound's frames; what is beyond is kept


class Quiet(NamedTuple):
    """The silence at the edges of a chunk, and what a joint keeps of it at least [s]."""

    before: float
    after: float
    kept_before: float
    kept_after: float

    def edges(self, rate_hz: int) -> tuple[Edge, Edge]:
        """The edges in audio of a rate."""
        before, after, kept_before, kept_after = (round(edge * rate_hz) for edge in self)
        return Edge(before, kept_before), Edge(after, kept_after)


def find_quiet(symbols: Sequence[Symbol], durations: npt.NDArray[np.int64], frame_s: float) -> Quiet:
    """Find the silence that durations tell of.

    Args:
        symbols: of the chunk, those that the model knows.
        durations: frames of each token [1, text]: of the symbols, with a zero token at either end.
        frame_s: a frame [s].
    """
    marks = 0
    while marks < len(symbols) and not is_word_symbol(symbols[-1 - marks].text):
        marks += 1
    end = len(symbols) + 1
    last = max(end - marks - 1, 1)  # the token of the last sound
    before, sound, after = (int(durations[0, at].sum()) * frame_s for at in (0, last, slice(last, end + 1)))
    kept = max(_KEPT_AFTER_S, sound - (_TRUSTED_BEHIND_MARK_S if marks else _TRUSTED_BEHIND_WORD_S))
    return Quiet(min(before, _LONGEST_S), max(after - _SOUND_S, 0.0), _KEPT_BEFORE_S, kept)

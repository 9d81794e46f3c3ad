"""Finds the silence at the edges of a chunk from its durations, before its audio is there.

    begin token    h   ə   l   O   .   end token
    |--------|---|---|---|---|---|---|---------|
      quiet                        quiet            but for a margin: speech begins early and dies away late

A joint that trims what the durations tell of has a length that is known before the decoder runs (`split.join_edges`
trims what is heard, if it is not told). The margins are measured: docs/decisions/0024-serving.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runner.speech.split import is_word_symbol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from stages.symbols import Symbol

_BEFORE_S, _AFTER_S = 0.05, 0.1


class Quiet(NamedTuple):
    """The silence at the edges of a chunk [s]."""

    before: float
    after: float


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
    after = int(durations[0, end - marks : end + 1].sum())
    return Quiet(
        max(int(durations[0, 0]) * frame_s - _BEFORE_S, 0.0),
        max(after * frame_s - _AFTER_S, 0.0),
    )

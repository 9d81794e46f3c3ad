"""Cuts lines that have more symbols than the model takes where a reader would breathe, and joins the audio again.

    "wˈʌn tˈu, θɹˈi. fˈɔɹ" --> split --> "wˈʌn tˈu,"  "θɹˈi."  "fˈɔɹ"          each is run alone
                                             |           |        |
                                           audio       audio    audio --> join_edges --> parts that follow each other

The cuts are chosen for the line as a whole: as few as possible between words, then as few as possible at clauses, then
the fewest chunks, then the most even ones. Cuts between sentences cost nothing.

At a joint the silence at both edges is trimmed or extended to one pause, and both edges fade into it over 5 ms, so that
the waveform passes through zero and does not jump.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError
from stages.dims import SAMPLE_RATE_HZ
from stages.symbols import normalise, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from stages.symbols import Alphabet, Symbol

    Audio = npt.NDArray[np.float32]

_SENTENCE_MARKS, _CLAUSE_MARKS, _CLOSERS = ".!?…", ",;:—", '"”)'
# Any number of marks, each with the quotes and brackets that close after it; or the space between two words.
_GAP = re.compile(rf"(?: *[{_SENTENCE_MARKS}{_CLAUSE_MARKS}][{_CLOSERS}]*)+ *| +")
_QUIET = 0.005  # of the peak (-46 dB): quieter edges are silence
_FADES_IN_A_SECOND = 200


class Boundary(enum.Enum):
    """The kind of place where a line is cut; the value is the pause there [s]."""

    SENTENCE = 0.4
    CLAUSE = 0.2
    WORD = 0.05


@dataclass(frozen=True)
class Chunk:
    """A part of a line that the model takes at once.

    Attributes:
        phonemes: the part, as it was written.
        offset: characters of the line before it.
        before, after: the cuts that separate it from its neighbours, or the silence to leave there [s], which is beside
            a pause; None at the ends of the line.
    """

    phonemes: str
    offset: int = 0
    before: Boundary | float | None = None
    after: Boundary | float | None = None


@dataclass(frozen=True)
class _Cut:
    """A place to cut: the chunk before it ends at `end`, the one after it begins at `start` (offsets in the line)."""

    end: int
    start: int
    boundary: Boundary | None


def is_word_symbol(symbol: str) -> bool:
    """Whether a symbol is part of a word; spaces, marks, quotes and brackets are not."""
    return unicodedata.category(symbol)[0] not in "PZ"


def split(
    phonemes: str,
    vocab: Mapping[str, int],
    limit: int,
    *,
    alphabet: Alphabet | None = None,
    skip_unknown: bool = False,
) -> list[Chunk]:
    """Cut `phonemes` into chunks of at most `limit` symbols; there is one if it has no more.

    Symbols are counted as the vocabulary spells them; spaces at a cut belong to no chunk.

    Raises:
        RunError: a word alone has more than `limit` symbols; or a line that must be cut has unknown symbols, and
            `skip_unknown` does not drop them.
    """
    if len(phonemes) <= limit // 4:  # no character makes more than four symbols: nothing to count
        return [Chunk(phonemes)]
    symbols = list(normalise(phonemes, vocab, alphabet))
    known = [symbol for symbol in symbols if symbol.text in vocab]
    if len(known) <= limit:
        return [Chunk(phonemes)]
    if len(known) < len(symbols) and not skip_unknown:
        raise RunError(refusal([symbol for symbol in symbols if symbol.text not in vocab], vocab))
    cuts = _Cuts(phonemes, known, limit)
    return [
        Chunk(phonemes[one.start : other.end], one.start, one.boundary, other.boundary)
        for one, other in pairwise(cuts.best())
    ]


class _Cuts:
    """The places where a line may be cut; the first and the last are its ends."""

    def __init__(self, phonemes: str, symbols: Sequence[Symbol], limit: int) -> None:
        self._limit = limit
        self._cuts = [_Cut(0, 0, None), *_gaps(phonemes), _Cut(len(phonemes), len(phonemes), None)]
        offsets = [symbol.column - 1 for symbol in symbols]
        in_words = [0, *accumulate(is_word_symbol(symbol.text) for symbol in symbols)]
        self._ends = [bisect_left(offsets, cut.end) for cut in self._cuts]
        self._starts = [bisect_left(offsets, cut.start) for cut in self._cuts]
        self._word_symbols_to_end = [in_words[at] for at in self._ends]
        self._word_symbols_to_start = [in_words[at] for at in self._starts]

    def best(self) -> list[_Cut]:
        """Choose the cuts that cost least, the line's ends included.

        Raises:
            RunError: no cuts make every chunk short enough.
        """
        costs: list[tuple[int, int, int, int] | None] = [(0, 0, 0, 0)]
        origins = [0]
        for here in range(1, len(self._cuts)):
            options = [
                (words, clauses, chunks + 1, squares + size * size, at)
                for at, size in self._chunks_to(here)
                if (cost := costs[at]) is not None
                for words, clauses, chunks, squares in (cost,)
            ]
            if not options:
                costs.append(None)
                origins.append(0)
                continue
            words, clauses, chunks, squares, origin = min(options)
            boundary = self._cuts[here].boundary
            costs.append(
                (words + (boundary is Boundary.WORD), clauses + (boundary is Boundary.CLAUSE), chunks, squares)
            )
            origins.append(origin)
        if costs[-1] is None:
            raise RunError(self._refusal())
        chosen = [len(origins) - 1]
        while chosen[-1]:
            chosen.append(origins[chosen[-1]])
        return [self._cuts[at] for at in reversed(chosen)]

    def _chunks_to(self, here: int) -> Iterator[tuple[int, int]]:
        """Give the cuts where a chunk that ends at cut `here` may begin, with the number of its symbols."""
        for at in range(here - 1, -1, -1):
            size = self._ends[here] - self._starts[at]
            if size > self._limit:
                return
            if self._word_symbols_to_end[here] > self._word_symbols_to_start[at]:  # marks alone are no chunk
                yield at, size

    def _refusal(self) -> str:
        for at in range(len(self._cuts) - 1):
            size = self._ends[at + 1] - self._starts[at]
            if size > self._limit:
                return (
                    f"column {self._cuts[at].start + 1}: {size} symbols without a space or a mark to split at, but the "
                    f"model takes at most {self._limit}; put a space where a word ends"
                )
        return (
            f"{self._ends[-1]} symbols, but the model takes at most {self._limit}, and every cut would part marks alone"
        )


def _gaps(phonemes: str) -> Iterator[_Cut]:
    for gap in _GAP.finditer(phonemes):
        marks = gap.group().rstrip(" ")
        if gap.end() < len(phonemes):
            yield _Cut(gap.start() + len(marks), gap.end(), _boundary(marks))


def _boundary(marks: str) -> Boundary:
    if any(mark in _SENTENCE_MARKS for mark in marks):
        return Boundary.SENTENCE
    return Boundary.CLAUSE if marks else Boundary.WORD


def join_edges(audio: Audio, chunk: Chunk, rate_hz: int = SAMPLE_RATE_HZ) -> tuple[Audio, int]:
    """Give the audio of `chunk` half of the pause to each neighbour; the ends of the line stay as they are.

    Args:
        audio: [samples] of the chunk run alone.
        rate_hz: its sample rate.

    Returns:
        the audio, to follow that of the chunk before without a gap; and the samples by which speech is later in it.
    """
    loud = np.flatnonzero(np.abs(audio) > _QUIET * np.abs(audio).max(initial=0.0))
    first, last = (int(loud[0]), int(loud[-1]) + 1) if loud.size else (0, audio.size)
    skipped, padding = _trim(chunk.before, first, rate_hz)
    dropped, filling = _trim(chunk.after, audio.size - last, rate_hz)
    joined = np.pad(audio[skipped : audio.size - dropped], (padding, filling))
    size = min(rate_hz // _FADES_IN_A_SECOND, audio.size - skipped - dropped)
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(size) + 0.5) / size)).astype(np.float32)
    if chunk.before is not None:
        joined[padding : padding + size] *= rise
    if chunk.after is not None:
        joined[joined.size - filling - size : joined.size - filling] *= rise[::-1]
    return joined, padding - skipped


def _trim(boundary: Boundary | float | None, quiet: int, rate_hz: int) -> tuple[int, int]:
    """Give the samples to cut off an edge that is `quiet` for so many, and to add, for its part of the pause there."""
    if boundary is None:
        return 0, 0
    own = round((boundary.value / 2 if isinstance(boundary, Boundary) else boundary) * rate_hz)
    return max(quiet - own, 0), max(own - quiet, 0)

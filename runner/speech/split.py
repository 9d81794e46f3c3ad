"""Cuts lines that have more symbols than the model takes where a reader would breathe, and joins the audio again.

    "wˈʌn tˈu, θɹˈi. fˈɔɹ" --> split --> "wˈʌn tˈu,"  "θɹˈi."  "fˈɔɹ"          each is run alone
                                             |           |        |
                                           audio       audio    audio --> join_edges --> parts that follow each other

The cuts are chosen for the line as a whole: as few as possible between words, then as few as possible at clauses, then
the fewest chunks, then the most even ones. Cuts between sentences cost nothing. Where the first sound is wanted early,
`early` chooses the first cuts of a row.

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
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runner.errors import RunError
from runner.speech.early import choose_early, size_of
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
    early: int | None = None,
) -> list[Chunk]:
    """Cut `phonemes` into chunks of at most `limit` symbols; there is one if it has no more.

    Symbols are counted as the vocabulary spells them; spaces at a cut belong to no chunk.

    Args:
        early: the number of chunks before, in a row whose first sound is wanted early; None for the fewest chunks.

    Raises:
        RunError: a word alone has more than `limit` symbols; or a line that must be cut has unknown symbols, and
            `skip_unknown` does not drop them.
    """
    enough = limit if early is None else min(limit, size_of(early))
    if len(phonemes) <= enough // 4:  # no character makes more than four symbols: nothing to count
        return [Chunk(phonemes)]
    symbols = list(normalise(phonemes, vocab, alphabet))
    known = [symbol for symbol in symbols if symbol.text in vocab]
    is_refused = len(known) < len(symbols) and not skip_unknown
    if len(known) <= (limit if is_refused else enough):
        return [Chunk(phonemes)]
    if is_refused:
        raise RunError(refusal([symbol for symbol in symbols if symbol.text not in vocab], vocab))
    cuts = Cuts(phonemes, known, limit)
    return [
        Chunk(phonemes[one.start : other.end], one.start, one.boundary, other.boundary)
        for one, other in pairwise(cuts.choose(early))
    ]


class Cuts:
    """The places where a line may be cut, by their numbers; the first and the last are its ends.

    Attributes:
        limit: symbols of a chunk.
        last: the number of the end of the line.
        sentences, clauses: the places where such end.
    """

    def __init__(self, phonemes: str, symbols: Sequence[Symbol], limit: int) -> None:
        """Find the places in `phonemes`, of which `symbols` are known."""
        self.limit = limit
        self._cuts = [_Cut(0, 0, None), *_gaps(phonemes), _Cut(len(phonemes), len(phonemes), None)]
        self.last = len(self._cuts) - 1
        self.sentences, self.clauses = (
            [at for at, cut in enumerate(self._cuts) if cut.boundary is boundary]
            for boundary in (Boundary.SENTENCE, Boundary.CLAUSE)
        )
        offsets = [symbol.column - 1 for symbol in symbols]
        in_words = [0, *accumulate(is_word_symbol(symbol.text) for symbol in symbols)]
        self._ends = [bisect_left(offsets, cut.end) for cut in self._cuts]
        self._starts = [bisect_left(offsets, cut.start) for cut in self._cuts]
        self._word_symbols_to_end = [in_words[at] for at in self._ends]
        self._word_symbols_to_start = [in_words[at] for at in self._starts]

    def size(self, start: int, end: int) -> int:
        """Count the symbols of a chunk from one place to another."""
        return self._ends[end] - self._starts[start]

    def allows(self, start: int, end: int) -> bool:
        """Whether a chunk from one place to another may be; behind it, there are words, too."""
        behind = self._word_symbols_to_end[-1] > self._word_symbols_to_start[end]
        return behind and self.size(start, end) <= self.limit and self._has_words(start, end)

    def choose(self, early: int | None = None) -> list[_Cut]:
        """Choose the cuts that cost least, the line's ends included.

        Args:
            early: as of `split`: the first ones are those of `choose_early`.

        Raises:
            RunError: no cuts make every chunk short enough.
        """
        first = [0] if early is None else choose_early(self, early)
        rest = self._best(first[-1])
        if rest is None and len(first) > 1:
            first, rest = [0], self._best(0)
        if rest is None:
            raise RunError(self._refusal())
        return [self._cuts[at] for at in [*first, *rest]]

    def _best(self, start: int) -> list[int] | None:
        """Choose the cuts behind place `start` that cost least, the line's end included; None if there are none."""
        costs: dict[int, tuple[int, int, int, int]] = {start: (0, 0, 0, 0)}
        origins: dict[int, int] = {}
        for here in range(start + 1, len(self._cuts)):
            options = [
                (words, clauses, chunks + 1, squares + size * size, at)
                for at, size in self._chunks_to(here, start)
                if at in costs
                for words, clauses, chunks, squares in (costs[at],)
            ]
            if options:
                words, clauses, chunks, squares, origins[here] = min(options)
                boundary = self._cuts[here].boundary
                clauses += boundary is Boundary.CLAUSE
                costs[here] = (words + (boundary is Boundary.WORD), clauses, chunks, squares)
        if self.last not in costs:
            return None
        chosen = [self.last]
        while origins[chosen[-1]] != start:
            chosen.append(origins[chosen[-1]])
        return chosen[::-1]

    def _chunks_to(self, here: int, start: int) -> Iterator[tuple[int, int]]:
        """Give the places from `start` on where a chunk that ends at `here` may begin, with its number of symbols."""
        for at in range(here - 1, start - 1, -1):
            size = self.size(at, here)
            if size > self.limit:
                return
            if self._has_words(at, here):
                yield at, size

    def _has_words(self, start: int, end: int) -> bool:
        """Whether there are words from one place to another: marks alone are no chunk."""
        return self._word_symbols_to_end[end] > self._word_symbols_to_start[start]

    def _refusal(self) -> str:
        for at in range(len(self._cuts) - 1):
            size = self.size(at, at + 1)
            if size > self.limit:
                return (
                    f"column {self._cuts[at].start + 1}: {size} symbols without a space or a mark to split at, but the "
                    f"model takes at most {self.limit}; put a space where a word ends"
                )
        return (
            f"{self._ends[-1]} symbols, but the model takes at most {self.limit}, and every cut would part marks alone"
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


class Edge(NamedTuple):
    """An edge of a chunk's audio.

    Attributes:
        quiet: the silence there [samples].
        kept: of it, what a joint leaves at least, where it is not measured and speech may be nearer.
    """

    quiet: int
    kept: int = 0

    def trim(self, boundary: Boundary | float | None, rate_hz: int) -> tuple[int, int]:
        """Give the samples to cut off, and those to add, for the edge's part of the pause there."""
        if boundary is None:
            return 0, 0
        own = round((boundary.value / 2 if isinstance(boundary, Boundary) else boundary) * rate_hz)
        return max(self.quiet - max(own, self.kept), 0), max(own - self.quiet, 0)


def join_edges(
    audio: Audio, chunk: Chunk, rate_hz: int = SAMPLE_RATE_HZ, edges: tuple[Edge, Edge] | None = None
) -> tuple[Audio, int]:
    """Give the audio of `chunk` half of the pause to each neighbour; the ends of the line stay as they are.

    Args:
        audio: [samples] of the chunk run alone.
        rate_hz: its sample rate.
        edges: of the audio; None to measure them.

    Returns:
        the audio, to follow that of the chunk before without a gap; and the samples by which speech is later in it.
    """
    before, after = _measure(audio) if edges is None else edges
    skipped, padding = before.trim(chunk.before, rate_hz)
    dropped, filling = after.trim(chunk.after, rate_hz)
    joined = np.pad(audio[skipped : audio.size - dropped], (padding, filling))
    size = max(min(rate_hz // _FADES_IN_A_SECOND, audio.size - skipped - dropped), 0)
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(size) + 0.5) / size)).astype(np.float32)
    if chunk.before is not None:
        joined[padding : padding + size] *= rise
    if chunk.after is not None:
        joined[joined.size - filling - size : joined.size - filling] *= rise[::-1]
    return joined, padding - skipped


def count_joined(samples: int, chunk: Chunk, rate_hz: int, edges: tuple[Edge, Edge]) -> int:
    """Count the samples of what `join_edges` gives, of audio that has so many."""
    boundaries = (chunk.before, chunk.after)
    trims = [edge.trim(boundary, rate_hz) for edge, boundary in zip(edges, boundaries, strict=True)]
    return samples + sum(added - cut for cut, added in trims)


def _measure(audio: Audio) -> tuple[Edge, Edge]:
    """Measure the silence at both edges."""
    loud = np.flatnonzero(np.abs(audio) > _QUIET * np.abs(audio).max(initial=0.0))
    return (Edge(int(loud[0])), Edge(audio.size - int(loud[-1]) - 1)) if loud.size else (Edge(0), Edge(0))

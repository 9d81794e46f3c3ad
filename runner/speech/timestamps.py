"""Computes when each symbol and word is spoken, from the durations of the model's tokens.

    durations [1, text], in frames    5    3    2    8 ...          a frame is 25 ms, or what the model says
                                      |    |    |    |
    tokens                         (zero)  h    ə    l ...   (zero)
                                           |----|----|
                                           start, end: samples of the file, pauses and joints included

A span is named as the line has it: where one of its characters became two symbols, both are one span. A word is a
sequence of symbols that are neither spaces nor marks (`split.is_word_symbol`). The two zero tokens are the silence
around an utterance and belong to no symbol.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, NamedTuple

from runner.errors import RunError
from runner.speech.split import is_word_symbol
from stages.dims import END_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from stages.symbols import Symbol


@dataclass(frozen=True)
class Span:
    """A piece of text, its column in the line (from 1), and the samples at which it starts and ends."""

    text: str
    column: int
    start: int
    end: int

    def later(self, samples: int) -> Span:
        """The same piece, `samples` later."""
        return Span(self.text, self.column, self.start + samples, self.end + samples)


class WordSpan(NamedTuple):
    """A word of a text, its column in the row (from 1), the samples at which it starts and ends, and its phonemes.

    One without text is a pause.
    """

    text: str
    column: int
    start: int
    end: int
    phonemes: str = ""

    def later(self, samples: int) -> WordSpan:
        """The same word, `samples` later."""
        return self._replace(start=self.start + samples, end=self.end + samples)


@dataclass(frozen=True)
class Timing:
    """The times of one row: a line of phonemes, or a text.

    Attributes:
        origin: where the row was written: `ipa.txt:7`.
        text: the row.
        start, end: of its audio in the file [samples].
        chunks: the symbols of each chunk, with times of the file.
        id: of the row; None for a row without one.
        told: the words of a text and the pauses, chunk for chunk; no words of a line of phonemes.
        is_text: whether the row is a text, of which stages made phonemes.
    """

    origin: str
    text: str
    start: int
    end: int
    chunks: Sequence[Sequence[Span]]
    id: str | None = None
    told: Sequence[Sequence[WordSpan]] = ()
    is_text: bool = False

    @property
    def phonemes(self) -> str:
        """The row, if it is of phonemes; else those that were made of it."""
        if not self.is_text:
            return self.text
        pieces: list[str] = []
        end = 1
        for span in self.symbols():
            pieces += " " * (span.column > end), span.text
            end = span.column + len(span.text)
        return "".join(pieces)

    def symbols(self) -> Iterator[Span]:
        """Give all symbols in their order."""
        for chunk in self.chunks:
            yield from chunk

    def pauses(self) -> Iterator[WordSpan]:
        """Give all pauses that were asked for, in their order."""
        return (word for words in self.told for word in words if not word.text)

    def words(self) -> Iterator[Span | WordSpan]:
        """Give all words in their order."""
        if any(word.text for words in self.told for word in words):
            yield from (word for words in self.told for word in words if word.text)
            return
        for chunk in self.chunks:
            yield from join_words(chunk)

    def whole(self) -> Span:
        """The line as one piece."""
        return Span(self.text, 1, self.start, self.end)


def join_words(symbols: Iterable[Span]) -> Iterator[Span]:
    """Join symbols to words."""
    for is_word, found in groupby(symbols, lambda span: is_word_symbol(span.text[0])):
        if is_word:
            spans = list(found)
            yield Span("".join(span.text for span in spans), spans[0].column, spans[0].start, spans[-1].end)


def time_symbols(
    symbols: Sequence[Symbol], durations: npt.NDArray[np.int64], frame_samples: float, samples: int
) -> list[Span]:
    """Compute when each of `symbols` is spoken in their audio of `samples`; those of one column are one span.

    Args:
        durations: frames of each token [1, text]: of the symbols, with a zero token at either end; 0 where padded.
        frame_samples: samples of a frame; not a whole number in audio that was resampled.

    Raises:
        RunError: the durations are not those of these symbols and this audio.
    """
    tokens = len(symbols) + END_TOKENS
    total = round(int(durations.sum()) * frame_samples)
    apart = abs(total - samples) > (0 if frame_samples == int(frame_samples) else 1)  # a resampler rounds as it likes
    if durations.shape[1] < tokens or durations[0, tokens:].any() or apart:
        raise RunError(
            f"the graph's durations are of {int((durations > 0).sum())} tokens and {total} samples, but the audio is "
            f"of {tokens} tokens and {samples} samples: they cannot be told apart in time"
        )
    ends = [round(frames * frame_samples) for frames in accumulate(durations[0, : tokens - 1].tolist())]
    spans: list[Span] = []
    for symbol, start, end in zip(symbols, ends[:-1], ends[1:], strict=True):
        goes_on = bool(spans) and spans[-1].column == symbol.column  # one character of the line became both symbols
        begins = spans.pop().start if goes_on else start
        spans.append(Span(symbol.text if symbol.written is None else symbol.written, symbol.column, begins, end))
    return spans


def move_spans(spans: Iterable[Span], *, columns: int, samples: int, limit: int, first: int = 0) -> list[Span]:
    """Move the spans of a chunk to their times in audio of `limit` samples; what a joint has cut off has no length.

    Args:
        columns: characters of the line before the chunk.
        samples: by which they are later there.
        first: the sample before which nothing is spoken.
    """
    return [
        Span(
            span.text,
            span.column + columns,
            min(max(span.start + samples, first), limit),
            min(max(span.end + samples, first), limit),
        )
        for span in spans
    ]

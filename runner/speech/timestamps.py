"""When each symbol and word is spoken, from the durations that the model gave its tokens.

    durations [1, text], in frames    5    3    2    8 ...          a frame is 25 ms, or what the model says
                                      |    |    |    |
    tokens                         (zero)  h    ə    l ...   (zero)
                                           |----|----|
                                           start, end: samples of the file, pauses and joints included

A word is a run of symbols that are neither spaces nor marks (`split.is_spoken`). The two zeros are the silence around
an utterance and belong to nothing.

    .json       everything: utterances, words, symbols
    .tsv        the same, a row each
    .TextGrid   the same, a tier each, for Praat
    .srt .vtt   a cue a word
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from runner.errors import RunError
from runner.files.replace import replacing
from runner.speech.split import is_spoken
from stages.dims import END_TOKENS, SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from stages.symbols import Symbol

    Lines = Callable[[], Iterable["Timing"]]

_FORMAT = 1


@dataclass(frozen=True)
class Span:
    """A piece of text, the column (from 1) of the line where it begins, and from when to when it lasts [samples]."""

    text: str
    column: int
    start: int
    end: int

    def later(self, samples: int) -> Span:
        return Span(self.text, self.column, self.start + samples, self.end + samples)


@dataclass(frozen=True)
class Timing:
    """When one line is spoken.

    Attributes:
        origin: where the line was written: `ipa.txt:7`.
        phonemes: the line.
        start, end: of its audio in the file [samples].
        chunks: the symbols of each part that was spoken in one go; times are those of the file.
    """

    origin: str
    phonemes: str
    start: int
    end: int
    chunks: Sequence[Sequence[Span]]

    def symbols(self) -> Iterator[Span]:
        for chunk in self.chunks:
            yield from chunk

    def words(self) -> Iterator[Span]:
        for chunk in self.chunks:
            for spoken, run in groupby(chunk, lambda span: is_spoken(span.text)):
                if spoken:
                    spans = list(run)
                    text = "".join(span.text for span in spans)
                    yield Span(text, spans[0].column, spans[0].start, spans[-1].end)

    def whole(self) -> Span:
        return Span(self.phonemes, 1, self.start, self.end)


def spans(symbols: Sequence[Symbol], durations: npt.NDArray[np.int64], frame_samples: int, samples: int) -> list[Span]:
    """When each of `symbols` is spoken in their audio of `samples`.

    Args:
        durations: frames of each token [1, text]: of the symbols, with a zero token at either end; 0 where padded.

    Raises:
        RunError: the durations are not those of these symbols and this audio.
    """
    tokens = len(symbols) + END_TOKENS
    total = int(durations.sum()) * frame_samples
    if durations.shape[1] < tokens or durations[0, tokens:].any() or total != samples:
        raise RunError(
            f"the graph's durations are of {int((durations > 0).sum())} tokens and {total} samples, but the audio is "
            f"of {tokens} tokens and {samples} samples: they cannot be told apart in time"
        )
    ends = [frames * frame_samples for frames in accumulate(durations[0, : tokens - 1].tolist())]
    return [
        Span(symbol.text, symbol.column, start, end)
        for symbol, start, end in zip(symbols, ends[:-1], ends[1:], strict=True)
    ]


def moved(given: Iterable[Span], *, columns: int, samples: int, limit: int) -> list[Span]:
    """The spans of a chunk as they are in its line's audio of `limit` samples; what a joint has cut off has no length.

    Args:
        columns: characters of the line before the chunk.
        samples: by how many the chunk's audio is later in the line's.
    """
    return [
        Span(
            span.text,
            span.column + columns,
            min(max(span.start + samples, 0), limit),
            min(max(span.end + samples, 0), limit),
        )
        for span in given
    ]


def check_format(path: Path) -> None:
    """Refuse a name that says no form of timestamps.

    Raises:
        RunError: naming those there are.
    """
    _writer(path)


def write(path: Path, lines: Lines, samples: int) -> None:
    """Write the times of `lines` in a file of `samples` of audio, in the form of the extension of `path`.

    Args:
        lines: gives them in order, as often as it is called: nothing is kept but the line at hand.

    Raises:
        RunError: unknown form, or the file cannot be written; then nothing is left of it.
    """
    writer = _writer(path)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        writer(file, lines, samples)


def _writer(path: Path) -> Callable[[TextIO, Lines, int], None]:
    for extension, writer in _WRITERS.items():
        if extension.lower() == path.suffix.lower():
            return writer
    raise RunError(f"{path}: no form of timestamps is called '{path.suffix}'; there are {', '.join(_WRITERS)}")


def _write_json(file: TextIO, lines: Lines, samples: int) -> None:
    head = {"format": _FORMAT, "sample_rate": SAMPLE_RATE_HZ, "seconds": _seconds(samples)}
    file.write(json.dumps(head)[:-1] + ', "utterances": [')
    for number, line in enumerate(lines()):
        table = {
            "line": line.origin,
            "phonemes": line.phonemes,
            "start": _seconds(line.start),
            "end": _seconds(line.end),
            "words": [_table(span) for span in line.words()],
            "symbols": [_table(span) for span in line.symbols()],
        }
        file.write((",\n" if number else "\n") + json.dumps(table, ensure_ascii=False))
    file.write("\n]}\n")


def _table(span: Span) -> Mapping[str, object]:
    return {"text": span.text, "column": span.column, "start": _seconds(span.start), "end": _seconds(span.end)}


def _write_tsv(file: TextIO, lines: Lines, _samples: int) -> None:
    file.write("start\tend\tkind\ttext\tline\tcolumn\n")
    for line in lines():
        for kind, given in (("utterance", [line.whole()]), ("word", line.words()), ("symbol", line.symbols())):
            for span in given:
                fields = (_seconds(span.start), _seconds(span.end), kind, span.text, line.origin, span.column)
                file.write("\t".join(str(field).translate(_IN_A_CELL) for field in fields) + "\n")


_IN_A_CELL = str.maketrans({"\t": r"\t", "\n": r"\n", "\r": r"\r"})  # --skip-unknown lets a line hold them


def _write_srt(file: TextIO, lines: Lines, _samples: int) -> None:
    for number, span in enumerate(_words(lines), 1):
        file.write(f"{number}\n{_clock(span.start, ',')} --> {_clock(span.end, ',')}\n{span.text}\n\n")


def _write_vtt(file: TextIO, lines: Lines, _samples: int) -> None:
    file.write("WEBVTT\n\n")
    for span in _words(lines):
        text = span.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        file.write(f"{_clock(span.start, '.')} --> {_clock(span.end, '.')}\n{text}\n\n")


def _words(lines: Lines) -> Iterator[Span]:
    for line in lines():
        yield from line.words()


def _write_textgrid(file: TextIO, lines: Lines, samples: int) -> None:
    tiers: dict[str, Callable[[Timing], Iterable[Span]]] = {
        "utterances": lambda line: [line.whole()],
        "words": Timing.words,
        "symbols": Timing.symbols,
    }
    file.write('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
    file.write(f"xmin = 0\nxmax = {_seconds(samples)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n")
    for number, (name, spans_of) in enumerate(tiers.items(), 1):
        size = sum(1 for _ in _tiled(lines, spans_of, samples))  # the format wants it in front of the intervals
        file.write(
            f'    item [{number}]:\n        class = "IntervalTier"\n        name = "{name}"\n'
            f"        xmin = 0\n        xmax = {_seconds(samples)}\n        intervals: size = {size}\n"
        )
        for index, span in enumerate(_tiled(lines, spans_of, samples), 1):
            text = span.text.replace('"', '""')
            file.write(
                f"        intervals [{index}]:\n            xmin = {_seconds(span.start)}\n"
                f'            xmax = {_seconds(span.end)}\n            text = "{text}"\n'
            )


def _tiled(lines: Lines, spans_of: Callable[[Timing], Iterable[Span]], samples: int) -> Iterator[Span]:
    """The spans with nameless ones between them; Praat wants a tier without holes, and no interval of no length."""
    end = 0
    for span in (span for line in lines() for span in spans_of(line)):
        if span.start > end:
            yield Span("", 0, end, span.start)
        if span.end > span.start:
            yield span
        end = span.end
    if samples > end:
        yield Span("", 0, end, samples)


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE_HZ, 6)


def _clock(samples: int, point: str) -> str:
    """`00:01:02,345`: subtitles count milliseconds."""
    seconds, thousandths = divmod(round(samples * 1000 / SAMPLE_RATE_HZ), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{thousandths:03}"


_WRITERS: dict[str, Callable[[TextIO, Lines, int], None]] = {
    ".json": _write_json,
    ".tsv": _write_tsv,
    ".TextGrid": _write_textgrid,
    ".srt": _write_srt,
    ".vtt": _write_vtt,
}

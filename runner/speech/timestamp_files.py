"""Writes the times of lines to a file, in the format that its extension says.

.json       everything: utterances, words, symbols
.tsv        the same, a row each
.TextGrid   the same, a tier each, for Praat
.srt .vtt   a cue a word
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

from runner.errors import RunError
from runner.files.replace import replacing
from runner.speech.timestamps import Span, Timing, WordSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    Lines = Callable[[], Iterable[Timing]]

_FORMAT = 1


def check_format(path: Path) -> None:
    """Refuse a name whose extension is no format of timestamps.

    Raises:
        RunError: listing the formats.
    """
    _writer(path)


def write(path: Path, lines: Lines, samples: int, rate_hz: int) -> None:
    """Write the times of `lines`, whose audio has `samples`, in the format of the extension of `path`.

    Args:
        lines: gives them in order, as often as it is called; only the line at hand is in memory.
        rate_hz: sample rate of the audio.

    Raises:
        RunError: unknown format, or the file cannot be written; then nothing is left of it.
    """
    writer = _writer(path)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        writer(file, lines, samples, rate_hz)


def _writer(path: Path) -> Callable[[TextIO, Lines, int, int], None]:
    for extension, writer in _WRITERS.items():
        if extension.lower() == path.suffix.lower():
            return writer
    raise RunError(f"{path}: no format of timestamps is called '{path.suffix}'; there are {', '.join(_WRITERS)}")


def _write_json(file: TextIO, lines: Lines, samples: int, rate_hz: int) -> None:
    head = {"format": _FORMAT, "sample_rate": rate_hz, "seconds": _seconds(samples, rate_hz)}
    file.write(json.dumps(head)[:-1] + ', "utterances": [')
    for number, line in enumerate(lines()):
        table = {
            "line": line.origin,
            **({} if line.id is None else {"id": line.id}),
            **({"text": line.text} if line.is_text else {}),
            "phonemes": line.phonemes,
            "start": _seconds(line.start, rate_hz),
            "end": _seconds(line.end, rate_hz),
            "words": [_table(span, rate_hz) for span in line.words()],
            **({"pauses": pauses} if (pauses := [_table(span, rate_hz) for span in line.pauses()]) else {}),
            "symbols": [_table(span, rate_hz) for span in line.symbols()],
        }
        file.write((",\n" if number else "\n") + json.dumps(table, ensure_ascii=False))
    file.write("\n]}\n")


def _table(span: Span | WordSpan, rate_hz: int) -> Mapping[str, object]:
    phonemes = span.phonemes if isinstance(span, WordSpan) else ""
    return {
        **({"text": span.text} if span.text else {}),
        **({"phonemes": phonemes} if phonemes else {}),
        "column": span.column,
        "start": _seconds(span.start, rate_hz),
        "end": _seconds(span.end, rate_hz),
    }


def _write_tsv(file: TextIO, lines: Lines, _samples: int, rate_hz: int) -> None:
    first = next(iter(lines()), None)
    has_ids = first is not None and first.id is not None
    file.write("start\tend\tkind\ttext\tline\tcolumn" + ("\tid\n" if has_ids else "\n"))
    for line in lines():
        for kind, spans in _kinds(line):
            for span in spans:
                fields = (
                    _seconds(span.start, rate_hz),
                    _seconds(span.end, rate_hz),
                    kind,
                    span.text,
                    line.origin,
                    span.column,
                    *([line.id] if has_ids else []),
                )
                file.write("\t".join(str(field).translate(_IN_A_CELL) for field in fields) + "\n")


def _kinds(line: Timing) -> Iterator[tuple[str, Iterable[Span | WordSpan]]]:
    yield "utterance", [line.whole()]
    yield "word", line.words()
    yield "pause", line.pauses()
    yield "symbol", line.symbols()


_IN_A_CELL = str.maketrans({"\t": r"\t", "\n": r"\n", "\r": r"\r"})  # with `skip_unknown` a line may hold them


def _write_srt(file: TextIO, lines: Lines, _samples: int, rate_hz: int) -> None:
    for number, span in enumerate(_words(lines), 1):
        file.write(
            f"{number}\n{_clock(span.start, ',', rate_hz)} --> {_clock(span.end, ',', rate_hz)}\n{span.text}\n\n"
        )


def _write_vtt(file: TextIO, lines: Lines, _samples: int, rate_hz: int) -> None:
    file.write("WEBVTT\n\n")
    for span in _words(lines):
        text = span.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        file.write(f"{_clock(span.start, '.', rate_hz)} --> {_clock(span.end, '.', rate_hz)}\n{text}\n\n")


def _words(lines: Lines) -> Iterator[Span | WordSpan]:
    for line in lines():
        yield from line.words()


def _write_textgrid(file: TextIO, lines: Lines, samples: int, rate_hz: int) -> None:
    tiers: dict[str, Callable[[Timing], Iterable[Span | WordSpan]]] = {
        "utterances": lambda line: [line.whole()],
        "words": Timing.words,
        "symbols": Timing.symbols,
    }
    file.write('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
    file.write(f"xmin = 0\nxmax = {_seconds(samples, rate_hz)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n")
    for number, (name, spans_of) in enumerate(tiers.items(), 1):
        size = sum(1 for _ in _tiled(lines, spans_of, samples))  # the format wants it in front of the intervals
        file.write(
            f'    item [{number}]:\n        class = "IntervalTier"\n        name = "{name}"\n'
            f"        xmin = 0\n        xmax = {_seconds(samples, rate_hz)}\n        intervals: size = {size}\n"
        )
        for index, span in enumerate(_tiled(lines, spans_of, samples), 1):
            text = span.text.replace('"', '""')
            file.write(
                f"        intervals [{index}]:\n            xmin = {_seconds(span.start, rate_hz)}\n"
                f'            xmax = {_seconds(span.end, rate_hz)}\n            text = "{text}"\n'
            )


def _tiled(
    lines: Lines, spans_of: Callable[[Timing], Iterable[Span | WordSpan]], samples: int
) -> Iterator[Span | WordSpan]:
    """Give the spans with nameless ones between them: Praat wants a tier without gaps and without empty intervals."""
    end = 0
    for span in (span for line in lines() for span in spans_of(line)):
        if span.start > end:
            yield Span("", 0, end, span.start)
        if span.end > span.start:
            yield span
        end = span.end
    if samples > end:
        yield Span("", 0, end, samples)


def _seconds(samples: int, rate_hz: int) -> float:
    return round(samples / rate_hz, 6)


def _clock(samples: int, point: str, rate_hz: int) -> str:
    """Spell a time as subtitles do: `00:01:02,345`."""
    seconds, thousandths = divmod(round(samples * 1000 / rate_hz), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{thousandths:03}"


_WRITERS: dict[str, Callable[[TextIO, Lines, int, int], None]] = {
    ".json": _write_json,
    ".tsv": _write_tsv,
    ".TextGrid": _write_textgrid,
    ".srt": _write_srt,
    ".vtt": _write_vtt,
}

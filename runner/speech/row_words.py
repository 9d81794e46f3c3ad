"""Places the words of a row: in the row as the user wrote it, and in its phonemes.

    row          "It cost $5."                     words of the stage      [0, 2) -> phonemes [0, 2)
    phonemes     "ɪt kˈɔst fˈIv dˈɑləɹz."                                  [8, 10) -> [9, 13), [8, 10) -> [14, 21)
    Word         ("$5", column 9, phonemes 9 to 21)

A stage that makes phonemes of text says so with a port `words: int64[words, 4]`, a word a row: start and end in its
text, start and end in its phonemes. Rows that share a place in the text, as the words of a figure do, are one word. A
port `sources: str` beside it tells where the phonemes of each row are from.
"""

from __future__ import annotations

import html
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from runner.graph.types import Ref
from runner.runtime.values import STR
from runner.speech.script import is_ssml
from runner.speech.timestamps import WordSpan
from stages.contract import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from runner.graph.types import Graph
    from runner.speech.timestamps import Span
    from stages.text.text_places import Places

_PORT, _SOURCES = "words", "sources"
_TYPE = parse_type("int64[words, 4]")


class WordRow(NamedTuple):
    """A word of a segment.

    Attributes:
        start, end: in the text of the stage.
        first, last: of its phonemes, in those of the segment.
        source: where these are from; '' if the stage does not tell.
    """

    start: int
    end: int
    first: int
    last: int
    source: str = ""


class Word(NamedTuple):
    """A word of a row.

    Attributes:
        text: as the user wrote it.
        column: of its first character in the row, from 1.
        start, end: of its phonemes in those of the row (offsets).
        stop: where it ends in the row (offset).
        phonemes: its own.
        source: where they are from, as the stage tells; `edit` if the caller gave them; '' if nothing is told.
    """

    text: str
    column: int
    start: int
    end: int
    stop: int = 0
    phonemes: str = ""
    source: str = ""


def find_words(graph: Graph, phonemes: Ref) -> Ref | None:
    """Find the port that tells the words of `phonemes`, which its stage gives beside them; None if there is none."""
    stage = graph.stages.get(phonemes.stage)
    return Ref(phonemes.stage, _PORT) if stage is not None and stage.outputs.get(_PORT) == _TYPE else None


def cut_word(text: str, places: Places, start: int, end: int) -> tuple[str, int]:
    """Cut a word out of a row, as a person reads it; gives its column, too.

    Args:
        text: the row.
        places: of the stage's text in it.
        start, end: of the word in the stage's text.
    """
    first = places.find(start)
    word = text[first : places.find_end(end)]
    return html.unescape(word) if is_ssml(text) else word, first + 1


def find_sources(graph: Graph, words: Ref) -> Ref | None:
    """Find the port that tells where the phonemes of words are from; None if there is none."""
    stage = graph.stages[words.stage]
    return Ref(words.stage, _SOURCES) if stage.outputs.get(_SOURCES) == STR else None


def read_words(rows: npt.NDArray[np.int64], sources: str = "") -> list[WordRow]:
    """Read the words that a stage gave.

    Args:
        rows: [words, 4], of the port.
        sources: one for each row, a space between two; '' if the stage has none.
    """
    told = sources.split(" ") if sources else [""] * len(rows)
    words = []
    for (start, end), same in groupby(zip(rows.tolist(), told, strict=True), lambda row: row[0][:2]):
        found = list(same)
        source = " ".join(dict.fromkeys(source for _, source in found))
        words.append(WordRow(start, end, found[0][0][2], found[-1][0][3], source))
    return words


def place_words(words: Sequence[WordRow], phonemes: str, places: Places, text: str, before: int) -> list[Word]:
    """Place the words of a segment in its row.

    Args:
        phonemes: of the segment.
        places: where the text of the stage is in the row.
        text: the row.
        before: phonemes of the row before those of the segment.
    """
    found = []
    for word in words:
        written, column = cut_word(text, places, word.start, word.end)
        own, stop = phonemes[word.first : word.last], places.find_end(word.end)
        found.append(Word(written, column, before + word.first, before + word.last, stop, own, word.source))
    return found


def time_words(words: Sequence[Word], spans: Sequence[Span]) -> Iterator[WordSpan]:
    """Find when words are spoken.

    Args:
        words: in the order of the phonemes.
        spans: of the symbols of a part, in their order; a word of which it has none is left out.
    """
    remaining = iter(spans)
    span = next(remaining, None)
    for word in words:
        while span is not None and span.column <= word.start:
            span = next(remaining, None)
        own: list[Span] = []
        while span is not None and span.column <= word.end:
            own.append(span)
            span = next(remaining, None)
        if own:
            phonemes = "".join(each.text for each in own)
            yield WordSpan(word.text, word.column, own[0].start, own[-1].end, phonemes)

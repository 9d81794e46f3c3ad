"""Makes phonemes of texts: runs the stages in front of the tokenizer, and no other.

row of text --> segments --> stages up to the text that the tokenizer takes --> phonemes, and each word with its own

    "Hi. [pause:1s] [voice:am_adam] You?"  -->  "hˈI. [pause:1s] [voice:am_adam] jˈu?"

The marks between segments stay, so that the phonemes are spoken as the text is.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.batch.row_runner import name_row
from runner.engine.options import RunOptions
from runner.errors import RunError
from runner.graph.selection import Scope
from runner.graph.types import GRAPH_INPUTS, Ref
from runner.speech.error_places import placing_errors
from runner.speech.line_runner import find_cut
from runner.speech.row_words import cut_word, find_words
from runner.speech.script import read_script
from runner.speech.split import is_word_symbol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph
    from runner.speech.segments import Segment

_SOURCES = "sources"
_DEFAULT = RunOptions()


@dataclass(frozen=True)
class SpokenWord:
    """A word of a text.

    Attributes:
        text: as the user wrote it; words that one figure became have the figure.
        column: where it stands in the row, from 1; in a paragraph of several lines, line ends count as one.
        phonemes: its own.
        source: where they are from: lexicon, rule, model, espeak or override; None if the stage does not tell.
    """

    text: str
    column: int
    phonemes: str
    source: str | None


@dataclass(frozen=True)
class SpokenRow:
    """A row of text.

    Attributes:
        row: the row.
        phonemes: of all of it, with the marks of pauses, voices and rates.
        words: in their order; None if the stage does not tell them.
    """

    row: Row
    phonemes: str
    words: list[SpokenWord] | None


def find_phonemes(graph: Graph) -> Ref:
    """Find the port of the phonemes that a graph makes of text.

    Raises:
        RunError: it makes none.
    """
    cut = find_cut(graph)
    if cut is None or cut.stage == GRAPH_INPUTS:
        what = "has no stage that makes phonemes" if cut is None else "takes phonemes, and makes none of text"
        raise RunError(f"{graph.path} {what}; give a graph of text, such as `text`")
    return cut


class Phonemizer:
    """A pipeline whose stages up to the phonemes run on row after row."""

    def __init__(
        self, pipeline: Pipeline, inputs: Mapping[str, Any], lines: str | None, options: RunOptions = _DEFAULT
    ) -> None:
        """Find the stage of the phonemes.

        Args:
            inputs: values of the other inputs of the graph, by name.
            lines: the input that a row feeds.
            options: of every run.

        Raises:
            RunError: the graph makes no phonemes, or takes no rows.
        """
        graph = pipeline.graph
        if lines is None:
            raise RunError(f"{graph.path} has no input that takes text")
        self._pipeline, self._inputs, self._lines = pipeline, dict(inputs), lines
        self._port = find_phonemes(graph)
        self._words = find_words(graph, self._port)
        self._options = dataclasses.replace(options, scope=Scope(until=self._port.stage, refresh=options.scope.refresh))

    def read(self, row: Row) -> SpokenRow:
        """Make the phonemes of a row.

        Raises:
            LineError: a stage refused the row.
        """
        with name_row(row):
            pieces: list[str] = []
            words: list[SpokenWord] = []
            voice, rate = None, 1.0
            for segment in read_script(row.text, line=row.number):
                pieces += _spell_marks(segment, voice, rate)
                voice, rate = segment.voice, segment.rate
                if segment.text.strip():
                    with placing_errors(segment.places.find, row):
                        phonemes, own = self._read_segment(row, segment)
                    if any(map(is_word_symbol, phonemes)):  # no other segment is spoken
                        pieces.append(phonemes)
                    words += own
            return SpokenRow(row, " ".join(filter(None, pieces)), None if self._words is None else words)

    def _read_segment(self, row: Row, segment: Segment) -> tuple[str, list[SpokenWord]]:
        options = dataclasses.replace(self._options, label=row.label)
        found = self._pipeline.run({**self._inputs, self._lines: segment.text}, options)
        phonemes = str(found[str(self._port)])
        return phonemes, [] if self._words is None else list(self._read_words(row.text, segment, found))

    def _read_words(self, text: str, segment: Segment, found: Mapping[str, Any]) -> Iterator[SpokenWord]:
        outputs, phonemes = self._pipeline.graph.stages[self._port.stage].outputs, str(found[str(self._port)])
        rows = found[str(self._words)].tolist()
        sources: list[str | None] = [None] * len(rows)
        if _SOURCES in outputs:
            sources = [*str(found[str(Ref(self._port.stage, _SOURCES))]).split()]
        for (start, end, first, last), source in zip(rows, sources, strict=True):
            yield SpokenWord(*cut_word(text, segment.places, start, end), phonemes[first:last], source)


def _spell_marks(segment: Segment, voice: str | None, rate: float) -> Iterator[str]:
    """Spell the marks in front of a segment.

    Args:
        voice, rate: of the segment before it.
    """
    if segment.pause:
        yield f"[pause:{segment.pause:g}s]"
    if segment.voice != voice:
        yield f"[voice:{segment.voice or ''}]"
    if segment.rate != rate:
        yield f"[rate:{segment.rate:g}]"

"""Makes phonemes of texts: runs the stages in front of the tokenizer, and no other.

row of text --> stages up to the text that the tokenizer takes --> phonemes, and each word with its own
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
from runner.speech.line_runner import find_cut
from stages.contract import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph

_WORDS, _SOURCES = "words", "sources"
_WORDS_TYPE = parse_type("int64[words, 4]")
_DEFAULT = RunOptions()


@dataclass(frozen=True)
class SpokenWord:
    """A word of a text.

    Attributes:
        text: as the user wrote it; words that one figure became have the figure.
        column: where it stands in the row, from 1.
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
        phonemes: of all of it.
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
        self._options = dataclasses.replace(options, scope=Scope(until=self._port.stage, refresh=options.scope.refresh))

    def read(self, row: Row) -> SpokenRow:
        """Make the phonemes of a row.

        Raises:
            LineError: a stage refused the row.
        """
        with name_row(row):
            text = row.text
            options = dataclasses.replace(self._options, label=row.label)
            found = self._pipeline.run({**self._inputs, self._lines: text}, options)
            phonemes = str(found[str(self._port)])
            return SpokenRow(row, phonemes, self._read_words(text, phonemes, found))

    def _read_words(self, text: str, phonemes: str, found: Mapping[str, Any]) -> list[SpokenWord] | None:
        outputs = self._pipeline.graph.stages[self._port.stage].outputs
        if outputs.get(_WORDS) != _WORDS_TYPE:
            return None
        places = found[str(Ref(self._port.stage, _WORDS))].tolist()
        sources: Iterator[str | None] = iter(
            str(found[str(Ref(self._port.stage, _SOURCES))]).split() if _SOURCES in outputs else [None] * len(places)
        )
        return [
            SpokenWord(text[start:end], start + 1, phonemes[first:last], source)
            for (start, end, first, last), source in zip(places, sources, strict=True)
        ]

"""Runs a graph on lines of phonemes, each of which is cut where it is too long for the model.

    line --> split --> chunks                       the graph's input is phonemes
    line --> stages in front --> split --> chunks   a stage gives them, from text

The cut is at the text that the tokenizer takes. Where stages in front of it give that text, they run once for the line,
and each chunk then replaces what they gave.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.batch.bulk import PartT
from runner.batch.row_runner import BaseRowRunner, OutputPart, Piece, make_output_part
from runner.engine.options import RunOptions
from runner.errors import RunError
from runner.graph.selection import Scope, find_needed
from runner.graph.types import GRAPH_INPUTS, Ref
from runner.runtime.values import STR
from runner.speech.line_warnings import LineWarnings
from runner.speech.model import VOICE_TYPE, model_dims
from runner.speech.split import Chunk, split
from stages.dims import END_TOKENS
from stages.text.espeak import ESPEAK, KOKORO, Alphabet, find_alphabet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import RunState
    from runner.graph.types import Graph, StageSpec

PHONEMES = "phonemes"  # the port of a tokenizer that takes the text to be cut
_ALPHABET = "alphabet"  # the parameter that names the alphabet of the lines
_VOCABULARY = "vocab"  # the key of config.json that a tokenizer takes
_DEFAULT = RunOptions()


def find_tokenizers(graph: Graph) -> list[StageSpec]:
    """Find the stages that turn phonemes into tokens, by their vocabulary."""
    return [
        spec
        for spec in graph.stages.values()
        if _VOCABULARY in spec.config and PHONEMES in spec.inputs and spec.inputs[PHONEMES].type == STR
    ]


def find_cut(graph: Graph) -> Ref | None:
    """Find the text that is cut: what all tokenizers take; None if they take different texts, or there is none."""
    sources = {spec.inputs[PHONEMES].ref for spec in find_tokenizers(graph)}
    return next(iter(sources)) if len(sources) == 1 else None


def _find_alphabet(name: str) -> Alphabet | None:
    try:
        return find_alphabet(name)
    except ValueError as error:
        raise RunError(f"params.{_ALPHABET}: {error}") from None


@dataclass(frozen=True)
class ChunkPiece(Piece):
    """The run of the graph for one chunk of a line."""

    chunk: Chunk = dataclasses.field(default_factory=lambda: Chunk(""))


class LineRunner(BaseRowRunner[PartT]):
    """A pipeline with inputs that all lines share, ready for line after line."""

    def __init__(
        self, pipeline: Pipeline, inputs: Mapping[str, Any], lines: str | None, options: RunOptions = _DEFAULT
    ) -> None:
        """Find where lines are cut; arguments are those of `BaseRowRunner`.

        Raises:
            RunError: the model is not of a family that speaks; no alphabet has the name that is asked for.
        """
        super().__init__(pipeline, inputs, lines, options)
        graph = pipeline.graph
        params = {**graph.params, **options.params}
        self._skip_unknown = bool(params.get("skip_unknown", False))
        self._alphabet = _find_alphabet(str(params.get(_ALPHABET, KOKORO)))
        self._vocab: Mapping[str, int] = pipeline.config.get(_VOCABULARY, {})
        self._dims = model_dims(pipeline)
        self._cut = find_cut(graph)
        self._in_front = [] if self._cut is None else find_needed(graph, [self._cut], ())
        forced = options.scope.find_forced(graph)
        self._forced_in_front = forced.intersection(spec.name for spec in self._in_front)
        text = graph.dims.get(next((spec.dim("text") for spec in find_tokenizers(graph)), "text"))
        # A fixed size is no limit to cut at: cutting would change the audio, and a fixed size promises not to.
        bounds = [] if text is None or text.static else [text.max]
        self._input = None if lines is None else Ref(GRAPH_INPUTS, lines)
        self._warnings = LineWarnings(KOKORO if self._alphabet is None else ESPEAK)
        self._limit = min([self._dims.text_max, *bounds]) - END_TOKENS

    def check(self, row: Row) -> None:
        if self._cut == self._input:
            self._warnings.look(row)
        super().check(row)

    def sum_up(self) -> None:
        self._warnings.tell()

    def _checkers(self) -> list[str]:
        """The tokenizers, and the stages that choose a row of a voice."""
        voiced = [
            spec.name
            for spec in self._pipeline.graph.stages.values()
            if any(wire.type == VOICE_TYPE for wire in spec.inputs.values())
        ]
        return [*(spec.name for spec in find_tokenizers(self._pipeline.graph)), *voiced]

    def _settings(self) -> list[Any]:
        return [self._limit]

    def _pieces(self, row: Row, *, checks: bool = False) -> list[Piece]:
        if self._cut is None or self._cut.stage == GRAPH_INPUTS:
            return self._planned_pieces(row)
        last = self._options.scope.until or self._options.scope.only
        ends_in_front = any(spec.name == last for spec in self._in_front)
        if ends_in_front or str(self._cut) in self._options.override:
            return [ChunkPiece(self._whole(row).inputs)]
        text = self._check_front(row, self._cut) if checks else self._run_front(row, self._cut)
        if text is None:
            return [ChunkPiece(self._whole(row).inputs)]
        return self._cut_at(row, self._cut, text, checks=checks)

    def _planned_pieces(self, row: Row) -> list[Piece]:
        whole = self._whole(row)
        if self._cut is None or self._cut.stage != GRAPH_INPUTS:
            return [ChunkPiece(whole.inputs)]
        text = str(whole.inputs.get(self._cut.port, ""))
        return [ChunkPiece({**whole.inputs, self._cut.port: c.phonemes}, chunk=c) for c in self._split(text)]

    def _split(self, phonemes: str) -> list[Chunk]:
        return split(phonemes, self._vocab, self._limit, alphabet=self._alphabet, skip_unknown=self._skip_unknown)

    def _cut_at(self, row: Row, cut: Ref, text: str, *, checks: bool) -> list[Piece]:
        """Cut the text that a stage gave. One chunk needs no override, unless the stage would run a second time."""
        chunks, inputs = self._split(text), self._whole(row).inputs
        keeps = self._pipeline.stage_cache is not None and all(spec.cache for spec in self._in_front)
        if len(chunks) == 1 and keeps and not self._forced_in_front and not checks:
            return [ChunkPiece(inputs, chunk=chunks[0])]
        return [ChunkPiece(inputs, {str(cut): chunk.phonemes}, chunk) for chunk in chunks]

    def _run_front(self, row: Row, cut: Ref) -> str:
        """Run the stages in front of the cut; gives their text."""
        options = self._until(self._options_of(row, Piece({})), cut)
        run = self._pipeline.prepare(self._whole(row).inputs, options, warn=False)
        return str(self._pipeline.finish(run, announce=False)[str(cut)])

    def _check_front(self, row: Row, cut: Ref) -> str | None:
        """Run the stages in front of the cut; gives their text, or None if one of them needs a library.

        What they give is kept in the cache: without one, they run again for the line.
        """
        options = dataclasses.replace(self._until(self._options_of(row, Piece({})), cut), scope=Scope(until=cut.stage))
        run = self._pipeline.prepare(self._whole(row).inputs, options)
        found = self._pipeline.peek(run, cut)
        return None if found is None else str(found)

    def _until(self, options: RunOptions, cut: Ref) -> RunOptions:
        """Give the options of a run of the stages in front, of which those run anew that were asked to."""
        scope = Scope(until=cut.stage, refresh=self._forced_in_front)
        return dataclasses.replace(options, scope=scope, keep=False, retain=frozenset([cut]))


class OutputRunner(LineRunner[OutputPart]):
    """Runs lines through a graph, or a part of one, that need not give audio."""

    def _part(self, row: Row, piece: Piece, run: RunState, result: Result) -> OutputPart:  # noqa: ARG002 - the base's
        return make_output_part(row, run, result)

"""Runs a graph on lines of phonemes, each of which is cut where it is too long for the model.

    line --> segments --> split --> chunks                       the graph's input is phonemes
    text --> segments --> stages in front --> split --> chunks   a stage gives them, from text

Marks in a row (script) part it into segments with a pause before them, a voice or a rate of their own. The cut is at
the text that the tokenizer takes. Where stages in front of it give that text, they run once for the segment, and each
chunk then replaces what they gave.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from runner.batch.bulk import PartT
from runner.batch.row_runner import BaseRowRunner, OutputPart, Piece, make_output_part
from runner.engine.options import RunOptions
from runner.errors import RunError, WeightsError
from runner.graph.selection import Scope, find_needed
from runner.graph.types import GRAPH_INPUTS, Ref
from runner.runtime.values import STR
from runner.speech.error_places import placing_errors
from runner.speech.line_warnings import LineWarnings
from runner.speech.model import VOICE_TYPE, model_dims
from runner.speech.pieces import ChunkPiece, PausePiece, put_pauses
from runner.speech.row_words import find_words, place_words
from runner.speech.script import read_script
from runner.speech.split import Chunk, is_word_symbol, split
from stages.dims import END_TOKENS
from stages.text.espeak import ESPEAK, KOKORO, Alphabet, find_alphabet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import RunState
    from runner.graph.types import Graph, StageSpec
    from runner.speech.segments import Segment

PHONEMES = "phonemes"  # the port of a tokenizer that takes the text to be cut
_ALPHABET = "alphabet"  # the parameter that names the alphabet of the lines
_VOCABULARY = "vocab"  # the key of config.json that a tokenizer takes
_SPEED = "speed"  # the parameter that a rate multiplies
_DEFAULT = RunOptions()
_LOG = logging.getLogger("kokoro_run")
_Front = tuple[str, Any]
"""The phonemes that the stages in front give, and the rows of their port `words`, if they have it and it is wanted."""


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


def find_front(graph: Graph) -> list[StageSpec]:
    """Find the stages that make the phonemes, of rows that are text; none where the graph takes phonemes."""
    cut = find_cut(graph)
    return [] if cut is None else find_needed(graph, [cut], ())


def _find_alphabet(name: str) -> Alphabet | None:
    try:
        return find_alphabet(name)
    except ValueError as error:
        raise RunError(f"params.{_ALPHABET}: {error}") from None


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
        self._in_front = find_front(graph)
        self._builds_in_front = any(spec.is_library for spec in self._in_front)
        forced = options.scope.find_forced(graph)
        self._forced_in_front = forced.intersection(spec.name for spec in self._in_front)
        text = graph.dims.get(next((spec.dim("text") for spec in find_tokenizers(graph)), "text"))
        # A fixed size is no limit to cut at: cutting would change the audio, and a fixed size promises not to.
        bounds = [] if text is None or text.static else [text.max]
        self._input = None if lines is None else Ref(GRAPH_INPUTS, lines)
        self._words = None if self._cut is None else find_words(graph, self._cut)
        self._voices: dict[str, Any] = {}
        self._warnings = LineWarnings(KOKORO if self._alphabet is None else ESPEAK, phonemes=not self._in_front)
        self._limit = min([self._dims.text_max, *bounds]) - END_TOKENS

    def check(self, row: Row) -> None:
        if self._input is not None and (self._in_front or self._cut == self._input):
            self._warnings.look(row)
        super().check(row)

    def sum_up(self) -> None:
        self._warnings.tell()

    def _checkers(self) -> list[str]:
        """The tokenizers, the stages that choose a row of a voice, and those in front that nothing else has checked."""
        voiced = [
            spec.name
            for spec in self._pipeline.graph.stages.values()
            if any(wire.type == VOICE_TYPE for wire in spec.inputs.values())
        ]
        front = [spec.name for spec in self._in_front] if self._builds_in_front else []
        return [*(spec.name for spec in find_tokenizers(self._pipeline.graph)), *voiced, *front]

    def _settings(self) -> list[Any]:
        return [self._limit]

    def _pieces(self, row: Row, *, checks: bool = False) -> list[Piece]:
        last = self._options.scope.until or self._options.scope.only
        ends_in_front = any(spec.name == last for spec in self._in_front)
        if not self._in_front or ends_in_front or str(self._cut) in self._options.override:
            return self._planned_pieces(row)
        pieces = self._cut_row(row, lambda segment, begin: self._cut_text(row, segment, begin, checks=checks))
        if not pieces and not checks:
            _LOG.warning("%s: nothing in it is spoken", row.label)
        return pieces

    def _planned_pieces(self, row: Row) -> list[Piece]:
        if self._cut is not None and self._cut.stage == GRAPH_INPUTS:
            return self._cut_row(row, lambda segment, _: self._cut_line(segment))
        return self._cut_row(row, lambda segment, _: [self._piece_of(segment)])

    def _cut_row(self, row: Row, cut: Callable[[Segment, int], list[ChunkPiece]]) -> list[Piece]:
        """Cut the segments of a row, by a function that is given a segment and the phonemes before it."""
        if self._lines is None or self._cut is None:
            return [ChunkPiece(self._whole(row).inputs)]
        text = row.text
        pieces: list[Piece] = []
        begin = 0
        segments = read_script(text, phonemes=self._cut == self._input, line=row.number)
        for segment in segments:
            if segment.pause:
                pieces.append(PausePiece({}, seconds=segment.pause, column=segment.places.find(0) + 1))
            if segment.text.strip() or (len(segments) == 1 and not segment.pause):
                with placing_errors(segment.places.find, row):
                    found = cut(segment, begin)
                pieces += found
                begin = max([begin, *(piece.chunk.offset + len(piece.chunk.phonemes) + 1 for piece in found)])
        return put_pauses(pieces)

    def _piece_of(self, segment: Segment) -> ChunkPiece:
        """Make the piece of a whole segment."""
        assert self._lines is not None
        inputs = {**self._inputs, self._lines: segment.text, **self._find_voice(segment)}
        return ChunkPiece(inputs, params=self._find_params(segment), places=segment.places)

    def _split(self, phonemes: str) -> list[Chunk]:
        return split(phonemes, self._vocab, self._limit, alphabet=self._alphabet, skip_unknown=self._skip_unknown)

    def _cut_line(self, segment: Segment) -> list[ChunkPiece]:
        """Cut a segment that is of phonemes."""
        assert self._cut is not None
        whole = self._piece_of(segment)
        chunks = self._split(str(whole.inputs.get(self._cut.port, "")))
        return [
            dataclasses.replace(
                whole,
                inputs={**whole.inputs, self._cut.port: chunk.phonemes},
                chunk=dataclasses.replace(chunk, offset=segment.places.find(chunk.offset)),
            )
            for chunk in chunks
        ]

    def _cut_text(self, row: Row, segment: Segment, begin: int, *, checks: bool) -> list[ChunkPiece]:
        """Cut the phonemes that stages make of a segment; none if nothing of it is spoken.

        One chunk needs no override, unless the stage would run a second time.
        """
        whole, cut = self._piece_of(segment), self._cut
        assert cut is not None
        front = self._check_front(row, whole, cut) if checks else self._run_front(row, whole, cut)
        if front is None:
            return [whole]
        phonemes, rows = front
        if not any(map(is_word_symbol, phonemes)):
            return []
        words = [] if rows is None else place_words(rows, segment.places, row.text, begin)
        keeps = self._pipeline.stage_cache is not None and all(spec.cache for spec in self._in_front)
        chunks = self._split(phonemes)
        alone = len(chunks) == 1 and keeps and not self._forced_in_front and not checks
        starts = [word.start for word in words]
        pieces = []
        for chunk in chunks:
            moved = dataclasses.replace(chunk, offset=begin + chunk.offset)
            own = words[bisect_left(starts, moved.offset) : bisect_left(starts, moved.offset + len(chunk.phonemes))]
            override = {} if alone else {str(cut): chunk.phonemes}
            pieces.append(dataclasses.replace(whole, override=override, chunk=moved, words=own))
        return pieces

    def _run_front(self, row: Row, piece: Piece, cut: Ref) -> _Front:
        """Run the stages in front of the cut."""
        run = self._pipeline.prepare(piece.inputs, self._until(self._options_of(row, piece), cut), warn=False)
        result = self._pipeline.finish(run, announce=False)
        return str(result[str(cut)]), None if self._words is None else result[str(self._words)]

    def _check_front(self, row: Row, piece: Piece, cut: Ref) -> _Front | None:
        """Run the stages in front of the cut; None if one of them needs a library, which may not be built yet.

        What they give is kept in the cache: without one, they run again for the row.
        """
        if self._builds_in_front:
            return None
        options = dataclasses.replace(self._until(self._options_of(row, piece), cut), scope=Scope(until=cut.stage))
        run = self._pipeline.prepare(piece.inputs, options)
        found = self._pipeline.peek(run, cut)
        return None if found is None else (str(found), None)

    def _until(self, options: RunOptions, cut: Ref) -> RunOptions:
        """Give the options of a run of the stages in front, of which those run anew that were asked to."""
        scope = Scope(until=cut.stage, refresh=self._forced_in_front)
        wanted = [cut] if self._words is None else [cut, self._words]
        return dataclasses.replace(options, scope=scope, keep=False, retain=frozenset(wanted))

    def _placing(self, row: Row, piece: Piece) -> contextlib.AbstractContextManager[None]:
        if isinstance(piece, ChunkPiece) and self._cut == self._input:
            return placing_errors(lambda column: piece.chunk.offset + column, row)
        if isinstance(piece, ChunkPiece) and piece.places is not None and not piece.override:
            return placing_errors(piece.places.find, row)
        return super()._placing(row, piece)

    def _find_voice(self, segment: Segment) -> dict[str, Any]:
        """Find the voice of a segment that has one of its own, by the name of the input.

        Raises:
            RunError: the graph takes no voice, or several; or the voice is not there, or not one of the model.
        """
        if segment.voice is None:
            return {}
        named = [name for name, type_ in self._pipeline.graph.inputs.items() if type_ == VOICE_TYPE]
        if len(named) != 1:
            raise RunError(f"a voice '{segment.voice}' in the text: the graph takes {len(named)} voices, expected one")
        if segment.voice not in self._voices:
            try:
                self._voices[segment.voice] = self._pipeline.resolve_inputs({named[0]: segment.voice})[named[0]]
            except WeightsError as error:
                raise RunError(f"column 1: what [voice:{segment.voice}] speaks: {error}") from None
        return {named[0]: self._voices[segment.voice]}

    def _find_params(self, segment: Segment) -> dict[str, Any]:
        """Find the parameters of a segment that is spoken at a rate of its own.

        Raises:
            RunError: the graph has no parameter `speed`.
        """
        if segment.rate == 1:
            return {}
        params: dict[str, Any] = {**self._pipeline.graph.params, **self._options.params}
        if _SPEED not in params:
            raise RunError(f"a rate {segment.rate:g} in the text: the graph has no parameter '{_SPEED}'; leave it out")
        return {_SPEED: float(params[_SPEED]) * segment.rate}


class OutputRunner(LineRunner[OutputPart]):
    """Runs lines through a graph, or a part of one, that need not give audio."""

    def _part(self, row: Row, piece: Piece, run: RunState, result: Result) -> OutputPart:  # noqa: ARG002 - the base's
        return make_output_part(row, run, result)

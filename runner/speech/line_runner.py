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
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from runner.batch.bulk import PartT
from runner.batch.row_runner import BaseRowRunner, OutputPart, Piece, make_output_part
from runner.engine.options import RunOptions
from runner.errors import RunError, WeightsError
from runner.graph.selection import find_needed
from runner.graph.types import GRAPH_INPUTS, Ref
from runner.runtime.values import STR
from runner.speech.delivery import DEFAULT, Delivery
from runner.speech.edits import check_edit, edit_words
from runner.speech.error_places import placing_errors
from runner.speech.front import Front, Said
from runner.speech.line_warnings import LineWarnings
from runner.speech.model import VOICE_TYPE, model_dims
from runner.speech.pieces import ChunkPiece, PausePiece, put_pauses
from runner.speech.row_words import place_words
from runner.speech.script import read_script
from runner.speech.split import Chunk, is_word_symbol, split
from stages.dims import END_TOKENS
from stages.text.espeak import ESPEAK, KOKORO, Alphabet, find_alphabet

if TYPE_CHECKING:
    from collections.abc import Callable

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
_NO_EDITS: Mapping[int, str] = {}


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
        self,
        pipeline: Pipeline,
        inputs: Mapping[str, Any],
        lines: str | None,
        options: RunOptions = _DEFAULT,
        *,
        delivery: Delivery = DEFAULT,
    ) -> None:
        """Find where lines are cut; arguments are those of `BaseRowRunner`, and how they are cut.

        Raises:
            RunError: the model is not of a family that speaks; no alphabet has the name that is asked for.
        """
        super().__init__(pipeline, inputs, lines, options)
        self._delivery = delivery
        graph = pipeline.graph
        params = {**graph.params, **options.params}
        self._skip_unknown = bool(params.get("skip_unknown", False))
        self._alphabet = _find_alphabet(str(params.get(_ALPHABET, KOKORO)))
        self._vocab: Mapping[str, int] = pipeline.config.get(_VOCABULARY, {})
        self._dims = model_dims(pipeline)
        self._cut = find_cut(graph)
        in_front = find_front(graph)
        self._front = Front(pipeline, self._cut, in_front, options) if self._cut is not None and in_front else None
        text = graph.dims.get(next((spec.dim("text") for spec in find_tokenizers(graph)), "text"))
        # A fixed size is no limit to cut at: cutting would change the audio, and a fixed size promises not to.
        bounds = [] if text is None or text.static else [text.max]
        self._input = None if lines is None else Ref(GRAPH_INPUTS, lines)
        self._voices: dict[str, Any] = {}
        self._warnings = LineWarnings(KOKORO if self._alphabet is None else ESPEAK, phonemes=not in_front)
        self._limit = min([self._dims.text_max, *bounds]) - END_TOKENS

    def check(self, row: Row) -> None:
        if self._input is not None and (self._front is not None or self._cut == self._input):
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
        front = [spec.name for spec in self._front.stages] if self._front is not None and self._front.builds else []
        return [*(spec.name for spec in find_tokenizers(self._pipeline.graph)), *voiced, *front]

    def _settings(self) -> list[Any]:
        return [self._limit, self._delivery.cut, self._delivery.joints]

    def _pieces(self, row: Row, *, checks: bool = False) -> list[Piece]:
        last = self._options.scope.until or self._options.scope.only
        front = self._front
        if front is None or last in {spec.name for spec in front.stages} or str(self._cut) in self._options.override:
            return self._planned_pieces(row)
        return self._cut_texts(row, front, checks=checks)

    def _cut_texts(
        self, row: Row, front: Front, edits: Mapping[int, str] = _NO_EDITS, *, checks: bool = False
    ) -> list[Piece]:
        """Cut a row of text on the phonemes that the stages in front give; what says nothing is no chunk.

        One chunk needs no override, unless the stage would run a second time.

        Args:
            edits: number of a word -> phonemes in place of those.
            checks: as of `_pieces`.
        """

        def cut(segment: Segment, before: Sequence[ChunkPiece]) -> list[ChunkPiece]:
            first = sum(len(piece.words) for piece in before)
            own = {number - first: phonemes for number, phonemes in edits.items() if number >= first}
            whole = self._piece_of(segment)
            said = (front.check if checks else front.run)(whole.inputs, self._options_of(row, whole))
            if said is None:
                return [whole]
            if not any(map(is_word_symbol, said.phonemes)):
                return []
            edited = self._edit(said, own) if own else said
            chunks = self._cut_text(row, whole, edited, before)
            is_made = len(chunks) == 1 and front.keeps and not checks and edited == said
            return [dataclasses.replace(chunks[0], override={})] if is_made else chunks

        pieces = self._cut_row(row, cut)
        if not pieces and not checks:
            _LOG.warning("%s: nothing in it is spoken", row.label)
        return pieces

    def _cut_phonemes(self, row: Row) -> list[Piece]:
        """Cut a row of phonemes.

        Raises:
            RunError: the graph has no one text that is phonemes.
        """
        if self._lines is None or self._cut is None or (self._cut.stage == GRAPH_INPUTS and self._cut != self._input):
            fact = "phonemes are given in place of one text that all tokenizers take, and it has none"
            raise RunError(f"{self._pipeline.graph.path}: {fact}")
        return self._cut_row(row, self._cut_line, phonemes=True)

    def _planned_pieces(self, row: Row) -> list[Piece]:
        if self._cut is not None and self._cut.stage == GRAPH_INPUTS:
            return self._cut_row(row, self._cut_line, phonemes=self._cut == self._input)
        return self._cut_row(row, lambda segment, _: [self._piece_of(segment)])

    def _cut_row(
        self,
        row: Row,
        cut: Callable[[Segment, Sequence[ChunkPiece]], list[ChunkPiece]],
        *,
        phonemes: bool = False,
    ) -> list[Piece]:
        """Cut the segments of a row, by a function that is given a segment and the chunks before it.

        Args:
            phonemes: whether the row is of phonemes.
        """
        if self._lines is None or self._cut is None:
            return [ChunkPiece(self._whole(row).inputs)]
        pieces: list[Piece] = []
        chunks: list[ChunkPiece] = []
        segments = read_script(row.text, phonemes=phonemes, line=row.number)
        for segment in segments:
            if segment.pause:
                pieces.append(PausePiece({}, seconds=segment.pause, column=segment.places.find(0) + 1))
            if segment.text.strip() or (len(segments) == 1 and not segment.pause):
                with placing_errors(segment.places.find, row):
                    found = cut(segment, chunks)
                pieces += found
                chunks += found
        return put_pauses(pieces)

    def _piece_of(self, segment: Segment) -> ChunkPiece:
        """Make the piece of a whole segment."""
        assert self._lines is not None
        inputs = {**self._inputs, self._lines: segment.text, **self._find_voice(segment)}
        return ChunkPiece(inputs, params=self._find_params(segment), places=segment.places)

    def _split(self, phonemes: str, before: int) -> list[Chunk]:
        """Cut phonemes into chunks; `before` is the number of those before them in the row."""
        early = before if self._delivery.cut == "early" else None
        skips = self._skip_unknown
        return split(phonemes, self._vocab, self._limit, alphabet=self._alphabet, skip_unknown=skips, early=early)

    def _cut_line(self, segment: Segment, before: Sequence[ChunkPiece]) -> list[ChunkPiece]:
        """Cut a segment that is of phonemes: they are an input of the graph, or replace what its stages would give."""
        assert self._cut is not None
        assert self._lines is not None
        whole, is_input = self._piece_of(segment), self._cut.stage == GRAPH_INPUTS
        line = str(whole.inputs.get(self._cut.port, "")) if is_input else segment.text
        pieces = []
        for chunk in self._split(line, len(before)):
            name = self._cut.port if is_input else self._lines
            inputs = {**whole.inputs, name: chunk.phonemes if is_input else ""}
            override = {} if is_input else {str(self._cut): chunk.phonemes}
            moved = dataclasses.replace(chunk, offset=segment.places.find(chunk.offset))
            is_literal = self._cut == self._input or not is_input
            pieces.append(
                dataclasses.replace(whole, inputs=inputs, override=override, chunk=moved, is_literal=is_literal)
            )
        return pieces

    def _cut_text(self, row: Row, whole: ChunkPiece, said: Said, before: Sequence[ChunkPiece]) -> list[ChunkPiece]:
        """Cut the phonemes that stages made of a segment; each chunk of them replaces what these give.

        Args:
            whole: the piece of the whole segment.
            before: the chunks of the segments before.
        """
        assert whole.places is not None
        begin = _measure(before)
        words = place_words(said.words, said.phonemes, whole.places, row.text, begin)
        chunks = [
            dataclasses.replace(chunk, offset=begin + chunk.offset) for chunk in self._split(said.phonemes, len(before))
        ]
        starts = [word.start for word in words]
        bounds = [0, *(bisect_left(starts, chunk.offset) for chunk in chunks[1:]), len(words)]
        return [
            dataclasses.replace(whole, override={str(self._cut): chunk.phonemes}, chunk=chunk, words=words[first:last])
            for chunk, (first, last) in zip(chunks, pairwise(bounds), strict=True)
        ]

    def _edit(self, said: Said, edits: Mapping[int, str]) -> Said:
        """Give words of a segment other phonemes; numbers beyond them are of later segments."""
        own = {number: phonemes for number, phonemes in edits.items() if number < len(said.words)}
        for number, phonemes in own.items():
            check_edit(said.words[number], phonemes, self._vocab, self._alphabet)
        return Said(*edit_words(said.phonemes, said.words, own)) if own else said

    def _placing(self, row: Row, piece: Piece) -> contextlib.AbstractContextManager[None]:
        if isinstance(piece, ChunkPiece) and piece.is_literal:
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


def _measure(chunks: Sequence[ChunkPiece]) -> int:
    """Measure the phonemes of some chunks, and a space behind them."""
    return max((piece.chunk.offset + len(piece.chunk.phonemes) + 1 for piece in chunks), default=0)


class OutputRunner(LineRunner[OutputPart]):
    """Runs lines through a graph, or a part of one, that need not give audio."""

    def _part(self, row: Row, piece: Piece, run: RunState, result: Result) -> OutputPart:  # noqa: ARG002 - the base's
        return make_output_part(row, run, result)

"""Speaks lines with a graph that gives audio, and says when each symbol is spoken if asked.

result of a chunk --> audio, durations --> join_edges --> Part: follows the part before without a gap
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from runner.batch.row_runner import name_row
from runner.engine.options import RunOptions
from runner.engine.pipeline import Result
from runner.errors import EditError, RunError
from runner.graph.types import Graph, Ref
from runner.speech import timestamps
from runner.speech.curves import Curve, cut_curves, find_curves
from runner.speech.delivery import DEFAULT, Delivery
from runner.speech.joints import Quiet, find_quiet
from runner.speech.line_runner import LineRunner, find_tokenizers
from runner.speech.pieces import ChunkPiece, PausePiece
from runner.speech.row_words import time_words
from runner.speech.speech import Speech
from runner.speech.split import count_joined, join_edges
from runner.speech.timestamps import WordSpan
from stages.contract import parse_type
from stages.dims import SAMPLE_RATE_HZ
from stages.symbols import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.batch.piece_run import PieceRun
    from runner.batch.row_runner import Piece
    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline
    from runner.engine.run_state import RunState
    from runner.runtime.values import Array
    from runner.speech.edits import Edit
    from runner.speech.split import Chunk
    from runner.speech.timestamps import Span
    from stages.symbols import Symbol

AUDIO, DURATIONS = "audio", "durations"  # outputs; the second for timestamps alone: see `with_durations`
FRAMES = "frames"  # the dim that counts them
_DURATIONS_TYPE = parse_type("int64[1, text]")
AnyGraph = TypeVar("AnyGraph", bound=Graph)
_DEFAULT = RunOptions()


@dataclass(frozen=True)
class Part:
    """The audio of one chunk of a line.

    Attributes:
        origin: where the line was written.
        outputs: the outputs of the graph; audio [samples] has its edges cut and faded where another part adjoins.
        main: the output that is spoken, of which `spans` are the times.
        spans: when its symbols are spoken, from the start of this part; empty where nobody asked for times.
        words: when the words of a text are spoken, likewise; or the pause that this part is.
        result: what the run of the graph gave for this chunk; empty for a pause.
        curves: of pitch and energy, of a speaker that was asked for them.
    """

    origin: str
    outputs: dict[str, Any]
    main: str
    spans: list[Span]
    result: Result
    words: Sequence[WordSpan] = ()
    curves: Sequence[Curve] = ()

    @property
    def audio(self) -> Array:
        """The audio that is spoken [samples]."""
        audio: Array = self.outputs[self.main]
        return audio

    @property
    def timings(self) -> dict[str, float]:
        """Stage -> wall time [s], of the stages that ran."""
        return self.result.timings


class Speaker(LineRunner[Part]):
    """Speaks line after line.

    Attributes:
        main: the output of the graph that is spoken.
        rate_hz: its sample rate.
        joins_by_time: whether joints follow from durations, so that the length of each part is known before.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        inputs: Mapping[str, Any],
        lines: str | None,
        options: RunOptions = _DEFAULT,
        *,
        main: str | None = None,
        timed: bool = False,
        delivery: Delivery = DEFAULT,
        curves: bool = False,
    ) -> None:
        """Check the graph.

        Args:
            inputs, lines, options, delivery: of `LineRunner`.
            main: the output that is spoken; None for the graph's only audio.
            timed: find out when each symbol is spoken; the graph is one that `with_durations` gave.
            curves: keep those of pitch and energy, if the graph has them; of a speaker that is `timed`.

        Raises:
            RunError: the graph gives no audio or, if `timed`, no durations.
        """
        graph = pipeline.graph
        self.main = main or find_main_audio(graph)
        self.rate_hz = graph.audio[self.main]
        if timed and DURATIONS not in graph.outputs:
            wanted = f"an output '{DURATIONS}' of {_DURATIONS_TYPE}"
            raise RunError(f"{graph.path}: a graph that tells times has {wanted}; this one has none")
        found = _durations(graph)
        self._curves = find_curves(graph) if curves and timed else {}
        options = dataclasses.replace(options, retain=options.retain | set(found) | self._curves.keys())
        super().__init__(pipeline, inputs, lines, options, delivery=delivery)
        self._timed = timed
        self._durations = found[0] if len(found) == 1 else None
        self._frame = self._dims.frame_samples * self.rate_hz / SAMPLE_RATE_HZ  # samples
        self.joins_by_time = delivery.joints == "timed"
        if self.joins_by_time:
            self._check_joints(found)
        self._is_declared = graph.tree.get("outputs", self.main, "rate") is not None

    def run(self, row: Row, *, last: bool = False) -> Iterator[Part]:
        speech = self.begin(row)
        final = max((number for number, piece in enumerate(speech.pieces) if piece.runs), default=0)
        for number in range(len(speech)):
            yield speech.finish(number, last=last and number == final)

    def begin(self, row: Row, *, phonemes: bool = False, edits: Sequence[Edit] = ()) -> Speech:
        """Begin to speak a row that `check` has found good: the stages in front run, and it is cut.

        Args:
            phonemes: the row is of phonemes, though the graph may take text. Such a row is checked here.
            edits: other phonemes for words of a text, which are checked here too.

        Raises:
            LineError: a stage refused the row; the model does not know a phoneme; an edit is of no word of the row; or
                the graph takes no phonemes.
        """
        with name_row(row):
            pieces = self._begin_pieces(row, edits, phonemes=phonemes)
            speech = Speech(self, row, pieces)
            known = len(speech.words) if edits else 0
            absent = [edit.word for edit in edits if not 0 <= edit.word < known]
            if absent:
                raise EditError(f"an edit of word {absent[0]}, but the row has {known} words, from 0")
        return speech

    def _begin_pieces(self, row: Row, edits: Sequence[Edit], *, phonemes: bool) -> list[Piece]:
        if phonemes:
            pieces = self._cut_phonemes(row)
            self._check_pieces(row, pieces)
            return pieces
        if edits and self._front is not None:
            return self._cut_texts(row, self._front, {edit.word: edit.phonemes for edit in edits})
        return self._pieces(row)

    def _settings(self) -> list[Any]:
        return [*super()._settings(), self._timed, self.main, self.rate_hz]

    def count_samples(self, piece: ChunkPiece, run: PieceRun[Part]) -> int | None:
        """Count the samples of a part before it is spoken; None if that cannot be.

        Args:
            piece: its chunk.
            run: of the graph, which runs up to the durations.
        """
        if self._durations is None or (self._options.override and not self.joins_by_time):
            return None
        durations = run.advance(self._durations)
        samples = self._count(durations)
        if self.joins_by_time:
            edges = self._find_quiet(piece.chunk, durations).edges(self.rate_hz)
            return count_joined(samples, piece.chunk, self.rate_hz, edges)
        joined = piece.chunk.before is not None or piece.chunk.after is not None
        return None if joined or self._is_declared else samples

    def _check_joints(self, found: list[Ref]) -> None:
        """Refuse timed joints where lengths cannot be told from durations.

        Raises:
            RunError: there are no durations, or several; or a frame is no whole number of samples.
        """
        graph = self._pipeline.graph
        if self._durations is None:
            there = ", ".join(map(str, found)) or "none"
            wanted = f"one port '{DURATIONS}: {_DURATIONS_TYPE}'"
            raise RunError(f"{graph.path}: joints that are timed take {wanted}, found {there}; leave them measured")
        if self._frame != int(self._frame):
            fact = f"a frame of output '{self.main}' is {self._frame:g} samples at {self.rate_hz} Hz"
            raise RunError(f"{graph.path}: joints that are timed take whole samples, but {fact}; leave them measured")

    def _count(self, durations: Array) -> int:
        """Count the samples of audio that has these durations."""
        return int(durations.sum()) * int(self._frame)

    def _find_quiet(self, chunk: Chunk, durations: Array) -> Quiet:
        return find_quiet(self._list_symbols(chunk), durations, self._dims.frame_samples / SAMPLE_RATE_HZ)

    def _time_joints(self, run: RunState, chunk: Chunk, samples: int) -> Quiet | None:
        """Find the silence at the edges of a chunk by its durations, if its joints are timed.

        Raises:
            RunError: the audio is not of so many samples as the durations tell.
        """
        if not self.joins_by_time:
            return None
        assert self._durations is not None
        durations = self._pipeline.peek(run, self._durations)
        assert durations is not None  # the run was advanced to them
        if samples != self._count(durations):
            fact = f"got {samples} samples, expected {self._count(durations)}, which are {durations.sum()} frames"
            raise RunError(f"output '{self.main}': {fact}: joints cannot be timed; leave them measured")
        return self._find_quiet(chunk, durations)

    def _part(self, row: Row, piece: Piece, run: RunState, result: Result) -> Part:
        assert isinstance(piece, ChunkPiece)
        graph, outputs, shifts = self._pipeline.graph, {}, {}
        if not self._is_declared:
            self._check_length(run, result[self.main].size)
        quiet = self._time_joints(run, piece.chunk, result[self.main].size)
        for name in run.outputs:
            outputs[name] = result[name]
            if name in graph.audio:
                audio = np.ascontiguousarray(result[name]).reshape(-1)
                edges = None if quiet is None else quiet.edges(graph.audio[name])
                outputs[name], shifts[name] = join_edges(audio, piece.chunk, graph.audio[name], edges)
        place = shifts[self.main], outputs[self.main].size
        spans = self._spans(piece.chunk, result, *place) if self._timed else []
        words = list(time_words(piece.words, spans)) if self._timed else []
        curves = self._cut_curves(run, result, *place) if self._curves else []
        return Part(row.origin, outputs, self.main, spans, result, words, curves)

    def _cut_curves(self, run: RunState, result: Result, shift: int, samples: int) -> list[Curve]:
        arrays = {ref: self._pipeline.peek(run, ref) for ref in self._curves}
        frames = int(result[DURATIONS].sum())
        return cut_curves(arrays, self._curves, frames=frames, hop=self._frame, shift=shift, samples=samples)

    def make_pause(self, row: Row, piece: PausePiece) -> Part:
        """Make the part that is a pause."""
        graph = self._pipeline.graph
        silence = {
            name: np.zeros(round(piece.seconds * rate_hz) - piece.count_edges(rate_hz), np.float32)
            for name, rate_hz in graph.audio.items()
            if name in graph.outputs
        }
        before, after = (round(edge * self.rate_hz) for edge in (piece.before, piece.after))
        pause = WordSpan("", piece.column, -before, silence[self.main].size + after)
        return Part(row.origin, silence, self.main, [], Result({}, {}), [pause] if self._timed else [])

    def _check_length(self, run: RunState, samples: int) -> None:
        """Refuse audio that is not as long as its frames, where the graph does not say at which rate it is.

        Raises:
            RunError: naming the output, its length and that of its frames.
        """
        ref, hop = self._pipeline.graph.outputs[self.main], self._dims.frame_samples
        frames, exact = self._frames(run)
        most = None if frames is None else frames * hop
        fits = samples == most if exact else samples % hop == 0 and (most is None or samples <= most)
        if fits or ref in run.given:
            return
        self._pipeline.forget(run, ref.stage)
        wanted = f"{most}, which are {frames} frames" if exact else f"a multiple of {hop}"
        wanted += "" if exact or most is None else f" up to {most}"
        rate = f" to {samples * self.rate_hz / most:.0f} Hz" if exact and most else ""
        raise RunError(
            f"output '{self.main}' ({ref}): got {samples} samples, expected {wanted}: a frame is {hop} samples at "
            f"{self.rate_hz} Hz. A stage resamples{rate}, or changes the length: say so in the graph, as in "
            f"outputs: {{{self.main}: {{from: {ref}, as: audio, rate: {self.rate_hz}}}}}"
        )

    def _frames(self, run: RunState) -> tuple[int | None, bool]:
        """The frames of a run that has ended, or an upper bound, and whether it is exact; None if unknown."""
        if run.override.keys() - {self._cut}:
            return None, False  # the caller's array need not fit the frames
        durations = None if self._durations is None else self._pipeline.peek(run, self._durations)
        if durations is not None:
            return int(durations.sum()), True
        bound, frames = self._pipeline.graph.dims.get(FRAMES), run.sizes.known().get(FRAMES)
        return frames, frames is not None and (bound is None or not bound.static)

    def _list_symbols(self, chunk: Chunk) -> list[Symbol]:
        """List the symbols of a chunk that the model knows."""
        found = normalise(chunk.phonemes, self._vocab, self._alphabet)
        return [symbol for symbol in found if symbol.text in self._vocab]

    def _spans(self, chunk: Chunk, result: Mapping[str, Array], shift: int, samples: int) -> list[Span]:
        symbols = self._list_symbols(chunk)
        spans = timestamps.time_symbols(symbols, result[DURATIONS], self._frame, result[self.main].size)
        before, after = (
            round(edge * self.rate_hz) if isinstance(edge, float) else 0 for edge in (chunk.before, chunk.after)
        )
        moved = {"columns": chunk.offset, "samples": shift, "limit": samples - after, "first": before}
        return timestamps.move_spans(spans, **moved)


def find_main_audio(graph: Graph) -> str:
    """Find the output that is spoken: the only one that is audio, else the one called `audio`.

    Raises:
        RunError: there is none, or several and none has that name.
    """
    found = [name for name in graph.outputs if name in graph.audio]
    if len(found) == 1 or AUDIO in found:
        return found[0] if len(found) == 1 else AUDIO
    if found:
        raise RunError(f"{graph.path}: {', '.join(found)} are audio; name the output that is to be spoken")
    ref = graph.outputs.get(AUDIO)
    fact = "has none" if ref is None else f"has one of {graph.stages[ref.stage].outputs[ref.port]}, which is not"
    raise RunError(
        f"{graph.path}: a graph that speaks has an output that is audio, as in audio: {{from: STAGE.PORT, as: audio, "
        f"rate: {SAMPLE_RATE_HZ}}}; this one {fact}"
    )


def with_durations(graph: AnyGraph) -> AnyGraph:
    """Add an output to the graph: the durations that timestamps are made of, whichever stage gives them.

    Raises:
        RunError: no stage has the port, or more than one and the graph's outputs name none of them.
    """
    if DURATIONS in graph.outputs:
        return graph
    found = _durations(graph)
    if len(found) != 1:
        there = "no stage has" if not found else f"{', '.join(map(str, found))} are"
        raise RunError(
            f"{graph.path}: timestamps are made of a port '{DURATIONS}: {_DURATIONS_TYPE}', and {there} one; "
            f"name it in the graph's outputs"
        )
    return dataclasses.replace(graph, outputs={**graph.outputs, DURATIONS: found[0]})


def _durations(graph: Graph) -> list[Ref]:
    """The ports of durations: that of the graph's output, else those of all stages that have one."""
    if DURATIONS in graph.outputs:
        return [graph.outputs[DURATIONS]]
    texts = {spec.dim("text") for spec in find_tokenizers(graph)} or {"text"}
    types = [str(parse_type(f"int64[1, {text}]")) for text in texts]
    return [
        Ref(name, port)
        for name, spec in graph.stages.items()
        for port, type_ in spec.outputs.items()
        if port == DURATIONS and str(type_) in types
    ]

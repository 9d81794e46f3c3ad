"""Speaks lines of phonemes with a graph that gives audio, and says when each symbol is spoken if asked.

result of a chunk --> audio, durations --> join_edges --> Part: follows the part before without a gap
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from runner.cache import keys
from runner.cache.digest import array_digest, value_digest
from runner.engine.options import RunOptions
from runner.errors import RunError
from runner.graph.types import Graph, Ref
from runner.runtime import devices
from runner.speech import timestamps
from runner.speech.line_runner import LineRunner
from runner.speech.split import join_edges
from stages.contract import parse_type
from stages.dims import SAMPLE_RATE_HZ
from stages.symbols import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import RunState
    from runner.runtime.values import Array
    from runner.speech.split import Chunk
    from runner.speech.timestamps import Span

AUDIO, DURATIONS = "audio", "durations"  # outputs; the second for timestamps alone: see `with_durations`
FRAMES = "frames"  # the dim that counts them
_AUDIO_TYPE, _DURATIONS_TYPE = parse_type("float32[samples]"), parse_type("int64[1, text]")
AnyGraph = TypeVar("AnyGraph", bound=Graph)
_DEFAULT = RunOptions()


@dataclass(frozen=True)
class Part:
    """The audio of one chunk of a line.

    Attributes:
        origin: where the line was written.
        audio: [samples], its edges cut and faded where another part adjoins.
        spans: when its symbols are spoken, from the start of this part; empty where nobody asked for times.
        result: what the run of the graph gave for this chunk.
    """

    origin: str
    audio: Array
    spans: list[Span]
    result: Result

    @property
    def timings(self) -> dict[str, float]:
        """Stage -> wall time [s], of the stages that ran."""
        return self.result.timings


class Speaker(LineRunner[Part]):
    """Speaks line after line."""

    def __init__(
        self,
        pipeline: Pipeline,
        voice: str | None,
        options: RunOptions = _DEFAULT,
        *,
        timed: bool = False,
    ) -> None:
        """Check the graph, and load the voice.

        Args:
            voice, options: of `LineRunner`.
            timed: find out when each symbol is spoken; the graph is one that `with_durations` gave.

        Raises:
            RunError: the graph gives no audio or, if `timed`, no durations.
            WeightsError: the voice is not there, or not one of this model.
        """
        graph = pipeline.graph
        _check_output(graph, AUDIO, _AUDIO_TYPE, "a graph that speaks")
        if timed:
            _check_output(graph, DURATIONS, _DURATIONS_TYPE, "a graph that tells times")
        found = _durations(graph)
        super().__init__(pipeline, voice, dataclasses.replace(options, retain=options.retain | set(found)))
        self._timed = timed
        self._durations = found[0] if len(found) == 1 else None

    def identity(self, build_root: Path | None) -> str:
        """Compute a digest of everything but the line that its audio depends on: code, weights, parameters, voice.

        Raises:
            RunError: code, a library or a manifest cannot be read.
        """
        graph = self._pipeline.graph
        stages = {}
        for name, spec in graph.stages.items():
            library = devices.library_path(spec, graph.model_name, build_root) if spec.is_library else None
            stages[name] = keys.identity(spec, graph, self._pipeline.config, library)
        wires = {
            name: [[port, str(source.ref)] for port, source in spec.inputs.items()]
            for name, spec in graph.stages.items()
        }
        voice = {name: array_digest(value) for name, value in self._inputs.items()}
        outputs = {name: str(ref) for name, ref in graph.outputs.items()}
        params, scope = {**graph.params, **self._options.params}, self._options.scope
        again = [scope.start, scope.only, sorted(scope.refresh)]  # stages that were to run anew have not run yet
        return value_digest([stages, wires, outputs, voice, params, again, self._limit, self._timed])

    def _part(self, row: Row, chunk: Chunk, run: RunState, result: Result) -> Part:
        self._check_length(run, result[AUDIO].size)
        audio, shift = join_edges(result[AUDIO], chunk)
        spans = self._spans(chunk, result, shift, audio.size) if self._timed else []
        return Part(row.origin, audio, spans, result)

    def _check_length(self, run: RunState, samples: int) -> None:
        """Refuse audio that is not as long as its frames, which is the only sign of another sample rate.

        Raises:
            RunError: naming the output, its length and that of its frames.
        """
        ref, hop = self._pipeline.graph.outputs[AUDIO], self._dims.frame_samples
        frames, exact = self._frames(run)
        most = None if frames is None else frames * hop
        fits = samples == most if exact else samples % hop == 0 and (most is None or samples <= most)
        if fits or ref in run.given:
            return
        self._pipeline.forget(run, ref.stage)
        wanted = f"{most}, which are {frames} frames" if exact else f"a multiple of {hop}"
        wanted += "" if exact or most is None else f" up to {most}"
        rate = f" to {samples * SAMPLE_RATE_HZ / most:.0f} Hz" if exact and most else ""
        raise RunError(
            f"output '{AUDIO}' ({ref}): got {samples} samples, expected {wanted}: a frame is {hop} samples at "
            f"{SAMPLE_RATE_HZ} Hz. A stage resamples{rate}, or changes the length: let it keep {hop} samples a frame"
        )

    def _frames(self, run: RunState) -> tuple[int | None, bool]:
        """The frames of a run that has ended, or an upper bound, and whether it is exact; None if unknown."""
        if run.override:
            return None, False  # the caller's array need not fit the frames
        durations = None if self._durations is None else self._pipeline.peek(run, self._durations)
        if durations is not None:
            return int(durations.sum()), True
        bound, frames = self._pipeline.graph.dims.get(FRAMES), run.sizes.known().get(FRAMES)
        return frames, frames is not None and (bound is None or not bound.static)

    def _spans(self, chunk: Chunk, result: Mapping[str, Array], shift: int, samples: int) -> list[Span]:
        symbols = [symbol for symbol in normalise(chunk.phonemes, self._vocab) if symbol.text in self._vocab]
        found = timestamps.time_symbols(symbols, result[DURATIONS], self._dims.frame_samples, result[AUDIO].size)
        return timestamps.move_spans(found, columns=chunk.offset, samples=shift, limit=samples)


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
    return [
        Ref(name, port)
        for name, spec in graph.stages.items()
        for port, type_ in spec.outputs.items()
        if (port, type_) == (DURATIONS, _DURATIONS_TYPE)
    ]


def _check_output(graph: Graph, name: str, type_: object, what: str) -> None:
    ref = graph.outputs.get(name)
    given = None if ref is None else graph.stages[ref.stage].outputs[ref.port]
    if given != type_:
        found = "has none" if given is None else f"has one of {given}"
        raise RunError(f"{graph.path}: {what} has an output '{name}' of {type_}; this one {found}")

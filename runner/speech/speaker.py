"""Speaks lines of phonemes with a graph: each is checked, cut where it is too long, spoken, and timed if asked.

phonemes --> split --> chunk --> prepare --> finish --> audio, durations --> joint --> Part
                         |                                                              |
                        ...            one utterance of the model each                 ...
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from runner.cache import keys
from runner.cache.digest import array_digest, value_digest
from runner.errors import LineError, RunError
from runner.graph.selection import Scope
from runner.graph.types import Graph, Ref
from runner.runtime import devices
from runner.speech import timestamps
from runner.speech.split import joint, split
from stages.contract import parse_type
from stages.dims import END_TOKENS, SAMPLE_RATE_HZ
from stages.symbols import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from runner.batch.rows import Utterance
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import Request
    from runner.runtime.values import Array
    from runner.speech.split import Chunk
    from runner.speech.timestamps import Span

PHONEMES, VOICE = "phonemes", "voice"  # the inputs of a graph that speaks
AUDIO, DURATIONS = "audio", "durations"  # its outputs; the second for timestamps alone: see `with_durations`
FRAMES = "frames"  # the dim that counts them
_AUDIO_TYPE, _DURATIONS_TYPE = parse_type("float32[samples]"), parse_type("int64[1, text]")
AnyGraph = TypeVar("AnyGraph", bound=Graph)
_WHOLE = Scope()
_LOG = logging.getLogger("kokoro_run")


@dataclass(frozen=True)
class Part:
    """The audio of one chunk of a line, to follow the part before without a gap.

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
        """Stage -> wall time [s], of those that ran."""
        return self.result.timings


class Speaker:
    """A pipeline with a voice and parameters, ready for line after line."""

    def __init__(
        self,
        pipeline: Pipeline,
        voice: str | None,
        params: Mapping[str, object],
        *,
        timed: bool = False,
        spoken: bool = True,
        scope: Scope = _WHOLE,
        override: Mapping[str, Array] | None = None,
        keep: bool = False,
    ) -> None:
        """Check what holds for all lines.

        Args:
            voice: a specification; None for the model's own voice.
            params: values in place of the graph's own.
            timed: find out when each symbol is spoken; the graph is one that `with_durations` gave.
            spoken: whether audio is wanted; if not, `requests` serves, and `say` does not.
            scope, override, keep: of `Pipeline.run`.

        Raises:
            RunError: the graph gives no audio or, if `timed`, no durations.
            WeightsError: the voice is not there, or not one of this model.
        """
        self._pipeline, self._params, self._timed = pipeline, params, timed
        self._how: dict[str, Any] = {"scope": scope, "override": override, "keep": keep}
        graph = pipeline.graph
        if spoken:
            _check_output(graph, AUDIO, _AUDIO_TYPE, "a graph that speaks")
        if timed:
            _check_output(graph, DURATIONS, _DURATIONS_TYPE, "a graph that tells times")
        voiced = voice is not None or VOICE in graph.inputs
        self._inputs: dict[str, Any] = {VOICE: pipeline.voice(voice)} if voiced else {}
        self._skip_unknown = bool({**graph.params, **params}.get("skip_unknown", False))
        self._vocab: Mapping[str, int] = pipeline.config.get("vocab", {})
        told = _durations(graph)
        self._durations = told[0] if len(told) == 1 else None
        pipeline.retained |= set(map(str, told))
        text = graph.dims.get("text")
        # A fixed size is no limit to cut at: cutting would change the audio, and a fixed size promises not to.
        bounds = [] if text is None or text.static else [text.max]
        self._limit = min([pipeline.dims.text_max, *bounds]) - END_TOKENS
        self._request: Request | None = None

    @property
    def stage(self) -> str:
        """The stage that is at work in this moment, for those who watch; '' between two lines."""
        request = self._request
        pending = request.pending if request is not None else []
        return pending[0].name if pending else ""

    def check(self, utterance: Utterance) -> None:
        """Find out whether a line could be spoken; no library is loaded, nothing is kept.

        Raises:
            LineError: it could not.
        """
        with _about(utterance.origin):
            for chunk in self._chunks(utterance.phonemes):
                inputs = {PHONEMES: chunk.phonemes, **self._inputs}
                self._pipeline.check(params=self._params, **self._how, **inputs)

    def say(self, utterance: Utterance, *, last: bool = False) -> Iterator[Part]:
        """Speak a line that `check` has found well; what that has warned of is not told again.

        Args:
            last: nothing is to be spoken after it.

        Raises:
            LineError: a stage refused what it got.
        """
        with _about(utterance.origin):
            chunks = self._chunks(utterance.phonemes)
        for chunk in chunks:
            with _about(utterance.origin):
                with _silenced():
                    self._request = self._prepare(chunk)
                try:
                    result = self._pipeline.finish(self._request, last=last and chunk is chunks[-1])
                    self._check_length(self._request, result[AUDIO].size)
                finally:
                    self._request = None
                audio, shift = joint(result[AUDIO], chunk)
                spans = self._spans(chunk, result, shift, audio.size) if self._timed else []
            yield Part(utterance.origin, audio, spans, result)

    def requests(self, utterance: Utterance) -> Iterator[Request]:
        """The runs of the graph that a line takes, none of them begun.

        Raises:
            LineError: the line cannot be spoken.
        """
        with _about(utterance.origin), _silenced():
            chunks = self._chunks(utterance.phonemes)
        for chunk in chunks:
            inputs = {PHONEMES: chunk.phonemes, **self._inputs}
            yield self._pipeline.request(params=self._params, **self._how, **inputs)

    def compute(self, utterance: Utterance) -> Iterator[tuple[Request, Result]]:
        """Run the part of the graph that is asked for, which need not give audio; as `say` otherwise.

        Raises:
            LineError: a stage refused what it got.
        """
        with _about(utterance.origin), _silenced():
            chunks = self._chunks(utterance.phonemes)
        for chunk in chunks:
            with _about(utterance.origin):
                with _silenced():
                    request = self._prepare(chunk)
                result = self._pipeline.finish(request)
            yield request, result

    def check_devices(self) -> None:
        """Find out whether this machine has the devices that speaking may take.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        self._pipeline.check_devices(self._how["scope"], self._how["override"])

    def load(self, utterance: Utterance) -> None:
        """Load the libraries that speaking a line takes, which finds what is missing before anything is written.

        Only the first has been loaded when this ends; a thread goes on with the others while the first stages run.

        Raises:
            RunError: a device is absent, or a library is missing or unfit.
        """
        for request in self.requests(utterance):
            self._pipeline.load(self._pipeline.misses(request), wait=False)

    def identity(self, build_root: Path | None) -> str:
        """A digest of all that the audio of a line depends on beside the line: code, weights, parameters, voice.

        Raises:
            RunError: code, a library or a manifest cannot be read.
        """
        graph = self._pipeline.graph
        stages = {}
        for name, spec in graph.stages.items():
            library = devices.library_path(spec, graph.model.name, build_root) if spec.is_library else None
            stages[name] = keys.identity(spec, graph, self._pipeline.config, library)
        wires = {
            name: [[port, str(source.ref)] for port, source in spec.inputs.items()]
            for name, spec in graph.stages.items()
        }
        voice = {name: array_digest(value) for name, value in self._inputs.items()}
        outputs = {name: str(ref) for name, ref in graph.outputs.items()}
        params = {**graph.params, **self._params}
        scope: Scope = self._how["scope"]
        again = [scope.start, scope.only, sorted(scope.refresh)]  # what was asked to run anew is not done yet
        return value_digest([stages, wires, outputs, voice, params, again, self._limit, self._timed])

    def _chunks(self, phonemes: str) -> list[Chunk]:
        return split(phonemes, self._vocab, self._limit, skip_unknown=self._skip_unknown)

    def _prepare(self, chunk: Chunk) -> Request:
        inputs = {PHONEMES: chunk.phonemes, **self._inputs}
        return self._pipeline.prepare(params=self._params, **self._how, **inputs)

    def _check_length(self, request: Request, samples: int) -> None:
        """Refuse audio that is not as long as its frames: nothing else tells that its sample rate is another.

        Raises:
            RunError: naming the output, its length and that of its frames.
        """
        ref, hop = self._pipeline.graph.outputs[AUDIO], self._pipeline.dims.frame_samples
        frames, exact = self._frames(request)
        most = None if frames is None else frames * hop
        fits = samples == most if exact else samples % hop == 0 and (most is None or samples <= most)
        if fits or str(ref) in request.given:
            return
        self._pipeline.forget(request, ref.stage)
        wanted = f"{most}, which are {frames} frames" if exact else f"a multiple of {hop}"
        wanted += "" if exact or most is None else f" up to {most}"
        rate = f" to {samples * SAMPLE_RATE_HZ / most:.0f} Hz" if exact and most else ""
        raise RunError(
            f"output '{AUDIO}' ({ref}): got {samples} samples, expected {wanted}: a frame is {hop} samples at "
            f"{SAMPLE_RATE_HZ} Hz. A stage resamples{rate}, or changes the length: let it keep {hop} samples a frame"
        )

    def _frames(self, request: Request) -> tuple[int | None, bool]:
        """The frames of a run that has ended, or at most so many; and whether they are all. None if nothing tells."""
        if request.override:
            return None, False  # an array that was given may say anything of the frames
        durations = None if self._durations is None else self._pipeline.at_hand(request, str(self._durations))
        if durations is not None:
            return int(durations.sum()), True
        bound, frames = self._pipeline.graph.dims.get(FRAMES), request.sizes.known().get(FRAMES)
        return frames, frames is not None and (bound is None or not bound.static)

    def _spans(self, chunk: Chunk, result: Mapping[str, Array], shift: int, samples: int) -> list[Span]:
        symbols = [symbol for symbol in normalise(chunk.phonemes, self._vocab) if symbol.text in self._vocab]
        found = timestamps.spans(symbols, result[DURATIONS], self._pipeline.dims.frame_samples, result[AUDIO].size)
        return timestamps.moved(found, columns=chunk.offset, samples=shift, limit=samples)


def with_durations(graph: AnyGraph) -> AnyGraph:
    """The graph with one more output: the durations that timestamps are made of, wherever a stage gives them.

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
    """The port of the durations: that of the graph's output, else those of all stages that have one."""
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


@contextlib.contextmanager
def _about(origin: str) -> Iterator[None]:
    """Begin each warning of this thread, and each error, with the line that it is about."""

    def locate(record: logging.LogRecord) -> bool:
        if record.thread == here:
            record.msg, record.args = f"{origin}: {record.getMessage()}", None
        return True

    here = threading.get_ident()

    _LOG.addFilter(locate)
    try:
        yield
    except RunError as error:
        raise LineError(origin, str(error)) from error
    finally:
        _LOG.removeFilter(locate)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Drop the warnings of this thread."""

    def drop(record: logging.LogRecord) -> bool:
        return record.thread != here

    here = threading.get_ident()
    _LOG.addFilter(drop)
    try:
        yield
    finally:
        _LOG.removeFilter(drop)

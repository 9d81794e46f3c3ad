"""Runs a graph on lines of phonemes: each is checked, and cut where it is too long for the model.

row --> split --> chunk --> check                    is the line good?
                    `-----> prepare --> finish --> part, one for each chunk
"""

from __future__ import annotations

import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from runner.batch.bulk import PartT
from runner.errors import LineError, RunError
from runner.graph.selection import Scope
from runner.speech.split import split
from stages.dims import END_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import Request
    from runner.runtime.values import Array
    from runner.speech.split import Chunk

PHONEMES, VOICE = "phonemes", "voice"  # the inputs of a graph that speaks
_WHOLE = Scope()
_LOG = logging.getLogger("kokoro_run")


class LineRunner(ABC, Generic[PartT]):
    """A pipeline with a voice and parameters, ready for line after line; a `batch.bulk.RowRunner`."""

    def __init__(
        self,
        pipeline: Pipeline,
        voice: str | None,
        params: Mapping[str, object],
        *,
        scope: Scope = _WHOLE,
        override: Mapping[str, Array] | None = None,
        keep: bool = False,
    ) -> None:
        """Load the voice, which all lines share.

        Args:
            voice: a specification; None for the model's own voice.
            params: values in place of the graph's own.
            scope, override, keep: of `Pipeline.run`.

        Raises:
            WeightsError: the voice is not there, or not one of this model.
        """
        self._pipeline, self._params = pipeline, params
        self._how: dict[str, Any] = {"scope": scope, "override": override, "keep": keep}
        graph = pipeline.graph
        voiced = voice is not None or VOICE in graph.inputs
        self._inputs: dict[str, Any] = {VOICE: pipeline.voice(voice)} if voiced else {}
        self._skip_unknown = bool({**graph.params, **params}.get("skip_unknown", False))
        self._vocab: Mapping[str, int] = pipeline.config.get("vocab", {})
        text = graph.dims.get("text")
        # A fixed size is no limit to cut at: cutting would change the audio, and a fixed size promises not to.
        bounds = [] if text is None or text.static else [text.max]
        self._limit = min([pipeline.dims.text_max, *bounds]) - END_TOKENS
        self._request: Request | None = None

    @property
    def stage(self) -> str:
        """The name of the stage that is running now, for a display; '' between two lines."""
        request = self._request
        pending = request.pending if request is not None else []
        return pending[0].name if pending else ""

    def check(self, row: Row) -> None:
        """Find out whether a line could be run; no library is loaded, and nothing is kept.

        Raises:
            LineError: it could not.
        """
        with _about(row.origin):
            for chunk in self._chunks(row):
                self._pipeline.check(params=self._params, **self._how, **self._inputs_of(chunk))

    def run(self, row: Row, *, last: bool = False) -> Iterator[PartT]:
        """Run a line that `check` has found good, without repeating its warnings.

        Args:
            last: no other line follows.

        Raises:
            LineError: a stage refused what it got.
        """
        with _about(row.origin):
            chunks = self._chunks(row)
        for chunk in chunks:
            with _about(row.origin):
                with _silenced():
                    self._request = self._pipeline.prepare(params=self._params, **self._how, **self._inputs_of(chunk))
                try:
                    result = self._pipeline.finish(self._request, last=last and chunk is chunks[-1])
                    part = self._part(row, chunk, self._request, result)
                finally:
                    self._request = None
            yield part

    @abstractmethod
    def _part(self, row: Row, chunk: Chunk, request: Request, result: Result) -> PartT:
        """Make a part of the output from what the graph gave for a chunk.

        Raises:
            RunError: the graph gave something that is no such output.
        """

    def requests(self, rows: Iterable[Row]) -> Iterator[tuple[str, Request]]:
        """Give the runs of the graph that lines take, none of them begun, each with the origin of its line.

        Raises:
            LineError: a line cannot be run.
        """
        for row in rows:
            with _about(row.origin), _silenced():
                chunks = self._chunks(row)
            for chunk in chunks:
                yield row.origin, self._pipeline.request(params=self._params, **self._how, **self._inputs_of(chunk))

    def check_devices(self) -> None:
        """Find out whether this machine has the devices that a line may take.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        self._pipeline.check_devices(self._how["scope"], self._how["override"])

    def load(self, row: Row) -> None:
        """Load the libraries that a line takes, which finds what is missing before anything is written.

        Only the first has been loaded when this returns; a thread loads the others while the first stages run.

        Raises:
            RunError: a device is absent, or a library is missing or unfit.
        """
        for _, request in self.requests([row]):
            self._pipeline.load(self._pipeline.misses(request), wait=False)

    def _chunks(self, row: Row) -> list[Chunk]:
        return split(row.text, self._vocab, self._limit, skip_unknown=self._skip_unknown)

    def _inputs_of(self, chunk: Chunk) -> dict[str, Any]:
        return {PHONEMES: chunk.phonemes, **self._inputs}


@dataclass(frozen=True)
class OutputPart:
    """The outputs of the graph for one chunk of a line.

    Attributes:
        origin: where the line was written.
        outputs: name -> array, of the part of the graph that was asked for.
        timings: stage -> wall time [s], of the stages that ran.
    """

    origin: str
    outputs: dict[str, Array]
    timings: dict[str, float]


class OutputRunner(LineRunner[OutputPart]):
    """Runs lines through a graph, or a part of one, that need not give audio."""

    def _part(self, row: Row, chunk: Chunk, request: Request, result: Result) -> OutputPart:  # noqa: ARG002 - the base's
        outputs = {name: array for name, array in result.items() if name in request.outputs}
        return OutputPart(row.origin, outputs, result.timings)


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

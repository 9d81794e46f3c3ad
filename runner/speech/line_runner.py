"""Runs a graph on lines of phonemes: each is checked, and cut where it is too long for the model.

row --> split --> chunk --> check                    is the line good?
                    `-----> prepare --> finish --> part, one for each chunk
"""

from __future__ import annotations

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from runner.batch.bulk import PartT
from runner.engine.options import RunOptions
from runner.errors import LineError, RunError
from runner.speech.model import VOICE, make_voice_resolver, model_dims
from runner.speech.split import split
from stages.dims import END_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import RunState
    from runner.runtime.values import Array
    from runner.speech.split import Chunk

PHONEMES = "phonemes"  # the input that takes the lines
_DEFAULT = RunOptions()


class LineRunner(ABC, Generic[PartT]):
    """A pipeline with a voice and parameters, ready for line after line; a `batch.bulk.RowRunner`."""

    def __init__(self, pipeline: Pipeline, voice: str | None, options: RunOptions = _DEFAULT) -> None:
        """Load the voice, which all lines share.

        Args:
            voice: a specification; None for the model's own voice.
            options: of every run of the graph; the label of a run is the origin of its line.

        Raises:
            WeightsError: the voice is not there, or not one of this model.
        """
        self._pipeline, self._options = pipeline, options
        graph = pipeline.graph
        voiced = voice is not None or VOICE in graph.inputs
        self._inputs: dict[str, Any] = {VOICE: make_voice_resolver(graph)(voice)} if voiced else {}
        self._skip_unknown = bool({**graph.params, **options.params}.get("skip_unknown", False))
        self._vocab: Mapping[str, int] = pipeline.config.get("vocab", {})
        self._dims = model_dims(pipeline)
        text = graph.dims.get("text")
        # A fixed size is no limit to cut at: cutting would change the audio, and a fixed size promises not to.
        bounds = [] if text is None or text.static else [text.max]
        self._limit = min([self._dims.text_max, *bounds]) - END_TOKENS

    def check(self, row: Row) -> None:
        """Find out whether a line could be run; no library is loaded, and nothing is kept.

        Raises:
            LineError: it could not.
        """
        with _name_line(row.origin):
            for chunk in self._chunks(row):
                self._pipeline.check(self._inputs_of(chunk), self._options_of(row))

    def run(self, row: Row, *, last: bool = False) -> Iterator[PartT]:
        """Run a line that `check` has found good, without repeating its warnings.

        Args:
            last: no other line follows.

        Raises:
            LineError: a stage refused what it got.
        """
        with _name_line(row.origin):
            chunks = self._chunks(row)
        for chunk in chunks:
            with _name_line(row.origin):
                run = self._pipeline.prepare(self._inputs_of(chunk), self._options_of(row), warn=False)
                result = self._pipeline.finish(run, last=last and chunk is chunks[-1])
                part = self._part(row, chunk, run, result)
            yield part

    @abstractmethod
    def _part(self, row: Row, chunk: Chunk, run: RunState, result: Result) -> PartT:
        """Make a part of the output from what the graph gave for a chunk.

        Raises:
            RunError: the graph gave something that is no such output.
        """

    def runs(self, rows: Iterable[Row]) -> Iterator[tuple[str, RunState]]:
        """Give the runs of the graph that lines take, none of them begun, each with the origin of its line.

        Raises:
            LineError: a line cannot be run.
        """
        for row in rows:
            with _name_line(row.origin):
                chunks = self._chunks(row)
            for chunk in chunks:
                yield row.origin, self._pipeline.start(self._inputs_of(chunk), self._options_of(row))

    def check_devices(self) -> None:
        """Find out whether this machine has the devices that a line may take.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        self._pipeline.check_devices(self._options)

    def load(self, row: Row) -> None:
        """Load the libraries that a line takes, which finds what is missing before anything is written.

        Only the first has been loaded when this returns; a thread loads the others while the first stages run.

        Raises:
            RunError: a device is absent, or a library is missing or unfit.
        """
        for _, run in self.runs([row]):
            self._pipeline.load(self._pipeline.misses(run), wait=False)

    def _chunks(self, row: Row) -> list[Chunk]:
        return split(row.text, self._vocab, self._limit, skip_unknown=self._skip_unknown)

    def _inputs_of(self, chunk: Chunk) -> dict[str, Any]:
        return {PHONEMES: chunk.phonemes, **self._inputs}

    def _options_of(self, row: Row) -> RunOptions:
        return dataclasses.replace(self._options, label=row.origin)


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

    def _part(self, row: Row, chunk: Chunk, run: RunState, result: Result) -> OutputPart:  # noqa: ARG002 - the base's
        outputs = {name: array for name, array in result.items() if name in run.outputs}
        return OutputPart(row.origin, outputs, result.timings)


@contextlib.contextmanager
def _name_line(origin: str) -> Iterator[None]:
    """Add the origin of a line to errors."""
    try:
        yield
    except RunError as error:
        raise LineError(origin, str(error)) from error

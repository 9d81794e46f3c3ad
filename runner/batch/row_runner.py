"""Runs a graph on row after row, each of which feeds the one input that takes lines.

    row --> pieces --> check                    is the row good?
              `------> prepare --> finish --> part, one for each piece

A row is one run of the graph here, so there is one piece. Speech cuts a row that is too long for its model.
"""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

from runner.batch.bulk import PartT
from runner.batch.piece_run import PieceRun
from runner.cache import keys
from runner.cache.digest import Memo, array_digest, value_digest
from runner.engine.options import RunOptions
from runner.engine.run_template import RunTemplate
from runner.errors import LineError, RunError
from runner.runtime import devices
from runner.runtime.values import STR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import RunState
    from runner.graph.types import Graph, StageSpec

_DEFAULT = RunOptions()


def find_texts(graph: Graph, given: Collection[str] = ()) -> list[str]:
    """Find the inputs that are texts and not given; a row feeds one of them."""
    return [name for name, type_ in graph.inputs.items() if type_ == STR and name not in given]


@dataclass(frozen=True)
class Piece:
    """One run of the graph for a row.

    Attributes:
        inputs: of the graph, by name.
        override: 'stage.port' -> value in place of what the stage gives.
        params: in place of those of all rows.
        runs: whether the graph is run for it; it is not for a pause.
    """

    inputs: dict[str, Any]
    override: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    runs: bool = True


@dataclass(frozen=True)
class OutputPart:
    """The outputs of the graph for one piece of a row.

    Attributes:
        origin: where the row was written.
        outputs: name -> value, of the part of the graph that was asked for.
        timings: stage -> wall time [s], of the stages that ran.
        id: of the row; None for a row without one.
    """

    origin: str
    outputs: dict[str, Any]
    timings: dict[str, float]
    id: str | None = None


class BaseRowRunner(Generic[PartT]):
    """A pipeline with inputs that all rows share; a `batch.bulk.RowRunner`."""

    def __init__(
        self, pipeline: Pipeline, inputs: Mapping[str, Any], lines: str | None, options: RunOptions = _DEFAULT
    ) -> None:
        """Begin nothing yet.

        Args:
            inputs: values of the other inputs of the graph, by name.
            lines: the input that a row feeds; None for a graph that takes no lines, and has one row.
            options: of every run of the graph; the label of a run is that of its row.
        """
        self._pipeline, self._inputs, self._lines, self._options = pipeline, dict(inputs), lines, options
        self._templates: dict[tuple[tuple[str, ...], str], RunTemplate] = {}

    def check(self, row: Row) -> None:
        """Find out whether a row could be run: its values, and what the stages of `_checkers` refuse.

        Raises:
            LineError: it could not.
        """
        with name_row(row):
            self._check_pieces(row, self._pieces(row, checks=True))

    def _check_pieces(self, row: Row, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.runs:
                template, values = self._template_of(piece)
                with self._placing(row, piece):
                    template.check(values, row.label)

    def sum_up(self) -> None:
        """Log what the rows that were checked have in common, in place of a warning for each."""

    def run(self, row: Row, *, last: bool = False) -> Iterator[PartT]:
        """Run a row that `check` has found good, without repeating its warnings.

        Args:
            last: no other row follows.

        Raises:
            LineError: a stage refused what it got.
        """
        with name_row(row):
            pieces = [piece for piece in self._pieces(row) if piece.runs]
        for number, piece in enumerate(pieces, 1):
            yield self.begin_piece(row, piece).finish(last=last and number == len(pieces))

    def begin_piece(self, row: Row, piece: Piece) -> PieceRun[PartT]:
        """Make the run of the graph for a piece of a row that `check` has found good; it has not begun."""

        @contextlib.contextmanager
        def placing() -> Iterator[None]:
            with name_row(row), self._placing(row, piece):
                yield

        options = self._options_of(row, piece)
        return PieceRun(self._pipeline, piece, options, placing, partial(self._part, row, piece))

    def runs(self, rows: Iterable[Row]) -> Iterator[tuple[str, RunState]]:
        """Give the runs of the graph that rows take, none of them begun, each with the label of its row.

        No stage runs for this, so a row that is cut on what a stage gives counts as one run.

        Raises:
            LineError: a row cannot be run.
        """
        for row in rows:
            with name_row(row):
                pairs = [self._template_of(piece) for piece in self._planned_pieces(row) if piece.runs]
                runs = [template.start(values, row.label) for template, values in pairs]
            for run in runs:
                yield row.label, run

    def count_runs(self, row: Row) -> int:
        """Count the runs of the graph that a row takes which `check` has found good."""
        return sum(piece.runs for piece in self._pieces(row, checks=True))

    def check_devices(self) -> None:
        """Find out whether this machine has the devices that a row may take.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        self._pipeline.check_devices(self._options)

    def load(self, row: Row) -> None:
        """Load the libraries that a row takes, which finds what is missing before anything is written.

        Only the first has been loaded when this returns; a thread loads the others while the first stages run.

        Raises:
            RunError: a device is absent, or a library is missing or unfit.
        """
        for _, run in self.runs([row]):
            self._pipeline.load(self._pipeline.misses(run), wait=False)

    def identity(self, build_root: Path | None) -> str:
        """Compute a digest of everything but the row that its output depends on: code, weights, parameters, inputs.

        Raises:
            RunError: code, a library or a manifest cannot be read.
        """
        graph = self._pipeline.graph
        memo = Memo()
        stages = {name: self._identify(spec, build_root, memo) for name, spec in graph.stages.items()}
        wires = {
            name: [[port, str(source.ref)] for port, source in spec.inputs.items()]
            for name, spec in graph.stages.items()
        }
        inputs = {name: _digest(value) for name, value in self._inputs.items()}
        outputs = {name: str(ref) for name, ref in graph.outputs.items()}
        params, scope = {**graph.params, **self._options.params}, self._options.scope
        again = [scope.start, scope.only, sorted(scope.refresh)]  # stages that were to run anew have not run yet
        return value_digest([stages, wires, outputs, inputs, params, again, *self._settings()])

    def _identify(self, spec: StageSpec, build_root: Path | None, memo: Memo) -> dict[str, Any]:
        graph, cache = self._pipeline.graph, self._pipeline.stage_cache
        library = devices.library_path(spec, graph.model_name, build_root) if spec.is_library else None
        if cache is not None and (library is None or library.is_file()):
            return cache.identity(spec)  # computed once, from digests of files that are remembered
        return keys.identity(spec, graph, self._pipeline.config, library, memo)

    def _checkers(self) -> list[str]:
        """The stages that a check calls, and that run again for the row: they take no time and have no effect."""
        return []

    def _settings(self) -> list[Any]:
        """The settings of this runner that its output depends on."""
        return []

    def _pieces(self, row: Row, *, checks: bool = False) -> list[Piece]:  # noqa: ARG002 - of a runner that cuts
        """Make the pieces of a row.

        Args:
            checks: for a check of the row, which keeps nothing beside the results in the cache.
        """
        return [self._whole(row)]

    def _planned_pieces(self, row: Row) -> list[Piece]:
        """Make the pieces of a row as far as they can be known without running a stage."""
        return self._pieces(row)

    def _whole(self, row: Row) -> Piece:
        return Piece({**self._inputs, **({} if self._lines is None else {self._lines: row.text})})

    def _template_of(self, piece: Piece) -> tuple[RunTemplate, dict[str, Any]]:
        """Find the template of a piece's run, and the values that differ from run to run."""
        changed = {name: value for name, value in piece.inputs.items() if value is not self._inputs.get(name)}
        values = {**changed, **piece.override}
        key = tuple(values), repr(piece.params)
        template = self._templates.get(key)
        if template is None:
            shared = {name: value for name, value in self._inputs.items() if name not in changed}
            options = self._with_params(piece)
            template = RunTemplate(self._pipeline, shared, changed, options, piece.override, self._checkers())
            self._templates[key] = template
        return template, values

    def _with_params(self, piece: Piece) -> RunOptions:
        if not piece.params:
            return self._options
        return dataclasses.replace(self._options, params={**self._options.params, **piece.params})

    def _options_of(self, row: Row, piece: Piece) -> RunOptions:
        override = {**self._options.override, **piece.override}
        return dataclasses.replace(self._with_params(piece), label=row.label, override=override)

    def _placing(self, row: Row, piece: Piece) -> contextlib.AbstractContextManager[None]:  # noqa: ARG002 - as above
        """Put the places that errors name where they are in the row."""
        return contextlib.nullcontext()

    def _part(self, row: Row, piece: Piece, run: RunState, result: Result) -> PartT:
        """Make a part of the output from what the graph gave for a piece.

        Raises:
            RunError: the graph gave something that is no such output.
        """
        raise NotImplementedError


class RowRunner(BaseRowRunner[OutputPart]):
    """Runs rows through a graph, or a part of one."""

    def _part(self, row: Row, piece: Piece, run: RunState, result: Result) -> OutputPart:  # noqa: ARG002 - the base's
        return make_output_part(row, run, result)


def make_output_part(row: Row, run: RunState, result: Result) -> OutputPart:
    """Make the part of a run: the outputs that were asked for."""
    outputs = {name: value for name, value in result.items() if name in run.outputs}
    return OutputPart(row.origin, outputs, result.timings, row.id)


@contextlib.contextmanager
def name_row(row: Row) -> Iterator[None]:
    """Add the origin of a row to errors."""
    try:
        yield
    except RunError as error:
        raise LineError(row.origin, str(error), row.id) from error


def _digest(value: Any) -> str:
    return array_digest(value) if hasattr(value, "dtype") else value_digest(value)

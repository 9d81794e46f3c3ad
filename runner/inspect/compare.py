"""Two ways to compute one thing, port by port: runs, graphs, and the PyTorch reference.

                    case --> A --ports-->  distance of each port
                     |                        ^
                     +-----> B --ports--------+           what follows a wrong stage is wrong as well

    --cross          case --> B --ports--> each stage of A alone, on B's values --> distance

With `--cross` a stage is judged for what it does itself. A run's values are those that it left in the cache; what is no
longer there is computed again, and refused if it would be something else now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from runner.engine.options import RunOptions
from runner.engine.run_state import Status
from runner.errors import RunError
from runner.graph.types import GRAPH_INPUTS, PARAMETERS
from runner.inspect.distance import Distance, measure, missing
from runner.model import hub
from runner.model.checkpoint import Checkpoint
from runner.runtime.values import VOICE, Sizes, scalar, spell
from stages.contract import TensorType
from stages.families import find_family

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from runner.cache.cache import Cache
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.record import GraphRun, RunRecord
    from runner.graph.types import Graph, StageSpec
    from runner.inspect.distance import Tolerances
    from runner.runtime.values import Array
    from stages.contract import Type
    from stages.dims import ModelDims

_INSTALL = "pip install 'kokoro-run[reference]' && pip install --no-deps kokoro==0.9.4"


@dataclass(frozen=True)
class Case:
    """One utterance of the model.

    Attributes:
        label: where it was written.
        inputs: the graph's inputs, but for the voice.
        voice: a specification; None is the model's own.
        params: values in place of the graph's own.
        record: of the run that it was part of.
    """

    label: str
    inputs: dict[str, str]
    voice: str | None
    params: dict[str, Any]
    record: GraphRun | None = None


class Side(Protocol):
    """One of the two that are compared."""

    @property
    def name(self) -> str: ...

    @property
    def graph(self) -> Graph: ...

    @property
    def dims(self) -> ModelDims: ...

    def given(self, case: Case) -> dict[str, Any]:
        """'input.NAME' and 'params.NAME' -> value."""

    def ports(self, case: Case) -> dict[str, Array]:
        """'stage.port' -> what it gives, for all that ran."""

    def call(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """One stage alone, on inputs of another side."""


class GraphSide:
    """A graph, run as it is now."""

    def __init__(
        self,
        name: str,
        pipeline: Pipeline,
        own: Collection[str] = (),
        record: RunRecord | None = None,
        arrays: Mapping[str, Array] | None = None,
    ) -> None:
        """The libraries have to be there.

        Args:
            own: parameters that keep the value which the graph gives them.
            record: of the run whose utterances it is made for; None where it takes any.
            arrays: 'stage.port' -> array in place of it, for these utterances: --load of that run.

        Raises:
            RunError: the run has no utterance.
        """
        self.name, self.pipeline, self._own, self.record = name, pipeline, frozenset(own), record
        self.cases = None if record is None else cases_of(record)
        self._arrays = arrays or {}
        self._voices: dict[str | None, Array] = {}

    @property
    def graph(self) -> Graph:
        return self.pipeline.graph

    @property
    def dims(self) -> ModelDims:
        dims: ModelDims = self.pipeline.dims
        return dims

    def given(self, case: Case) -> dict[str, Any]:
        params = {**self.graph.params, **self._params(case)}
        inputs = {f"{GRAPH_INPUTS}.{name}": value for name, value in self._inputs(case).items()}
        return {**inputs, **{f"{PARAMETERS}.{name}": value for name, value in params.items()}}

    def _params(self, case: Case) -> dict[str, Any]:
        return {name: value for name, value in case.params.items() if name not in self._own}

    def _inputs(self, case: Case) -> dict[str, Any]:
        voiced = [name for name, type_ in self.graph.inputs.items() if type_ == VOICE]
        return {**case.inputs, **{name: self._voice(case.voice) for name in voiced}}

    def _voice(self, spec: str | None) -> Array:
        if spec not in self._voices:
            self._voices[spec] = self.pipeline.resolve("voice", spec)
        return self._voices[spec]

    def ports(self, case: Case) -> dict[str, Array]:
        result = self._run(case)
        return {name: value for name, value in result.items() if "." in name}

    def _run(self, case: Case) -> Result:
        options = RunOptions(self._params(case), keep=True, override=self._arrays)
        return self.pipeline.run(self._inputs(case), options)

    def call(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Array]:
        return self.pipeline.call_stage(stage, self.filled(stage, inputs))

    def filled(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Values of another side, padded where this graph has fixed sizes."""
        sizes, padded = Sizes(self.graph.dims), self.graph.padded
        types = {port: wire.type for port, wire in self.graph.stages[stage].inputs.items()}
        return {
            port: sizes.pad(f"{stage}.{port}", types[port], value, padded) if isinstance(value, np.ndarray) else value
            for port, value in inputs.items()
        }


class RunSide(GraphSide):
    """A run that has left a record: its values are those of then."""

    def __init__(self, record: RunRecord, pipeline: Pipeline, arrays: Mapping[str, Array], cache: Cache) -> None:
        """Take the utterances of the run for its cases; errors are those of `GraphSide`."""
        super().__init__(f"run {record.id}", pipeline, record=record, arrays=arrays)
        self._cache = cache

    def ports(self, case: Case) -> dict[str, Array]:
        if case.record is None:
            return super().ports(case)
        values: dict[str, Array] = dict(self._arrays)
        gone: list[str] = []
        for name, stage in case.record.stages.items():
            entry = None if stage.key is None else self._cache.lookup(stage.key)
            for port in self.graph.stages[name].outputs if stage.status != Status.UNNEEDED or stage.key else ():
                value = None if entry is None or port not in entry.outputs else self._cache.load(entry, port)
                if value is None:
                    gone.append(f"{name}.{port}")
                else:
                    values.setdefault(f"{name}.{port}", value)
        gone = [port for port in gone if port not in values]
        return {**values, **self._again(case, case.record, gone)} if gone else values

    def _again(self, case: Case, record: GraphRun, gone: list[str]) -> dict[str, Array]:
        """What is not kept any more, from another run of the same."""
        result = self._run(case)
        for name in dict.fromkeys(port.partition(".")[0] for port in gone):
            if result.stages[name].key != record.stages[name].key:
                raise RunError(
                    f"{self.name}: what stage '{name}' gave is no longer kept, and its code, weights or input are not "
                    "what they were; compare with a replay of that run"
                )
        return {port: result[port] for port in gone if port in result}


def cases_of(record: RunRecord) -> list[Case]:
    """The utterances of a run.

    Raises:
        RunError: it has none.
    """
    count, types = len(record.graph_runs), record.graph["inputs"]
    if not count:
        raise RunError(f"run {record.id}: its record has no utterance: it ended before the first")
    origins = [origin for origin, _ in record.rows]
    labels = origins if len(origins) == count else [f"utterance {number}" for number in range(1, count + 1)]
    return [
        Case(
            label,
            {name: v for name, v in one.inputs.items() if types[name] == "str"},
            record.asked["voice"],
            one.params,
            one,
        )
        for label, one in zip(labels, record.graph_runs, strict=True)
    ]


class ReferenceSide:
    """kokoro's own PyTorch classes in float64, under the wires of a graph.

    What goes from stage to stage is rounded as the graph's edges are, so that a stage of the other side that is given
    the same numbers is measured for its own arithmetic.
    """

    name = "reference"

    def __init__(self, other: GraphSide) -> None:
        """Load the checkpoint of the graph of `other`.

        Raises:
            RunError: PyTorch or kokoro is not installed, or the graph has a stage that the reference has not.
            WeightsError: the checkpoint is not one of this model.
        """
        try:
            from runner.speech import reference  # noqa: PLC0415 - imports torch: for those who ask for it
        except ModuleNotFoundError as error:
            raise RunError(f"reference: {error.name} is not installed: {_INSTALL}") from None
        self._other = other
        model, config = other.graph.model, other.pipeline.config
        if model is None:
            raise RunError(f"{other.graph.path}: the graph has no model, and the reference is one of a model")
        shapes = reference.checkpoint_keys(reference.build_model(config))
        checkpoint = Checkpoint.open(hub.checkpoint(model), find_family(model.family), model.sha256)
        weights = {key: checkpoint.take(key, shape) for key, shape in shapes.items()}
        checkpoint.finish()
        self._reference = reference.Reference(config, weights)
        unknown = [name for name, spec in self.graph.stages.items() if not self._reference.has(_source(spec))]
        if unknown:
            raise RunError(f"{self.graph.path}: the reference has no stage that is {', '.join(unknown)}")

    @property
    def graph(self) -> Graph:
        return self._other.graph

    @property
    def dims(self) -> ModelDims:
        return self._other.dims

    def given(self, case: Case) -> dict[str, Any]:
        return self._other.given(case)

    def ports(self, case: Case) -> dict[str, Array]:
        values: dict[str, Any] = self.given(case)
        exact: dict[str, Array] = {}
        for spec in self.graph.stages.values():
            given = self.call(spec.name, inputs_of(spec, values))
            exact |= {f"{spec.name}.{port}": value for port, value in given.items()}
            values |= exact
        return exact

    def call(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Array]:
        return self._reference.stage(_source(self.graph.stages[stage]), **inputs)


def _source(spec: StageSpec) -> str:
    """The stage's name in the `stages` package."""
    return (spec.source or spec.module).rpartition(".")[2]


def taken(port: str, type_: Type, value: Any) -> Any:
    """A value of one side as a port of the other takes it: a float is rounded to the port's precision, nothing else."""
    if not isinstance(type_, TensorType):
        return value
    if not isinstance(value, np.ndarray):
        return scalar(port, type_, value)
    if value.dtype.kind == "f" and type_.dtype.startswith("float"):
        return np.ascontiguousarray(value, type_.dtype)
    return value


def inputs_of(spec: StageSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage takes of another side's values, by 'stage.port', 'input.NAME' and 'params.NAME'."""
    return {port: taken(f"{spec.name}.{port}", wire.type, values[str(wire.ref)]) for port, wire in spec.inputs.items()}


def compare(a: Side, b: Side, cases: tuple[Case, Case], tolerances: Tolerances, *, cross: bool) -> list[Distance]:
    """The distance of each port of A from that of B, in A's order; ports that one side alone has come as faults.

    Raises:
        RunError: an input is refused; or a stage, other than one of A's with `cross`.
    """
    theirs = b.ports(cases[1])
    failed: dict[str, str] = {}
    ours = _cross(a, {**b.given(cases[1]), **theirs}, failed) if cross else a.ports(cases[0])
    found = []
    for port in dict.fromkeys([*_every(a.graph), *_every(b.graph)]):
        if port in ours and port in theirs:
            found.append(_measure(a, b, port, ours[port], theirs[port], tolerances))
        elif port in ours or port in theirs or port.partition(".")[0] in failed:
            shapes = (spell(ours[port]) if port in ours else None, spell(theirs[port]) if port in theirs else None)
            lacking = a.name if port in theirs else b.name
            found.append(missing(port, shapes, failed.get(port.partition(".")[0], f"{lacking} has no such port")))
    return found


def _cross(a: Side, values: Mapping[str, Any], failed: dict[str, str]) -> dict[str, Array]:
    """What each stage of A gives for the values of the other side; what is wrong with those that give nothing."""
    ours: dict[str, Array] = {}
    for spec in a.graph.stages.values():
        absent = [str(wire.ref) for wire in spec.inputs.values() if str(wire.ref) not in values]
        if absent:
            failed[spec.name] = f"the other side has no {', '.join(absent)}"
            continue
        inputs = inputs_of(spec, values)
        try:
            ours |= {f"{spec.name}.{port}": value for port, value in a.call(spec.name, inputs).items()}
        except RunError as error:
            failed[spec.name] = str(error)
    return ours


def _every(graph: Graph) -> list[str]:
    return [f"{spec.name}.{port}" for spec in graph.stages.values() for port in spec.outputs]


def _measure(a: Side, b: Side, port: str, ours: Array, theirs: Array, tolerances: Tolerances) -> Distance:
    stage, _, name = port.partition(".")
    side = a if stage in a.graph.stages and name in a.graph.stages[stage].outputs else b
    return measure(
        *(port, side.graph.stages[stage].outputs[name], ours, theirs),
        times=side.graph.dims.keys() - side.graph.fixed.keys(),
        frame_samples=side.dims.frame_samples,
        tolerance=tolerances.of(port),
    )

"""The sides of a comparison: a graph that runs now, and a run of the past whose arrays are in the cache.

An array that is no longer in the cache is computed again, and refused if its stage would give something else now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from runner.engine.options import RunOptions
from runner.engine.run_state import Status
from runner.engine.stage_cache import load_value
from runner.errors import RunError, line_label
from runner.graph.types import GRAPH_INPUTS, PARAMETERS, Ref
from runner.runtime.values import STR, Sizes, make_scalar
from stages.contract import NamedType, TensorType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from runner.cache.cache import Cache
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.record import GraphRun, RunRecord
    from runner.graph.types import Graph, StageSpec
    from runner.runtime.values import Array
    from stages.contract import Type


@dataclass(frozen=True)
class Case:
    """The input of one run of a graph.

    Attributes:
        label: where the input was written.
        inputs: the texts and arrays of inputs, by name.
        specs: the specifications of inputs of named types, by name, as in {"voice": "af_heart"}; the others have the
            default.
        params: values in place of the graph's own.
        texts: 'stage.port' -> text in place of what the stage gives, of a line that was cut there.
        record: of the run that used this input; None for one that no run has used.
    """

    label: str
    inputs: dict[str, Any]
    specs: dict[str, str]
    params: dict[str, Any]
    record: GraphRun | None = None
    texts: dict[str, str] = field(default_factory=dict)


class Side(Protocol):
    """One of the two sides."""

    @property
    def name(self) -> str: ...

    @property
    def graph(self) -> Graph: ...

    def given(self, case: Case) -> dict[str, Any]:
        """The values of a case, by 'input.NAME' and 'params.NAME'."""

    def ports(self, case: Case) -> dict[str, Array]:
        """The arrays that all stages give for a case, by 'stage.port'."""

    def call(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """Call one stage alone, on inputs of another side."""


class GraphSide:
    """A graph, run as it is now.

    Attributes:
        cases: of the run that `record` is of; None where the side takes any case.
    """

    def __init__(
        self,
        name: str,
        pipeline: Pipeline,
        *,
        own: Collection[str] = (),
        record: RunRecord | None = None,
        cases: Sequence[Case] | None = None,
        arrays: Mapping[str, Array] | None = None,
    ) -> None:
        """Use a pipeline whose libraries have been built.

        Args:
            own: parameters that keep the value which the graph gives them.
            record: of the run whose graph it is; None where it is of none.
            arrays: 'stage.port' -> array that replaces the stage's output, as it did in that run.
        """
        self.name, self.pipeline, self._own, self.record, self.cases = name, pipeline, frozenset(own), record, cases
        self._arrays = arrays or {}
        self._resolved: dict[tuple[str, str | None], Any] = {}

    @property
    def graph(self) -> Graph:
        return self.pipeline.graph

    def given(self, case: Case) -> dict[str, Any]:
        params = {**self.graph.params, **self._params(case)}
        inputs = {f"{GRAPH_INPUTS}.{name}": value for name, value in self._inputs(case).items()}
        return {**inputs, **{f"{PARAMETERS}.{name}": value for name, value in params.items()}}

    def _params(self, case: Case) -> dict[str, Any]:
        return {name: value for name, value in case.params.items() if name not in self._own}

    def _inputs(self, case: Case) -> dict[str, Any]:
        named = {n: t.name for n, t in self.graph.inputs.items() if isinstance(t, NamedType) and t != STR}
        specs = case.specs
        if len(named) == len(specs) == 1:  # the other side may call it otherwise
            specs = dict(zip(named, specs.values(), strict=True))
        return {**case.inputs, **{name: self._value(type_, specs.get(name)) for name, type_ in named.items()}}

    def _value(self, type_: str, spec: str | None) -> Any:
        if (type_, spec) not in self._resolved:
            self._resolved[type_, spec] = self.pipeline.resolve(type_, spec)
        return self._resolved[type_, spec]

    def ports(self, case: Case) -> dict[str, Array]:
        result = self._run(case)
        return {name: value for name, value in result.items() if "." in name}

    def _run(self, case: Case) -> Result:
        known = {f"{spec.name}.{port}" for spec in self.graph.stages.values() for port in spec.outputs}
        texts = {port: text for port, text in case.texts.items() if port in known}
        options = RunOptions(self._params(case), keep=True, override={**self._arrays, **texts})
        return self.pipeline.run(self._inputs(case), options)

    def call(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Array]:
        return self.pipeline.call_stage(stage, self.pad(stage, inputs))

    def pad(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Pad values of another side to the fixed sizes of this graph."""
        sizes, padded = Sizes(self.graph.dims), self.graph.padded
        types = {port: wire.type for port, wire in self.graph.stages[stage].inputs.items()}
        return {
            port: sizes.pad(f"{stage}.{port}", types[port], value, padded) if isinstance(value, np.ndarray) else value
            for port, value in inputs.items()
        }


class RunSide(GraphSide):
    """A run of the past: its values are those that it left in the cache."""

    def __init__(
        self,
        record: RunRecord,
        pipeline: Pipeline,
        cache: Cache,
        *,
        cases: Sequence[Case],
        arrays: Mapping[str, Array],
        changes: str = "",
    ) -> None:
        """Use a run; other arguments are those of `GraphSide`.

        Args:
            changes: inputs and parameters that cases have in place of the run's, for its name; with any, it runs again.
        """
        name = f"run {record.id} again with {changes}" if changes else f"run {record.id}"
        super().__init__(name, pipeline, record=record, cases=cases, arrays=arrays)
        self._cache = cache

    def ports(self, case: Case) -> dict[str, Array]:
        if case.record is None:
            return super().ports(case)
        values: dict[str, Any] = {**self._arrays, **case.texts}
        gone: list[str] = []
        for name, stage in case.record.stages.items():
            entry = None if stage.key is None else self._cache.lookup(stage.key)
            for port in self.graph.stages[name].outputs if stage.status != Status.UNNEEDED or stage.key else ():
                known = entry is not None and port in entry.outputs
                value = load_value(self._cache, entry, Ref(name, port), self.graph) if entry and known else None
                if value is None:
                    gone.append(f"{name}.{port}")
                else:
                    values.setdefault(f"{name}.{port}", value)
        gone = [port for port in gone if port not in values]
        return {**values, **self._compute(case, case.record, gone)} if gone else values

    def _compute(self, case: Case, record: GraphRun, gone: list[str]) -> dict[str, Array]:
        """Run the case again for the arrays that the cache no longer has.

        Raises:
            RunError: the stages that gave them have other keys now.
        """
        result = self._run(case)
        for name in dict.fromkeys(port.partition(".")[0] for port in gone):
            if result.stages[name].key != record.stages[name].key:
                raise RunError(
                    f"{self.name}: what stage '{name}' gave is no longer kept, and its code, weights or input are not "
                    "what they were; compare with a replay of that run"
                )
        return {port: result[port] for port in gone if port in result}


def list_cases(record: RunRecord, specs: dict[str, str], arrays: Mapping[str, Array]) -> list[Case]:
    """List the inputs of a run.

    Args:
        specs: the specifications of inputs of named types that the run was given, by name.
        arrays: the arrays that it was given, by name: a record has their digests alone.

    Raises:
        RunError: it has none.
    """
    count, types = len(record.graph_runs), record.graph["inputs"]
    if not count:
        raise RunError(f"run {record.id}: its record has no utterance: it ended before the first")
    origins = [line_label(row.origin, row.id) for row in record.rows]
    labels = origins if len(origins) == count else [f"utterance {number}" for number in range(1, count + 1)]
    return [
        Case(
            label,
            {**arrays, **{name: v for name, v in one.inputs.items() if types[name] == str(STR)}},
            specs,
            one.params,
            one,
            one.texts,
        )
        for label, one in zip(labels, record.graph_runs, strict=True)
    ]


def choose_inputs(spec: StageSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """Choose a stage's inputs from another side's values, by 'stage.port', 'input.NAME' and 'params.NAME'.

    Returns:
        port -> value; a float array is rounded to the port's precision, and nothing else is converted.
    """
    given = {port: values[str(wire.ref)] if wire.value is None else wire.value for port, wire in spec.inputs.items()}
    return {port: _converted(f"{spec.name}.{port}", spec.inputs[port].type, value) for port, value in given.items()}


def _converted(port: str, type_: Type, value: Any) -> Any:
    if not isinstance(type_, TensorType):
        return value
    if not isinstance(value, np.ndarray):
        return make_scalar(port, type_, value)
    if value.dtype.kind == "f" and type_.dtype.startswith("float"):
        return np.ascontiguousarray(value, type_.dtype)
    return value

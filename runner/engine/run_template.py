"""Starts or checks many runs that have all but a few inputs in common.

    graph, options, shared inputs --> RunTemplate: which stages need no library, in which order
                                           |
    the other inputs of a run -------------+--> start --> RunState
                                           `--> check: these stages are called --> what they give, or RunError

What does not depend on the other inputs is worked out once. A check holds every value to its type as a run does, and
refuses what `Pipeline.prepare` would refuse. It uses no cache, keeps nothing, and is no event for observers.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.engine.run_state import RunState, log_warning
from runner.graph.selection import ports
from runner.graph.types import GRAPH_INPUTS, Ref
from runner.runtime.values import Sizes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from runner.engine.options import RunOptions
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import StageSpec


class RunTemplate:
    """Runs of one graph with the same options, which differ in a few inputs."""

    def __init__(
        self,
        pipeline: Pipeline,
        shared: Mapping[str, object],
        varying: Collection[str],
        options: RunOptions,
        texts: Collection[str] = (),
        called: Collection[str] | None = None,
    ) -> None:
        """Find the stages that need no library.

        Args:
            shared: the inputs that all these runs have in common.
            varying: the names of the others.
            options: of the runs.
            texts: outputs of stages as 'stage.port', each a text in whose place every run is given another.
            called: the stages that a check may call; None for all.

        Raises:
            RunError: a shared input or a parameter is not what its port takes.
        """
        graph = pipeline.graph
        self._context, self._workers = pipeline.context, pipeline.workers
        self._varying = {**{name: Ref(GRAPH_INPUTS, name) for name in varying}, **{t: Ref.parse(t) for t in texts}}
        blank: dict[str, Any] = dict.fromkeys(texts, "")
        options = dataclasses.replace(options, override={**options.override, **blank})
        given = pipeline.collect(shared, options, varying)
        run = self._first = RunState(graph, given, options, cached=pipeline.stage_cache is not None)
        self._sizes = run.sizes.copy(run.given.values())
        self._input_sizes = Sizes(graph.dims).copy(run.given.values())
        arrays = {ref for ref, value in given.items() if isinstance(value, np.ndarray)}
        wires = [wire for spec in graph.stages.values() for wire in spec.inputs.values()]
        changing = {*arrays, *self._varying.values()}  # other values bind no dim, and have been checked
        outputs = [(str(ref), graph.stages[ref.stage].outputs[ref.port], ref) for ref in run.override]
        self._wires = [
            *((str(wire.ref), wire.type, wire.ref) for wire in wires if wire.ref in changing),
            *(output for output in outputs if output[2] in changing),
        ]
        self._stages = [
            (spec, {ref.port: ref for ref in ports(spec) if ref not in run.override})
            for spec in self._find_stages(run, called)
        ]
        self._stage_cache, self._is_first = pipeline.stage_cache, True

    def start(self, values: Mapping[str, object], label: str = "") -> RunState:
        """Check the values of one run, and begin nothing.

        Args:
            values: those that differ from run to run.
            label: names the run in warnings.

        Raises:
            RunError: a value is not what a stage takes.
        """
        outside = {ref: values[name] for name, ref in self._varying.items()}
        self._take({**self._first.given, **outside})
        return self._first.repeat(outside, label)

    def check(self, values: Mapping[str, object], label: str = "") -> dict[Ref, Any]:
        """Check the values of one run, and call the stages that need no library; the arguments are those of `start`.

        Returns:
            the given values, and what these stages gave.

        Raises:
            RunError: a value is not what a stage takes, or a stage refuses it; or its code cannot be read.
        """
        if self._is_first and self._stage_cache is not None:
            for spec, _ in self._stages:  # before the code is imported: runs that follow have keys of that code
                self._stage_cache.check_code(spec)
        self._is_first = False
        known = {**self._first.given, **{ref: values[name] for name, ref in self._varying.items()}}
        self._take(known)
        sizes, threads, warn = self._sizes.copy(), self._context.concurrency.threads, partial(log_warning, label)

        def call_stages() -> None:
            for spec, refs in self._stages:
                taken = {port: known[wire.ref] for port, wire in spec.inputs.items()}
                outputs = self._context.call(spec, taken, sizes, threads, warn)
                known.update((ref, outputs[port]) for port, ref in refs.items())

        self._workers.call(call_stages)
        return known

    def _take(self, values: Mapping[Ref, object]) -> None:
        sizes = self._input_sizes.copy()
        for place, type_, ref in self._wires:
            sizes.take(place, type_, values[ref])

    def _find_stages(self, run: RunState, called: Collection[str] | None) -> Iterator[StageSpec]:
        """Find the stages of Python that depend on no stage with a library, in the graph's order."""
        known = {*run.given, *self._varying.values()}
        for spec in run.needed:
            may_be_called = not spec.is_library and (called is None or spec.name in called)
            if may_be_called and known.issuperset(wire.ref for wire in spec.inputs.values()):
                known |= set(ports(spec))
                yield spec

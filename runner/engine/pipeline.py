"""Runs a checked graph: the public face of the engine.

inputs, options --> start --> RunState --> prepare: stages that need no library --> finish: the others --> Result
                                           finds bad input before anything is  |
                                           built or loaded                     `--> advance: those that one value needs,
                                                                                    before the others

`execution` runs one run, `plan` decides what runs, `workers` do the calls of many threads, `concurrency` decides how
many threads a stage gets, `stage_cache` finds and keeps results, `transfers` moves arrays between devices, `observers`
are told what happens.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from runner.engine.concurrency import Concurrency
from runner.engine.decisions import Decider
from runner.engine.execution import Execution, ExecutionContext
from runner.engine.executors import make_executors
from runner.engine.inputs import collect_inputs, refuse_unknown, resolve_inputs
from runner.engine.loading import load_libraries
from runner.engine.options import RunOptions
from runner.engine.run_state import RunState, Status
from runner.engine.stage_cache import StageCache
from runner.engine.transfers import Transfers, fetch
from runner.engine.workers import Workers
from runner.errors import RunError
from runner.graph.model_config import read_model
from runner.graph.selection import find_needed, ports
from runner.graph.types import Ref
from runner.runtime import tvm_runtime
from runner.runtime.threads import available_threads
from runner.runtime.values import Sizes
from stages.contract import warn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from runner.cache.cache import Cache
    from runner.engine.inputs import Resolver
    from runner.engine.observers import Observer
    from runner.engine.plan import Plan
    from runner.engine.run_state import Copy, StageRun
    from runner.graph.types import Graph
    from runner.runtime.values import Array

_DEFAULT = RunOptions()
_NONE: Mapping[str, object] = {}
Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


class Result(dict[str, Any]):
    """What a run gave: the graph's outputs by name; with `keep`, every port as 'stage.port' as well.

    Attributes:
        stages: what became of each stage, in the graph's order.
        copies: the arrays that went from device to device.
        timings: stage -> wall time [s], of those that ran.
    """

    def __init__(self, values: Mapping[str, Any], stages: dict[str, StageRun], copies: Sequence[Copy] = ()) -> None:
        super().__init__(values)
        self.stages, self.copies = stages, copies

    @property
    def timings(self) -> dict[str, float]:
        return {name: run.seconds for name, run in self.stages.items() if run.status is Status.RUN}


def _by_a_worker(
    method: Callable[Concatenate[Pipeline, Arguments], Returned],
) -> Callable[Concatenate[Pipeline, Arguments], Returned]:
    """Make a call wait until a worker of the pipeline is free."""

    @functools.wraps(method)
    def call(self: Pipeline, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        return self.workers.call(lambda: method(self, *args, **kwargs))

    return call


class Pipeline:
    """A graph with its stages at hand. Several threads may use it: `workers` of their calls are done at one time.

    A `RunState` and a result belong to the thread that asked for them; the threads share everything else.

    Attributes:
        graph: the checked graph.
        config: the keys of the model's config.json; empty without a model.
        dims: the model's sizes, of the kind that its family has.
        executors: what runs each stage, by name.
        observers: told what happens in every run.
        stage_cache: finds and keeps the results of stages; None without a cache.
        workers: do the calls.
        context: what all runs share.
    """

    def __init__(
        self,
        graph: Graph,
        build_root: Path | None = None,
        threads: int | None = None,
        config: Mapping[str, Any] | None = None,
        cache: Cache | None = None,
        resolvers: Mapping[str, Resolver] | None = None,
        workers: int = 1,
    ) -> None:
        """Find the stages; libraries are loaded by `load()`, or when a run first needs them.

        Args:
            build_root: folder of the compiled stages; None for the default one.
            threads: of the kernels of all workers; None for one a core that this process may use.
            config: keys that stand in for those of the model's config.json, such as another `vocab`.
            cache: where results of stages are kept; None computes everything.
            resolvers: named type -> what makes the value of an input of that type from what the caller gives.
            workers: the calls of other threads that are done at one time. With one, a call is done in the thread that
                makes it; several are threads of the pipeline, each with virtual machines of its own and an equal share
                of `threads`, and the weights are mapped once for all of them.

        Raises:
            RunError: config.json cannot be read, or lacks a key that a stage takes; or `workers` is below 1.
        """
        self.graph, self.workers = graph, Workers(workers)
        model = read_model(graph.model, RunError, config)
        self.config, self.dims = model.keys, model.dims
        self.observers: list[Observer] = []
        self._resolvers = dict(resolvers or {})
        self.executors = make_executors(graph, self.config, build_root)
        self.stage_cache = None if cache is None else StageCache(graph, self.executors, self.config, cache)
        self._transfers = Transfers(graph, self.executors)
        self._decider = Decider(graph, self.stage_cache)
        concurrency = Concurrency(available_threads() if threads is None else threads, workers)
        self.context = ExecutionContext(
            graph, self.executors, self.stage_cache, self._transfers, self._decider, concurrency, self.observers
        )

    @_by_a_worker
    def load(self, stages: Iterable[str] | None = None, *, wait: bool = True) -> None:
        """Load the libraries of `stages`, else every library, so that a run finds nothing missing.

        Args:
            wait: for all of them; else for the first, while a thread loads the others, whose files have been checked.

        Raises:
            RunError: a device is absent, or a library is missing, damaged, for another CPU, TVM or graph.
        """
        asked = self.graph.stages if stages is None else stages
        names = [name for name in asked if self.graph.stages[name].is_library]
        self._transfers.check_devices(self.graph.stages[name] for name in names)
        load_libraries(self.executors, names, self.observers, wait=wait)

    @_by_a_worker
    def run(self, inputs: Mapping[str, object] = _NONE, options: RunOptions = _DEFAULT) -> Result:
        """Run the graph: `run({"phonemes": "..."}, RunOptions(params={"speed": 1.2}))`.

        Args:
            inputs: the graph's inputs by name; one of a named type may be anything that its resolver takes.

        Raises:
            RunError: an input, a parameter or an output of a stage is not what its port takes.
        """
        result = self.finish(self.prepare(inputs, options))
        self.evict()
        return result

    def start(self, inputs: Mapping[str, object] = _NONE, options: RunOptions = _DEFAULT) -> RunState:
        """Check inputs and options of a run, and begin nothing; arguments and errors are those of `run`."""
        return RunState(self.graph, self.collect(inputs, options), options, cached=self.stage_cache is not None)

    def prepare(
        self, inputs: Mapping[str, object] = _NONE, options: RunOptions = _DEFAULT, *, warn: bool = True
    ) -> RunState:
        """Run the stages that need no library, which finds what is wrong with the input before any work is done.

        Errors are those of `run`. A device that this machine lacks is found here too.

        Args:
            inputs, options: of `run`.
            warn: whether warnings of these stages are logged; not if a check has logged them.
        """
        run = self.start(inputs, options)
        run.warns = warn
        self._check_input(run)
        run.warns = True
        self.check_devices_of(run)
        return run

    def plan_run(self, run: RunState, stale: Mapping[str, str] | None = None) -> Plan:
        """Say what would become of a run that has not begun (`start`), were the libraries of `stale` built first.

        Raises:
            RunError: the code of a stage cannot be read.
        """
        from runner.engine.plan import Planner  # noqa: PLC0415 - some ms that a run need not pay

        caches = self.stage_cache is not None
        return Planner(self.graph, self.executors, self._decider, self._transfers, caches=caches).plan(run, stale)

    @_by_a_worker
    def misses(self, run: RunState) -> list[str]:
        """The stages with a library that have to run, or may have to, as far as can be told before any does."""
        decisions = self._decider.decide(run)
        works = (Status.RUN, Status.DEPENDS)
        return [s.name for s in run.needed if s.is_library and decisions[s.name].status in works and not run.has_run(s)]

    @_by_a_worker
    def advance(self, run: RunState, ref: Ref) -> Any:
        """Run no more of a run that `prepare` began than the value at `ref` needs, and give it; `finish` runs the rest.

        Errors are those of `finish`, or that no output that was asked for depends on the value.
        """
        start = time.perf_counter()
        try:
            return Execution(self.context, run).advance(ref)
        except BaseException:
            self._end(run, None, start)
            raise

    @_by_a_worker
    def finish(self, run: RunState, *, last: bool = False, announce: bool = True) -> Result:
        """Run the other stages of a run that `prepare` began, and `advance` may have gone on with.

        Args:
            last: no other run follows, so each stage gives back the memory of its weights when it has run.
            announce: tell the observers that the run has ended; not for a run that is the first part of another.

        Raises:
            RunError: an output of a stage is not what its port takes, or a stage refuses its input.
        """
        start, result = time.perf_counter(), None
        try:
            execution = Execution(self.context, run)
            execution.finish(last=last)
            outputs = {name: execution.array(ref) for name, ref in run.outputs.items()}
            kept = {str(ref): execution.array(ref) for ref in run.list_kept(self.graph)}
            result = Result({**kept, **outputs}, run.stages, run.copies)
        finally:
            self._end(run, result, start, announce=announce)
        if any(self.graph.stages[name].is_library for name in run.timings):
            tvm_runtime.release_memory()
        if self.stage_cache is not None:
            self.stage_cache.mark_used(run)
        return result

    @_by_a_worker
    def peek(self, run: RunState, ref: Ref) -> Array | None:
        """The value of a port in `RunOptions.retain` if a finished run has it, or the cache; no stage runs for it."""
        if run.is_at_hand(ref):
            array: Array = Execution(self.context, run).array(ref)
            return array
        return None if self.stage_cache is None else self.stage_cache.read(run, ref)

    def forget(self, run: RunState, stage: str) -> None:
        """Remove a stage's outputs from the cache: the caller has refused them."""
        if self.stage_cache is not None:
            self.stage_cache.forget(run, stage)

    @_by_a_worker
    def call_stage(self, name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the stage `name` alone on `inputs`, by port, with the checks of a run.

        Raises:
            RunError: no such stage or port, or an input or output is not what its port takes.
        """
        refuse_unknown("stage", [name], self.graph.stages)
        spec = self.graph.stages[name]
        refuse_unknown(f"input of {name}", inputs, spec.inputs)
        refuse_unknown("array given", spec.inputs, inputs)
        outputs = self.context.call(spec, inputs, Sizes(self.graph.dims), self.context.concurrency.threads, warn)
        return {port: fetch(Ref(name, port), value) for port, value in outputs.items()}

    def resolve(self, type_: str, given: object) -> Any:
        """The value of an input of the named type `type_`, made from what a caller gives; errors are the resolver's."""
        return self._resolvers[type_](given)

    def resolve_inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve the inputs of named types, so that several runs share their values; others stay as they are."""
        return resolve_inputs(self.graph, self._resolvers, given)

    def check_devices(self, options: RunOptions = _DEFAULT) -> None:
        """Check that this machine has the devices of all stages that a run may need.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        override = {Ref.parse(text) for text in options.override}
        self._transfers.check_devices(find_needed(self.graph, options.scope.outputs(self.graph).values(), override))

    def check_devices_of(self, run: RunState) -> None:
        """Check that this machine has the devices of the stages that have to run, or may have to; not of those kept.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        if any(self._transfers.may_be_absent(spec) for spec in run.needed):
            self._transfers.check_devices(self.graph.stages[name] for name in self.misses(run))

    @_by_a_worker
    def evict(self) -> None:
        """Keep the cache within its limits, without what the last runs used; call it after the last `finish`."""
        if self.stage_cache is not None:
            self.stage_cache.evict()

    def collect(
        self, inputs: Mapping[str, object], options: RunOptions, varying: Collection[str] = ()
    ) -> dict[Ref, Any]:
        """Check options and inputs, and collect the values from outside but for the inputs `varying`."""
        known = [str(ref) for spec in self.graph.stages.values() for ref in ports(spec)]
        refuse_unknown("port", options.override, known)
        options.scope.check(self.graph)
        return collect_inputs(self.graph, self._resolvers, inputs, options.params, varying)

    @_by_a_worker
    def _check_input(self, run: RunState) -> None:
        start = time.perf_counter()
        try:
            Execution(self.context, run).check_input()
        finally:
            run.await_started()
            for observer in self.observers:
                observer.input_checked(run, time.perf_counter() - start)

    def _end(self, run: RunState, result: Result | None, start: float, *, announce: bool = True) -> None:
        """Leave no stage of a run behind that has ended, and tell the observers."""
        run.await_started()
        for observer in self.observers if announce else ():
            observer.run_finished(run, result, time.perf_counter() - start)

"""Executes one run of a graph: decides what runs, runs it and keeps its outputs, until nothing is left to run.

    decide --> a stage that runs --> gather inputs --> call --> check outputs --> keep
       ^                                                                            |
       `----------------------------------------------------------------------------'   more digests are known

Every value is held to its port's type on the way. What a stage gives on another device than the host stays there for
the stages beside it; it comes to the host when a Python stage, another device, the cache or the caller takes it.

A result in the cache is known by its digest, and read when a stage that runs, or the caller, needs it. If it is gone by
then, or damaged, its stage runs after all.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from runner.engine.decisions import Cause, Reason, see_sizes
from runner.engine.run_state import StartedStage, Status
from runner.engine.stage_cache import encode_text
from runner.errors import RunError
from runner.graph.selection import find_needed
from runner.graph.types import Ref
from runner.runtime.threads import check_fork
from stages.contract import handle_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runner.engine.concurrency import Concurrency
    from runner.engine.decisions import Decider, Decision
    from runner.engine.executors import Executor
    from runner.engine.observers import Observer
    from runner.engine.run_state import RunState, StageRun
    from runner.engine.stage_cache import Lookup, StageCache
    from runner.engine.transfers import Transfers
    from runner.graph.types import Graph, StageSpec
    from runner.runtime.values import Sizes

    Allowed = Callable[[StageSpec], bool]


class ExecutionContext:
    """What all executions of a pipeline share: a graph with its stages, cache, devices, threads and observers."""

    def __init__(
        self,
        graph: Graph,
        executors: Mapping[str, Executor],
        stage_cache: StageCache | None,
        transfers: Transfers,
        decider: Decider,
        concurrency: Concurrency,
        observers: Sequence[Observer],
    ) -> None:
        self.graph, self.executors, self.stage_cache = graph, executors, stage_cache
        self.transfers, self.decider, self.concurrency, self.observers = transfers, decider, concurrency, observers

    def call(
        self, spec: StageSpec, inputs: Mapping[str, Any], sizes: Sizes, threads: int, warn: Callable[[str], object]
    ) -> dict[str, Any]:
        """Call one stage, and hold its inputs and outputs to their types.

        Args:
            warn: called with each warning of the stage.

        Raises:
            RunError: an input or output is not what its port takes, or the stage refuses its input or fails.
        """
        checked = {
            port: sizes.take(f"{spec.name}.{port} <- {source.ref}", source.type, inputs[port])
            for port, source in spec.inputs.items()
        }
        with handle_warnings(lambda message: warn(f"{spec.name}: {message}")):
            outputs = self.executors[spec.name](checked, sizes, threads, self.concurrency.threads)
        try:
            return {
                port: sizes.take(f"{spec.name}.{port}", type_, outputs[port]) for port, type_ in spec.outputs.items()
            }
        except RunError as error:
            raise RunError(f"{error}{self.executors[spec.name].describe_code()}") from error


class Execution:
    """One run under way."""

    def __init__(self, context: ExecutionContext, run: RunState) -> None:
        self._context, self._run = context, run
        self._cache = context.stage_cache if run.cached else None
        self._allowed: Allowed = lambda _: True  # the stages that may run now

    def check_input(self) -> None:
        """Run the stages that need no library, as far as they depend on no stage that does.

        Raises:
            RunError: one of them refuses its input.
        """
        while (spec := self._next(self._needs_no_library)) is not None:
            self._execute(spec)

    def advance(self, ref: Ref) -> Any:
        """Run the stages that the value at `ref` depends on, as far as they have to run; gives the value, on the host.

        Raises:
            RunError: the run has no use for the value; or as `finish`.
        """
        run, graph = self._run, self._context.graph
        if ref not in run.given and graph.stages.get(ref.stage) not in run.needed:
            raise RunError(f"{ref}: no output that was asked for depends on it")
        run.retained.add(ref)  # no stage that is left may take it
        above = find_needed(graph, [ref], run.given)
        self._allowed = lambda spec: spec in above
        while (spec := self._next(self._allowed)) is not None:
            self._execute(spec)
        return self.array(ref)

    def finish(self, *, last: bool = False) -> None:
        """Run the stages that are left.

        Args:
            last: no other run follows, so each stage gives back the memory of its weights when it has run.
        """
        for ran in self._run.needed:
            if last and self._run.has_run(ran):  # when the run was advanced
                self._context.executors[ran.name].release_weights()
        while (spec := self._next(self._allowed)) is not None:
            self._execute(spec)
            if last:
                self._context.executors[spec.name].release_weights()
        for stage in self._run.stages.values():
            if stage.status is Status.DEFERRED:
                stage.status = Status.UNNEEDED

    def array(self, ref: Ref) -> Any:
        """The value at `ref`, on the host: at hand, else from the cache, else computed."""
        return self._context.transfers.to_host(self._run, ref, self._value(ref))

    def _needs_no_library(self, spec: StageSpec) -> bool:
        """Whether the stage is one of Python, whose inputs are at hand or in the cache."""
        made = {wire.ref.stage for wire in spec.inputs.values() if wire.ref not in self._run.given}
        known = (Status.RUN, Status.HIT)
        return not spec.is_library and all(self._run.stages[name].status in known for name in made)

    def _next(self, allowed: Allowed) -> StageSpec | None:
        """The next stage that has to run and that `allowed` lets run, after all decisions have been noted."""
        run, decisions = self._run, self._context.decider.decide(self._run)
        for name, decision in decisions.items():
            _note_reason(run.stages[name], decision.reason)
        for spec in run.needed:
            if not run.has_run(spec):
                self._note(spec, decisions[spec.name])
        may_run = (Status.RUN, Status.DEPENDS, Status.DEFERRED)
        run.release(spec for spec in run.needed if decisions[spec.name].status in may_run and not run.has_run(spec))
        return next((spec for spec in run.needed if self._must_run(spec, decisions) and allowed(spec)), None)

    def _must_run(self, spec: StageSpec, decisions: Mapping[str, Decision]) -> bool:
        return decisions[spec.name].status is Status.RUN and not self._run.has_run(spec)

    def _note(self, spec: StageSpec, decision: Decision) -> None:
        """Note in the run what is known of a stage that has not run."""
        stage, lookup = self._run.stages[spec.name], decision.lookup
        if decision.status is Status.RUN or lookup is None or (lookup.entry is None and spec.cache):
            stage.status, stage.key, stage.entry = Status.PENDING, None, None
            return
        entry = lookup.entry
        if entry is None:
            stage.status, stage.key = Status.DEFERRED, lookup.key
        elif stage.entry is not entry:
            stage.status, stage.key, stage.entry = Status.HIT, entry.key, entry
            see_sizes(self._run, spec, decision)
            for observer in self._context.observers:
                observer.stage_hit(self._run, spec, entry.key)

    def _value(self, ref: Ref) -> Any:
        """The value at `ref`, on the device that it is on."""
        run = self._run
        for values in (run.given, run.values):
            if ref in values:
                return values[ref]
        array = self._read(ref)
        if array is None:
            if run.stages[ref.stage].entry is not None:
                run.stages[ref.stage].reason = Reason(Cause.EVICTED, ports=(ref.port,))
            self._execute(self._context.graph.stages[ref.stage])
            return run.values[ref]
        run.values[ref] = array
        return array

    def _read(self, ref: Ref) -> Any:
        """Read the array of a port from the cache; None if it is not there."""
        if self._cache is None or self._run.stages[ref.stage].entry is None:
            return None
        start = time.perf_counter()
        array = self._cache.read(self._run, ref)
        for observer in self._context.observers:
            observer.cache_read(self._run, ref, time.perf_counter() - start)
        return array

    def _execute(self, spec: StageSpec) -> None:
        """Run a stage, or take the outputs of one that was started concurrently, and keep them."""
        run = self._run
        started = run.started.pop(spec.name, None)
        if started is None:
            if spec.is_library:
                # Before a thread that does not exist is given a stage to run concurrently.
                check_fork(self._context.concurrency.threads)
            inputs, lookup = self._gather(spec)
            threads = self._context.concurrency.threads_of_first(has_second=self._start_second(spec))
            outputs, seconds = self._timed(spec, inputs, threads, concurrent=False)
        else:
            lookup = started.lookup
            outputs, seconds = started.outcome.result()
        stage = run.stages[spec.name]
        stage.status, stage.seconds = Status.RUN, stage.seconds + seconds
        self._keep(spec, lookup, outputs)
        for port, value in outputs.items():
            if Ref(spec.name, port) not in run.override:
                run.values[Ref(spec.name, port)] = value

    def _gather(self, spec: StageSpec) -> tuple[dict[str, Any], Lookup | None]:
        """Bring a stage's inputs together, and look up where its outputs are to be kept."""
        run, only = self._run, self._run.options.scope.only
        if not run.may_run(spec):
            raise RunError(
                f"only stage '{only}' may run, and what stage '{spec.name}' gives is not kept; run until '{only}' "
                f"first, or give {spec.name}.PORT as an array"
            )
        inputs = {
            port: self._context.transfers.to_stage(run, spec, wire, self._value(wire.ref))
            for port, wire in spec.inputs.items()
        }
        if self._cache is None:
            return inputs, None
        # Now: an input whose stage had to run again may have another digest than was kept.
        lookup, stage = self._context.decider.lookup(run, spec), run.stages[spec.name]
        if run.options.explain and lookup is not None and stage.reason == Reason(Cause.MISS):
            stage.reason = Reason(Cause.MISS, detail=self._cache.why_missed(spec, lookup))
        self._cache.check_code(spec)
        return inputs, lookup

    def _keep(self, spec: StageSpec, lookup: Lookup | None, outputs: Mapping[str, Any]) -> None:
        """Write a stage's outputs to the cache, and note their digests."""
        if self._cache is None or lookup is None:
            return
        run, to_host = self._run, self._context.transfers.to_host
        arrays = {p: to_host(run, Ref(spec.name, p), v) if spec.cache else v for p, v in outputs.items()}
        start = time.perf_counter()
        digests = self._cache.write(run, spec, lookup, arrays)
        seconds = time.perf_counter() - start
        if spec.cache:
            size = sum(
                encode_text(value).nbytes if isinstance(value, str) else value.nbytes for value in arrays.values()
            )
            for observer in self._context.observers:
                observer.cache_written(run, spec, size, seconds)
        kept = {Ref(spec.name, port): digest for port, digest in digests.items()}
        run.digests |= {ref: digest for ref, digest in kept.items() if ref not in run.override}

    def _timed(
        self, spec: StageSpec, inputs: Mapping[str, Any], threads: int, *, concurrent: bool
    ) -> tuple[dict[str, Any], float]:
        """Call a stage, tell the observers, and return its outputs and the seconds that it took."""
        run, outputs = self._run, None
        for observer in self._context.observers:
            observer.stage_started(run, spec, concurrent=concurrent)
        start = time.perf_counter()
        try:
            outputs = self._context.call(spec, inputs, run.sizes, threads, run.warn)
        finally:
            seconds = time.perf_counter() - start
            for observer in self._context.observers:
                observer.stage_finished(run, spec, outputs, seconds, concurrent=concurrent)
        return outputs, seconds

    def _start_second(self, spec: StageSpec) -> bool:
        """Start a second stage concurrently with `spec` if one is ready; whether any concurrent stage still runs."""
        run, concurrency = self._run, self._context.concurrency
        if not concurrency.allows_second or not self._runs_here(spec):
            return False
        if not run.started:
            decisions = self._context.decider.decide(run)
            other = next((each for each in run.needed if each != spec and self._may_start(each, decisions)), None)
            if other is not None:
                with contextlib.suppress(RunError):  # its own turn meets it again
                    inputs, lookup = self._gather(other)
                    outcome = concurrency.submit(lambda n: self._timed(other, inputs, n, concurrent=True))
                    run.started[other.name] = StartedStage(lookup, outcome)
        return any(not started.outcome.done() for started in run.started.values())

    def _may_start(self, spec: StageSpec, decisions: Mapping[str, Decision]) -> bool:
        """Whether the stage is sure to run here, and its inputs are in memory."""
        sure = self._must_run(spec, decisions) and self._run.may_run(spec) and self._runs_here(spec)
        sure = sure and self._allowed(spec)
        return sure and all(self._run.is_at_hand(wire.ref) for wire in spec.inputs.values())

    def _runs_here(self, spec: StageSpec) -> bool:
        """Whether the stage is compiled for the host."""
        return spec.is_library and not self._context.transfers.is_remote(spec)


def _note_reason(stage: StageRun, reason: Reason) -> None:
    """Note why a stage has its status, unless the reason only follows from what has run since."""
    was_taken = stage.reason == Reason(Cause.IN_CACHE) and reason.cause is Cause.NOT_TAKEN
    if reason.cause is not Cause.HAS_RUN and not was_taken:
        stage.reason = reason

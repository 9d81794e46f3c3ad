"""Runs a checked graph: one stage after the other, each value held to its port's type on the way.

inputs, params --> [Python stages that need no library] --> Request --> [the other stages] --> Result
                   prepare(): finds bad input before           finish()
                   anything is built or loaded

With threads enough a stage of the host that waits for nothing runs beside the one whose turn it is: text_encoder beside
bert. What it gives is taken when its own turn comes (decision 0013).

What a stage gives on another device than the host stays there for the stages beside it; it comes to the host when a
Python stage, another device, the cache or the caller takes it.

With a cache a stage runs only if nothing is kept under its key. What is kept is known by its digest, and read when a
stage that runs, or the caller, needs it; if it is gone by then, or damaged, its stage runs after all.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from runner.cache import keys
from runner.engine.executors import CompiledStage, PythonStage, executor
from runner.engine.run_state import HIT, RUN, Begun, Request, StageRun
from runner.engine.stage_cache import Keeper
from runner.engine.transfers import Borders, fetched
from runner.errors import RunError, suggest
from runner.graph.selection import Scope, needed
from runner.runtime import tvm_runtime
from runner.runtime.threads import ForkSafeLock, available_threads, check_fork, use_threads
from runner.runtime.values import VOICE, Sizes
from stages.dims import ConfigError, ModelDims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from runner.cache.cache import Cache
    from runner.engine.run_state import Copy
    from runner.engine.stage_cache import Found
    from runner.graph.types import Graph, Ref, StageSpec
    from runner.runtime.values import Array
ENOUGH_THREADS, BESIDE_THREADS = 8, 2  # for two stages at once; of these for the one beside, as many as an LSTM uses
_EVICT_EVERY = 32  # runs: so that thousands of them do not outgrow the cache's limits
_LOG = logging.getLogger("kokoro_run")
_WHOLE = Scope()
Arguments = ParamSpec("Arguments")
Given = TypeVar("Given")


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
        return {name: run.seconds for name, run in self.stages.items() if run.status == RUN}


def _one_at_a_time(
    method: Callable[Concatenate[Pipeline, Arguments], Given],
) -> Callable[Concatenate[Pipeline, Arguments], Given]:
    """Let a call wait until those of other threads are done: a library computes for one thread at a time."""

    @functools.wraps(method)
    def call(self: Pipeline, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Given:
        with self.lock:
            return method(self, *args, **kwargs)

    return call


class Pipeline:
    """A graph with its stages at hand. Several threads may use it: their calls are done one after the other.

    Attributes:
        graph: the checked graph.
        config: the model's config.json.
        dims: the model's sizes.
        keeper: the keys of the stages; None without a cache.
        borders: the devices of the stages.
        lock: held by the thread whose call is being done.
        finished: called with each request that has come to its end, and what it gave.
        retained: ports ('stage.port') that `at_hand` is asked for when a run has ended.
    """

    def __init__(
        self,
        graph: Graph,
        build_root: Path | None = None,
        threads: int | None = None,
        config: Mapping[str, Any] | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Find the stages; libraries are loaded by `load()`, or when a run first needs them.

        Args:
            build_root: folder of the compiled stages; None for the default one.
            threads: of the kernels; None for one a core that this process may use.
            config: keys that stand in for those of the model's config.json, such as another `vocab`.
            cache: where results of stages are kept; None computes everything.

        Raises:
            RunError: config.json cannot be read, or lacks a key that a stage takes.
        """
        self.graph = graph
        self.config = {**_read_config(graph.model.config), **(config or {})}
        self.dims = _model_dims(graph.model.config, self.config)
        self._threads = available_threads() if threads is None else threads
        self._padded = frozenset(n for n, dim in graph.dims.items() if dim.static) - self.dims.named().keys()
        self._stages = {name: executor(spec, graph, self.config, build_root) for name, spec in graph.stages.items()}
        self.keeper = None if cache is None else Keeper(graph, self._stages, self.config, cache)
        self.borders = Borders(graph, self._stages)
        self.finished: Callable[[Request, Result], object] | None = None
        self.lock = ForkSafeLock()
        self.retained: frozenset[str] = frozenset()
        self._used: list[list[str]] = []
        self._beside_thread: ThreadPoolExecutor | None = None
        self._beside_process = 0

    def stage(self, name: str) -> PythonStage | CompiledStage:
        """What runs the stage `name`."""
        return self._stages[name]

    @_one_at_a_time
    def load(self, stages: Iterable[str] | None = None, *, wait: bool = True) -> None:
        """Load the libraries of `stages`, else every library, so that a run finds nothing missing.

        Args:
            wait: for all of them; else for the first, while a thread loads the others, whose files have been looked at.

        Raises:
            RunError: a device is absent, or a library is missing, damaged, for another CPU, TVM or graph.
        """
        names = self._stages if stages is None else stages
        compiled = {name: stage for name in names if isinstance(stage := self._stages[name], CompiledStage)}
        self.borders.check_devices(self.graph.stages[name] for name in compiled)
        first = next(iter(compiled), None)
        later = [stage for name, stage in compiled.items() if not wait and name != first and stage.can_load_later()]
        for stage in compiled.values():
            if stage not in later:
                stage.load()
        if later:
            threading.Thread(target=self._load_behind, args=(later,)).start()

    def _load_behind(self, stages: Sequence[CompiledStage]) -> None:
        for stage in stages:
            with contextlib.suppress(Exception):  # which the stage's own turn meets again
                stage.load()

    def voice(self, given: str | None) -> Array:
        """The voice pack [N, 2*style] that a specification means; None is the model's own voice.

        Raises:
            WeightsError: it is misspelled, or a voice is missing, damaged or for another model.
        """
        from runner.speech.voices import load_voice  # noqa: PLC0415 - a few ms that a graph without a voice need not pay

        model = self.graph.model
        return load_voice(given, model.voices, model.voice, self.dims.voice_row, self._fetch())

    def _fetch(self) -> Callable[[str], Path] | None:
        if self.graph.model.hub is None:
            return None
        from runner.model import hub  # noqa: PLC0415 - 10 ms that a model on the disk need not pay

        return hub.voices(self.graph.model)

    def run(
        self,
        *,
        params: Mapping[str, object] | None = None,
        keep: bool = False,
        override: Mapping[str, Array] | None = None,
        scope: Scope = _WHOLE,
        **inputs: object,
    ) -> Result:
        """Run the graph: `run(phonemes="...", voice="af_heart", params={"speed": 1.2})`.

        Args:
            params: values in place of the graph's own.
            keep: return every port of the stages that were needed, not the graph's outputs alone.
            override: 'stage.port' -> array that replaces what the stage gives there. What nothing else needs any more
                does not run.
            scope: the part of the graph to run, and what runs although it is kept.
            inputs: the graph's inputs by name; a `voice` is a specification, a pack [N, 2*style], or None for the
                model's own.

        Raises:
            RunError: an input, a parameter or what a stage gave is not what its port takes.
        """
        result = self.finish(self.prepare(params=params, keep=keep, override=override, scope=scope, **inputs))
        self.tidy()
        return result

    def prepare(
        self,
        *,
        params: Mapping[str, object] | None = None,
        keep: bool = False,
        override: Mapping[str, Array] | None = None,
        scope: Scope = _WHOLE,
        **inputs: object,
    ) -> Request:
        """Run the stages that need no library, which finds what is wrong with the input before any work is done.

        Arguments and errors are those of `run`. A device that this machine lacks is found here too.
        """
        request = self._begin(self.request(params=params, keep=keep, override=override, scope=scope, **inputs))
        if any(self.borders.is_away(spec) for spec in request.pending):
            waiting = self.misses(request)
            self.borders.check_devices(spec for spec in request.pending if spec.name in waiting)
        return request

    def check_devices(self, scope: Scope = _WHOLE, override: Mapping[str, Array] | None = None) -> None:
        """Find out whether this machine has the devices of all stages that a run may need.

        Raises:
            RunError: it lacks one; the message lists those it has.
        """
        self.borders.check_devices(needed(self.graph, scope.outputs(self.graph).values(), override or {}))

    def check(
        self,
        *,
        params: Mapping[str, object] | None = None,
        keep: bool = False,
        override: Mapping[str, Array] | None = None,
        scope: Scope = _WHOLE,
        **inputs: object,
    ) -> None:
        """As `prepare`, of which nothing is kept, in the cache or otherwise."""
        request = self.request(params=params, keep=keep, override=override, scope=scope, **inputs)
        request.cached = False
        self._begin(request)

    @_one_at_a_time
    def _begin(self, request: Request) -> Request:
        for spec in request.needed:
            ready = all(request.has(str(wire.ref)) for wire in spec.inputs.values())
            if ready and isinstance(self._stages[spec.name], PythonStage):
                self._settle(request, spec)
        return request

    def request(
        self,
        *,
        params: Mapping[str, object] | None = None,
        keep: bool = False,
        override: Mapping[str, Array] | None = None,
        scope: Scope = _WHOLE,
        **inputs: object,
    ) -> Request:
        """A run that is not begun: its inputs have been checked. Arguments and errors are those of `run`."""
        override = override or {}
        known = [f"{spec.name}.{port}" for spec in self.graph.stages.values() for port in spec.outputs]
        _refuse_unknown("port", override, known)
        scope.check(self.graph)
        given = self._outside(inputs, params or {})
        request = Request(self.graph, given, override, scope, keep=keep, retained=self.retained)
        if self.keeper is not None:
            request.digest_given()
        return request

    @_one_at_a_time
    def misses(self, request: Request) -> list[str]:
        """The libraries' stages that have to run, or may have to, as far as can be told before any does."""
        if self.keeper is None:
            return [spec.name for spec in request.pending if spec.is_library]
        for spec in list(request.pending):
            found = self._find(request, spec)
            if found is None or not self._take_kept(request, spec, found):
                return [spec.name for spec in request.pending if spec.is_library]
        there = all(self._is_kept(request, ref) for ref in request.outputs.values())
        return [] if there else [spec.name for spec in request.needed if spec.is_library]

    @_one_at_a_time
    def finish(self, request: Request, *, last: bool = False) -> Result:
        """Run the other stages of what `prepare` began.

        Args:
            last: no other run is to follow, so each stage gives back the memory of its weights when it is done.
        """
        try:
            while request.pending:
                spec = request.pending[0]
                self._settle(request, spec)
                stage = self._stages[spec.name]
                if last and isinstance(stage, CompiledStage):
                    stage.rest()
        finally:
            request.await_begun()
        outputs = {name: self._array(request, str(ref)) for name, ref in request.outputs.items()}
        kept = {ref: self._array(request, ref) for ref in self._ports(request)} if request.keep else {}
        if any(run.status == RUN and self.graph.stages[name].is_library for name, run in request.stages.items()):
            tvm_runtime.release_memory()
        self._mark_used(request)
        result = Result({**kept, **outputs}, request.stages, request.copies)
        if self.finished is not None:
            self.finished(request, result)
        return result

    @_one_at_a_time
    def at_hand(self, request: Request, ref: str) -> Array | None:
        """The value of a port of `retained` if the run has come by it, or it is kept; no stage runs for it."""
        if ref in request.given or ref in request.values:
            array: Array = self._array(request, ref)
            return array
        return self._kept(request, ref)

    def forget(self, request: Request, stage: str) -> None:
        """Do not keep what the stage gave: it has been refused, and would not be where less is known of its run."""
        entry = request.stages[stage].entry
        if self.keeper is not None and entry is not None:
            self.keeper.cache.forget(entry)

    @_one_at_a_time
    def call_stage(self, name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the stage `name` alone on `inputs`, by port, with the checks of a run.

        Raises:
            RunError: no such stage or port, or an input or result is not what its port takes.
        """
        _refuse_unknown("stage", [name], self.graph.stages)
        spec = self.graph.stages[name]
        _refuse_unknown(f"input of {name}", inputs, spec.inputs)
        _refuse_unknown("array given", spec.inputs, inputs)
        outputs = self._call(spec, inputs, Sizes(self.graph.dims))
        return {port: fetched(f"{name}.{port}", value) for port, value in outputs.items()}

    @_one_at_a_time
    def tidy(self) -> None:
        """Keep the cache within its limits, without what the last runs used; to be called after the last `finish`."""
        if self.keeper is not None and self._used:
            self.keeper.cache.evict({key for used in self._used for key in used})
            self._used.clear()

    def _settle(self, request: Request, spec: StageSpec) -> None:
        """Know what the stage gives: by what is kept, else by running it; a `cache: false` stage waits to be needed."""
        found = self._find(request, spec)
        if found is None:
            self._execute(request, spec)
        elif not self._take_kept(request, spec, found):
            if spec.cache or request.must_run(spec):
                self._execute(request, spec)
            else:
                self._defer(request, spec, found)
        request.release()

    def _find(self, request: Request, spec: StageSpec) -> Found | None:
        if self.keeper is None or not request.cached:
            return None
        return self.keeper.find(spec, request.digests, request.given)

    def _take_kept(self, request: Request, spec: StageSpec, found: Found) -> bool:
        """Take the stage for done if its results are kept and may be used."""
        if found.entry is None or request.must_run(spec):
            return False
        request.stages[spec.name] = StageRun(HIT, found.key, entry=found.entry)
        for port, output in found.entry.outputs.items():
            request.sizes.see(f"{spec.name}.{port}", spec.outputs[port], output.dtype, output.shape)
        self._settled(request, spec, {port: output.digest for port, output in found.entry.outputs.items()})
        return True

    def _defer(self, request: Request, spec: StageSpec, found: Found) -> None:
        request.stages[spec.name].key = found.key
        self._settled(request, spec, {port: keys.input_identity(found.key, port) for port in spec.outputs})

    def _settled(self, request: Request, spec: StageSpec, digests: Mapping[str, str]) -> None:
        for port, digest in digests.items():
            if f"{spec.name}.{port}" not in request.override:
                request.digests[f"{spec.name}.{port}"] = digest
        if spec in request.pending:
            request.pending.remove(spec)

    def _array(self, request: Request, ref: str) -> Any:
        """The value at `ref`, on the host."""
        return self.borders.to_host(request, ref, self._value(request, ref))

    def _value(self, request: Request, ref: str) -> Any:
        """The value at `ref`: at hand, else kept, else computed; on the device that it is on."""
        for values in (request.given, request.values):
            if ref in values:
                return values[ref]
        kept = self._kept(request, ref)
        if kept is not None:
            request.values[ref] = kept
            return kept
        spec = self.graph.stages[ref.partition(".")[0]]
        self._execute(request, spec)
        return request.values[ref]

    def _kept(self, request: Request, ref: str) -> Array | None:
        stage, _, port = ref.partition(".")
        entry = request.stages[stage].entry
        return None if self.keeper is None or entry is None else self.keeper.cache.load(entry, port)

    def _is_kept(self, request: Request, ref: Ref) -> bool:
        entry = None if str(ref) in request.given else request.stages[ref.stage].entry
        return entry is None or self.keeper is None or self.keeper.cache.present(entry, ref.port)

    def _execute(self, request: Request, spec: StageSpec) -> None:
        begun = request.begun.get(spec.name)
        if begun is None:
            if spec.is_library:
                # Before a thread that does not exist is given a stage to run beside this one.
                check_fork(self._threads)
            inputs, found = self._gather(request, spec)
            threads = self._threads - BESIDE_THREADS if self._begin_another(request, spec) else self._threads
            outputs, seconds = self._timed(spec, inputs, request.sizes, threads)
        else:
            found = begun.found
            outputs, seconds = begun.outcome.result()
            del request.begun[spec.name]
        run = request.stages[spec.name]
        run.status, run.seconds = RUN, run.seconds + seconds
        digests = {}
        if found is not None:
            fetch = self.borders.to_host if spec.cache else lambda request, ref, value: value
            kept = {port: fetch(request, f"{spec.name}.{port}", value) for port, value in outputs.items()}
            digests = self._keep(run, spec, found, kept)
        for port, value in outputs.items():
            if f"{spec.name}.{port}" not in request.override:
                request.values[f"{spec.name}.{port}"] = value
        self._settled(request, spec, digests)

    def _gather(self, request: Request, spec: StageSpec) -> tuple[dict[str, Any], Found | None]:
        """What the stage takes, and where the cache keeps what it gives."""
        if request.cached and not request.may_run(spec):
            raise RunError(
                f"--only {request.scope.only}: what stage '{spec.name}' gives is not kept; "
                f"run --until {request.scope.only} first, or give it with --load {spec.name}.PORT=FILE.npy"
            )
        inputs = {
            port: self.borders.to_stage(request, spec, wire, self._value(request, str(wire.ref)))
            for port, wire in spec.inputs.items()
        }
        found = self._find(request, spec)  # now: an input that ran again may have another digest than was kept
        if self.keeper is not None and found is not None:
            self.keeper.check_code(spec)
        return inputs, found

    def _begin_another(self, request: Request, spec: StageSpec) -> bool:
        """Begin a stage that can run at the same time as `spec`; whether there is one, of now or of before."""
        if self._threads < ENOUGH_THREADS or not self._is_compiled_here(spec):
            return False
        if not request.begun:
            other = next((each for each in request.pending if each != spec and self._may_begin(request, each)), None)
            if other is not None:
                with contextlib.suppress(RunError):  # which its own turn meets again
                    inputs, found = self._gather(request, other)
                    outcome = self._beside().submit(self._timed, other, inputs, request.sizes, BESIDE_THREADS)
                    request.begun[other.name] = Begun(found, outcome)
        return any(not begun.outcome.done() for begun in request.begun.values())

    def _may_begin(self, request: Request, spec: StageSpec) -> bool:
        """Whether the stage is sure to run, and everything that it takes is at hand."""
        if not self._is_compiled_here(spec) or not request.may_run(spec):
            return False
        if not all(str(wire.ref) in request.given or str(wire.ref) in request.values for wire in spec.inputs.values()):
            return False
        found = self._find(request, spec)
        return found is None or request.must_run(spec) or (found.entry is None and spec.cache)

    def _is_compiled_here(self, spec: StageSpec) -> bool:
        return isinstance(self._stages[spec.name], CompiledStage) and not self.borders.is_away(spec)

    def _beside(self) -> ThreadPoolExecutor:
        """The thread for the second of two stages; a forked child does not have that of its parent."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - some ms that one core need not pay

        if self._beside_thread is None or self._beside_process != os.getpid():
            self._beside_thread, self._beside_process = ThreadPoolExecutor(1, "kokoro-run-beside"), os.getpid()
        return self._beside_thread

    def _timed(
        self, spec: StageSpec, inputs: Mapping[str, Any], sizes: Sizes, threads: int
    ) -> tuple[dict[str, Any], float]:
        """What the stage gives, and the seconds that it takes."""
        start = time.perf_counter()
        return self._call(spec, inputs, sizes, threads), time.perf_counter() - start

    def _keep(self, run: StageRun, spec: StageSpec, found: Found, outputs: Mapping[str, Any]) -> dict[str, str]:
        """Keep what a stage gave; the digests of its outputs."""
        run.key = found.key
        if self.keeper is None or not spec.cache:
            return {port: keys.input_identity(found.key, port) for port in outputs}
        before = run.entry or found.entry
        run.entry = self.keeper.cache.store(found.key, found.components, outputs, run.seconds)
        digests = {port: output.digest for port, output in run.entry.outputs.items()}
        if before is not None and digests != {port: output.digest for port, output in before.outputs.items()}:
            _LOG.warning("stage '%s' gave another result than the last time, for the same input", spec.name)
        return digests

    def _call(
        self, spec: StageSpec, inputs: Mapping[str, Any], sizes: Sizes, threads: int | None = None
    ) -> dict[str, Any]:
        """What the stage gives for `inputs`, both held to their types."""
        stage = self._stages[spec.name]
        taken = {
            port: sizes.take(f"{spec.name}.{port} <- {source.ref}", source.type, inputs[port])
            for port, source in spec.inputs.items()
        }
        if isinstance(stage, CompiledStage):
            use_threads(threads or self._threads, self._threads)
            given = dict(stage(taken))
        else:
            given = {
                port: sizes.pad(f"{spec.name}.{port}", spec.outputs[port], value, self._padded)
                for port, value in stage(taken).items()
            }
        return {port: sizes.take(f"{spec.name}.{port}", type_, given[port]) for port, type_ in spec.outputs.items()}

    def _ports(self, request: Request) -> list[str]:
        """The ports that a run with `keep` gives: those of stages that were needed, and those that were given."""
        needed = {f"{spec.name}.{port}" for spec in request.needed for port in spec.outputs} | request.override.keys()
        every = (f"{spec.name}.{port}" for spec in self.graph.stages.values() for port in spec.outputs)
        return [ref for ref in every if ref in needed]

    def _mark_used(self, request: Request) -> None:
        self._used.append([run.key for run in request.stages.values() if run.key is not None and run.entry is not None])
        if len(self._used) >= _EVICT_EVERY:
            self.tidy()

    def _outside(self, inputs: Mapping[str, object], params: Mapping[str, object]) -> dict[str, Any]:
        """The values of 'input.NAME' and 'params.NAME', each found to be what its consumers take."""
        _refuse_unknown("input", inputs, self.graph.inputs)
        _refuse_unknown("parameter", params, self.graph.params)
        values = {f"params.{name}": value for name, value in {**self.graph.params, **params}.items()}
        for name, type_ in self.graph.inputs.items():
            if type_ == VOICE:
                given = inputs.get(name)
                values[f"input.{name}"] = self.voice(given) if given is None or isinstance(given, str) else given
            elif name in inputs:
                values[f"input.{name}"] = inputs[name]
            else:
                raise RunError(f"input '{name}' of the graph is missing: it takes {type_}")
        sizes = Sizes(self.graph.dims)
        for source in (source for spec in self.graph.stages.values() for source in spec.inputs.values()):
            if str(source.ref) in values:
                sizes.take(str(source.ref), source.type, values[str(source.ref)])
        return values


def _refuse_unknown(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise RunError(f"no {what} is called '{name}'{suggest(name, known)}")


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise RunError(f"{path}: is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise RunError(f"{path}: expected a JSON table at the top")
    return config


def _model_dims(path: Path, config: Mapping[str, Any]) -> ModelDims:
    try:
        return ModelDims.from_config(config)
    except ConfigError as error:
        raise RunError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None

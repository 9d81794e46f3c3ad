"""Runs a checked graph: one stage after the other, each value held to its port's type on the way.

inputs, params --> [Python stages that need no library] --> Request --> [the other stages] --> Result
                   prepare(): finds bad input before           finish()
                   anything is built or loaded
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from runner import hub, runtime
from runner.errors import RunError, suggest
from runner.executor import CompiledStage, PythonStage, executor
from runner.ports import VOICE, Sizes
from runner.voices import load_voice
from stages.dims import ConfigError, ModelDims

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from runner.graph import Graph, StageSpec
    from runner.ports import Array

_OUTSIDE = ("input.", "params.")


class Result(dict[str, Any]):
    """What a run gave: the graph's outputs by name; with `keep`, every port as 'stage.port' as well.

    Attributes:
        timings: stage -> wall time [s], in the order they ran.
    """

    def __init__(self, values: Mapping[str, Any], timings: dict[str, float]) -> None:
        super().__init__(values)
        self.timings = timings


class Request:
    """One run under way.

    Attributes:
        values: 'stage.port' -> value, of the ports that somebody still needs.
        sizes: the dims that these values have bound.
        pending: the stages that have not run, in order.
        timings: stage -> wall time [s] of those that have.
    """

    def __init__(self, graph: Graph, values: dict[str, Any], override: Mapping[str, Array], *, keep: bool) -> None:
        self.values, self.override, self.keep = values, override, keep
        self.sizes = Sizes(graph.dims)
        self.pending = list(graph.stages.values())
        self.timings: dict[str, float] = {}
        self._outputs = {str(ref) for ref in graph.outputs.values()}

    def release(self) -> None:
        """Drop the values that neither a pending stage nor the graph's outputs need."""
        if not self.keep:
            inputs = {str(port.ref) for stage in self.pending for port in stage.inputs.values()}
            self.values = {key: value for key, value in self.values.items() if key in inputs | self._outputs}


class Pipeline:
    """A graph with its stages at hand.

    Attributes:
        graph: the checked graph.
        config: the model's config.json.
        dims: the model's sizes.
    """

    def __init__(
        self,
        graph: Graph,
        build_root: Path | None = None,
        threads: int | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Find the stages; libraries are loaded by `load()`, or when a run first needs them.

        Args:
            build_root: folder of the compiled stages; None for the default one.
            threads: of the kernels; None for one a core that this process may use.
            config: keys that stand in for those of the model's config.json, such as another `vocab`.

        Raises:
            RunError: config.json cannot be read, or a Python stage is not there.
        """
        self.graph = graph
        self.config = {**_read_config(graph.model.config), **(config or {})}
        self.dims = _model_dims(graph.model.config, self.config)
        self._threads = runtime.available_threads() if threads is None else threads
        self._padded = frozenset(n for n, dim in graph.dims.items() if dim.static) - self.dims.named().keys()
        self._stages = {name: executor(spec, graph, self.config, build_root) for name, spec in graph.stages.items()}

    def load(self) -> None:
        """Load every library, so that a run finds nothing missing.

        Raises:
            RunError: a device is absent, or a library is missing, damaged, for another CPU, TVM or graph.
        """
        for stage in self._stages.values():
            if isinstance(stage, CompiledStage):
                stage.load()

    def voice(self, given: str | None) -> Array:
        """The voice pack [N, 2*style] that a specification means; None is the model's own voice.

        Raises:
            WeightsError: it is misspelled, or a voice is missing, damaged or for another model.
        """
        model = self.graph.model
        return load_voice(given, model.voices, model.voice, self.dims.voice_row, hub.voices(model))

    def run(
        self,
        *,
        params: Mapping[str, object] | None = None,
        keep: bool = False,
        override: Mapping[str, Array] | None = None,
        **inputs: object,
    ) -> Result:
        """Run the whole graph: `run(phonemes="...", voice="af_heart", params={"speed": 1.2})`.

        Args:
            params: values in place of the graph's own.
            keep: return every port, not the graph's outputs alone.
            override: 'stage.port' -> array that replaces what the stage gives there.
            inputs: the graph's inputs by name; a `voice` is a specification, a pack [N, 2*style], or None for the
                model's own.

        Raises:
            RunError: an input, a parameter or what a stage gave is not what its port takes.
        """
        return self.finish(self.prepare(params=params, keep=keep, override=override, **inputs))

    def prepare(
        self,
        *,
        params: Mapping[str, object] | None = None,
        keep: bool = False,
        override: Mapping[str, Array] | None = None,
        **inputs: object,
    ) -> Request:
        """Run the stages that need no library, which finds what is wrong with the input before any work is done.

        Arguments and errors are those of `run`.
        """
        override = override or {}
        _refuse_unknown(
            "port", override, [f"{s.name}.{port}" for s in self.graph.stages.values() for port in s.outputs]
        )
        request = Request(self.graph, self._outside(inputs, params or {}), override, keep=keep)
        for spec in self.graph.stages.values():
            ready = all(str(source.ref) in request.values for source in spec.inputs.values())
            if ready and isinstance(self._stages[spec.name], PythonStage):
                self._step(request, spec)
        return request

    def finish(self, request: Request) -> Result:
        """Run the other stages of what `prepare` began."""
        while request.pending:
            self._step(request, request.pending[0])
        runtime.release_memory()
        outputs = {name: request.values[str(ref)] for name, ref in self.graph.outputs.items()}
        kept = {key: value for key, value in request.values.items() if request.keep and not key.startswith(_OUTSIDE)}
        return Result({**kept, **outputs}, request.timings)

    def call_stage(self, name: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the stage `name` alone on `inputs`, by port, with the checks of a run.

        Raises:
            RunError: no such stage or port, or an input or result is not what its port takes.
        """
        _refuse_unknown("stage", [name], self.graph.stages)
        spec = self.graph.stages[name]
        _refuse_unknown(f"input of {name}", inputs, spec.inputs)
        _refuse_unknown("array given", spec.inputs, inputs)
        return self._call(spec, inputs, Sizes(self.graph.dims))

    def _step(self, request: Request, spec: StageSpec) -> None:
        inputs = {port: request.values[str(source.ref)] for port, source in spec.inputs.items()}
        start = time.perf_counter()
        outputs = self._call(spec, inputs, request.sizes)
        request.timings[spec.name] = time.perf_counter() - start
        for port, value in outputs.items():
            key = f"{spec.name}.{port}"
            given = request.override.get(key, value)
            request.values[key] = request.sizes.take(key, spec.outputs[port], given)
        request.pending.remove(spec)
        request.release()

    def _call(self, spec: StageSpec, inputs: Mapping[str, Any], sizes: Sizes) -> dict[str, Array]:
        """What the stage gives for `inputs`, both held to their types."""
        stage = self._stages[spec.name]
        taken = {
            port: sizes.take(f"{spec.name}.{port} <- {source.ref}", source.type, inputs[port])
            for port, source in spec.inputs.items()
        }
        if isinstance(stage, CompiledStage):
            runtime.use_threads(self._threads)
            given = stage(taken)
        else:
            given = {
                port: sizes.pad(f"{spec.name}.{port}", spec.outputs[port], value, self._padded)
                for port, value in stage(taken).items()
            }
        return {port: sizes.take(f"{spec.name}.{port}", type_, given[port]) for port, type_ in spec.outputs.items()}

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

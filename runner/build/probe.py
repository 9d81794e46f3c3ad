"""Runs a compiled stage and records the output of each of its layers, to find the first NaN or the first large value.

    stage's class --> each layer's result becomes an output --> compiled apart --> run on given inputs --> Taps

The kernels are those of the stage's library, in the same order. Results live longer, so memory is planned differently.
Nothing is written to the build root. Like `build`, whose functions it uses, this module imports TVM's compiler.
"""

from __future__ import annotations

import functools
import inspect
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm.relax.frontend import nn

from runner.build.export import entry_spec, find_class
from runner.build.model import Model
from runner.build.passes import compile_module
from runner.build.targets import resolve_target
from runner.build.weights import pack, write_weights
from runner.errors import RunError
from runner.runtime import devices, manifest
from runner.runtime.library import Library
from runner.runtime.process import prepare_for_compiler
from runner.runtime.tensors import map_weights
from runner.runtime.values import Remote, Sizes
from stages.layers.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runner.graph.types import Graph
    from runner.runtime.values import Array

_ENTRY = "probe"


@dataclass(frozen=True)
class Tap:
    """The output of a layer.

    Attributes:
        name: name of the layer, as in `generator.resblocks.3`; its second call has the suffix `#2`.
        shape: shape of the valid part: rows, channels.
        mean, std, largest: of the finite values; `largest` is an absolute value.
        finite: share of values that are neither NaN nor infinite.
    """

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    largest: float
    finite: float

    def table(self) -> dict[str, Any]:
        """Make a table for JSON; a figure that is not finite is null."""
        figures = {"mean": self.mean, "std": self.std, "max_abs": self.largest}
        known = {name: value if np.isfinite(value) else None for name, value in figures.items()}
        return {"layer": self.name, "shape": list(self.shape), **known, "finite": self.finite}

    @classmethod
    def of(cls, name: str, values: Array) -> Tap:
        finite = values[np.isfinite(values)].astype(np.float64)
        share = finite.size / values.size if values.size else 1.0
        if not finite.size:
            return cls(name, values.shape, np.nan, np.nan, np.nan, share)
        return cls(name, values.shape, float(finite.mean()), float(finite.std()), float(np.abs(finite).max()), share)


@dataclass
class _Results:
    """The results of layers, in the order of their calls."""

    names: list[str]
    values: list[Any]

    def add(self, name: str, value: Any) -> None:
        if isinstance(value, tuple | list):
            for number, item in enumerate(value):
                self.add(f"{name}.{number}", item)
        elif isinstance(value, Signal | nn.Tensor):
            count = sum(known.partition("#")[0] == name for known in self.names)
            self.names.append(name if not count else f"{name}#{count + 1}")
            self.values.append(value)


def probe(graph: Graph, stage: str, inputs: Mapping[str, Array]) -> list[Tap]:
    """Run a stage on `inputs`, by port; gives the outputs of its layers in the order of their ends, then its own.

    Raises:
        RunError: the stage is not compiled from a source here, or an input does not fit its port.
        BuildError, WeightsError: as `build`.
    """
    spec = graph.stages[stage]
    sizes = Sizes(graph.dims)
    given = {port: sizes.take(f"{stage}.{port}", wire.type, inputs[port]) for port, wire in spec.inputs.items()}
    if spec.source is None:
        raise RunError(f"stage '{stage}' cannot be probed: it is not compiled from a source here")
    model = Model.of(graph)
    target = resolve_target(spec.kind.target)
    where = devices.find(spec)
    prepare_for_compiler()
    results = _Results([], [])
    with target:
        module = find_class(spec.source)(model.dims)
        _add_taps(module, results)
        exported, params = module.export_tvm({_ENTRY: entry_spec(module.contract, model.dims)})
        compiled = compile_module(exported, target)
        arrays = pack(module, spec.source, model.open(), [name for name, _ in params])
    with tempfile.TemporaryDirectory(prefix="kokoro-run-") as folder:
        path = Path(folder) / "probe.so"
        compiled.export_library(str(path))
        weights = manifest.weights_path(path)
        tensors = write_weights(weights, arrays)
        library = Library(path, _ENTRY, where, map_weights(weights, tensors, where))
        values = [value.array if isinstance(value, Remote) else value for value in library(list(given.values()))]
    outputs = len(spec.outputs)
    layers = zip(results.names, results.values, values[outputs:], strict=True)
    taps = [Tap.of(name, _select_valid(value, array, given)) for name, value, array in layers]
    return [*taps, *(Tap.of(port, array) for port, array in zip(spec.outputs, values[:outputs], strict=True))]


def _add_taps(module: Any, results: _Results) -> None:
    """Let every layer record its result, and the stage return all of these after its own outputs."""
    for name, layer in _list_layers(module):
        layer.forward = _record(name, layer.forward, results)
    forward = module.forward

    @functools.wraps(forward)
    def forward_with_taps(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        given = forward(*args, **kwargs)
        own = given if isinstance(given, tuple) else (given,)
        return (*own, *(value.data if isinstance(value, Signal) else value for value in results.values))

    setattr(module, _ENTRY, forward_with_taps)


def _record(name: str, forward: Callable[..., Any], results: _Results) -> Callable[..., Any]:
    def forward_and_record(*args: Any, **kwargs: Any) -> Any:
        value = forward(*args, **kwargs)
        results.add(name, value)
        return value

    return forward_and_record


def _list_layers(module: Any) -> Iterator[tuple[str, Any]]:
    """List the modules in a module that have a `forward`, by their dotted names."""
    for name, inside in vars(module).items():
        for path, layer in _list_modules(name, inside):
            yield from ((f"{path}.{below}", item) for below, item in _list_layers(layer))
            if inspect.ismethod(getattr(layer, "forward", None)):
                yield path, layer


def _list_modules(name: str, inside: object) -> Iterator[tuple[str, Any]]:
    """List a module, or the modules of a list, of any depth."""
    if isinstance(inside, nn.ModuleList):
        for number, item in enumerate(inside):
            yield from _list_modules(f"{name}.{number}", item)
    elif isinstance(inside, nn.Module):
        yield name, inside


def _select_valid(value: Any, array: Array, inputs: Mapping[str, Array]) -> Array:
    """Select the valid rows and channels; beyond them, memory is not written."""
    if not isinstance(value, Signal):
        return array
    length = inputs.get(value.axis.length._expr.name)
    rows = array.shape[0] if length is None else value.axis.rows.scale * int(length[0]) + value.axis.rows.extra
    return array[:rows, : value.channels]

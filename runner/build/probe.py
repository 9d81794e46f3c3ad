"""Looks inside a compiled stage: what each of its layers gives, to find where a NaN is born or a value runs away.

    stage's class --> every layer of its own also gives its result --> compiled aside --> run on given inputs --> Taps

The kernels are those of the stage's library, in the same order; but results are kept longer, so memory is planned anew.
Nothing is written to the build root. Like `build`, whose parts this uses, it imports TVM's compiler.
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

from runner.build.build import Model
from runner.build.export import entry_spec, find_class
from runner.build.passes import compile_module
from runner.build.targets import resolve_target
from runner.build.weights import pack, write_weights
from runner.errors import RunError
from runner.graph.device_kinds import load_device
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
    """What one layer gave.

    Attributes:
        name: of the layer, as in `generator.resblocks.3`; a second call of it is `#2`.
        shape: of its valid part: rows, channels.
        finite: share of values that are neither NaN nor infinite; mean, std and largest are of these.
    """

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    largest: float
    finite: float

    def table(self) -> dict[str, Any]:
        """As JSON: a figure that there is none of is null."""
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
class _Recorded:
    """Results of layers, in the order in which they are made."""

    names: list[str]
    values: list[Any]

    def note(self, name: str, value: Any) -> None:
        if isinstance(value, tuple | list):
            for number, item in enumerate(value):
                self.note(f"{name}.{number}", item)
        elif isinstance(value, Signal | nn.Tensor):
            count = sum(known.partition("#")[0] == name for known in self.names)
            self.names.append(name if not count else f"{name}#{count + 1}")
            self.values.append(value)


def probe(graph: Graph, stage: str, inputs: Mapping[str, Array]) -> list[Tap]:
    """Run the stage on `inputs`, by port, and tell what each layer gave, in the order of their ends.

    Raises:
        RunError: the stage is not compiled from a source of ours, or an input is not what its port takes.
        BuildError, WeightsError: as `build`.
    """
    spec = graph.stages[stage]
    sizes = Sizes(graph.dims)
    given = {port: sizes.take(f"{stage}.{port}", wire.type, inputs[port]) for port, wire in spec.inputs.items()}
    if spec.source is None:
        raise RunError(f"stage '{stage}' cannot be probed: it is not compiled from a source here")
    model = Model.of(graph)
    target = resolve_target(load_device(spec.device.partition(":")[0]).target)
    where = devices.find(spec.device)
    prepare_for_compiler()
    recorded = _Recorded([], [])
    with target:
        module = find_class(spec.source)(model.dims)
        _tap(module, recorded)
        exported, params = module.export_tvm({_ENTRY: entry_spec(module.contract, model.dims)})
        compiled = compile_module(exported, target)
        arrays = pack(module, spec.source, model.open(), [name for name, _ in params])
    with tempfile.TemporaryDirectory(prefix="kokoro-run-") as folder:
        path = Path(folder) / "probe.so"
        compiled.export_library(str(path))
        weights = manifest.weights_path(path)
        tensors = write_weights(weights, arrays)
        library = Library(path, _ENTRY, where, map_weights(weights, tensors, where))
        results = [value.array if isinstance(value, Remote) else value for value in library(list(given.values()))]
    outputs = len(spec.outputs)
    inside = zip(recorded.names, recorded.values, results[outputs:], strict=True)
    taps = [Tap.of(name, _valid(value, array, given)) for name, value, array in inside]
    return [*taps, *(Tap.of(port, array) for port, array in zip(spec.outputs, results[:outputs], strict=True))]


def _tap(module: Any, recorded: _Recorded) -> None:
    """Make every layer note what it gives, and the stage give all of that beside its own."""
    for name, layer in _layers(module):
        layer.forward = _noting(name, layer.forward, recorded)
    forward = module.forward

    @functools.wraps(forward)
    def tapped(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        given = forward(*args, **kwargs)
        own = given if isinstance(given, tuple) else (given,)
        return (*own, *(value.data if isinstance(value, Signal) else value for value in recorded.values))

    setattr(module, _ENTRY, tapped)


def _noting(name: str, forward: Callable[..., Any], recorded: _Recorded) -> Callable[..., Any]:
    def noting(*args: Any, **kwargs: Any) -> Any:
        value = forward(*args, **kwargs)
        recorded.note(name, value)
        return value

    return noting


def _layers(module: Any) -> Iterator[tuple[str, Any]]:
    """The modules inside a module that compute something, by their dotted names."""
    for name, inside in vars(module).items():
        for path, layer in _flat(name, inside):
            yield from ((f"{path}.{below}", item) for below, item in _layers(layer))
            if inspect.ismethod(getattr(layer, "forward", None)):
                yield path, layer


def _flat(name: str, inside: object) -> Iterator[tuple[str, Any]]:
    """A module, or those of a list of them, or of lists in lists."""
    if isinstance(inside, nn.ModuleList):
        for number, item in enumerate(inside):
            yield from _flat(f"{name}.{number}", item)
    elif isinstance(inside, nn.Module):
        yield name, inside


def _valid(value: Any, array: Array, inputs: Mapping[str, Array]) -> Array:
    """The rows of the utterance and the real channels: what lies beyond is whatever was in memory."""
    if not isinstance(value, Signal):
        return array
    length = inputs.get(value.axis.length._expr.name)
    rows = array.shape[0] if length is None else value.axis.rows.scale * int(length[0]) + value.axis.rows.extra
    return array[:rows, : value.channels]

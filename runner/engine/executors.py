"""What runs a stage: a function of Python, or an entry of a compiled library.

Both take their input ports as arrays and give their output ports as arrays; neither checks them, which is for `engine`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import mmap
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import RunError
from runner.graph.contracts import ContractError, find_stage
from runner.runtime import devices, tvm_runtime
from runner.runtime import manifest as manifests
from runner.runtime.compatibility import incompatibility
from runner.runtime.library import Library
from runner.runtime.manifest import Manifest
from runner.runtime.tensors import map_file, map_weights
from runner.runtime.threads import ForkSafeLock
from stages.contract import StageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from runner.graph.types import Graph, StageSpec
    from runner.runtime.values import Array, Remote


def executor(
    spec: StageSpec, graph: Graph, config: Mapping[str, Any], build_root: Path | None
) -> PythonStage | CompiledStage:
    """What runs `spec`: a dotted name is a function, a path is a library.

    Raises:
        RunError: config.json lacks a key that the stage takes.
    """
    if spec.entry is None:
        return PythonStage(spec, config)
    return CompiledStage(spec, spec.entry, graph, build_root)


class PythonStage:
    """A function that takes its input ports, and keys of the model's config, by keyword."""

    def __init__(self, spec: StageSpec, config: Mapping[str, Any]) -> None:
        self._spec = spec
        absent = [key for key in spec.config if key not in config]
        if absent:
            raise RunError(f"stage '{spec.name}' takes {', '.join(absent)} of the model's config.json, which has none")
        self._config = {key: config[key] for key in spec.config}

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """Run it on views that it cannot write to.

        Raises:
            RunError: there is no such stage; it refuses its input, fails, or gives other ports than it has.
        """
        try:
            function = find_function(self._spec.module)
            given = function(**{port: _read_only(value) for port, value in inputs.items()}, **self._config)
        except (StageError, RunError) as error:
            raise RunError(f"stage '{self._spec.name}': {error}") from error
        except (Exception, SystemExit) as error:  # the code is a user's, and may raise anything
            raise RunError(f"stage '{self._spec.name}': {_fault(error, self._spec.module)}") from error
        if not isinstance(given, dict):
            raise RunError(f"stage '{self._spec.name}' gave a {type(given).__name__}, not a dict of arrays by port")
        if given.keys() != self._spec.outputs.keys():
            there = ", ".join(map(str, given)) or "nothing"
            raise RunError(f"stage '{self._spec.name}' gave {there}; it has {', '.join(self._spec.outputs)}")
        return given


@functools.cache
def find_function(dotted: str) -> Callable[..., dict[str, Array]]:
    """The Python stage that a graph calls `dotted`.

    Raises:
        RunError: there is none.
    """
    try:
        found = find_stage(dotted)
    except ContractError as error:
        raise RunError(str(error)) from None
    function: Callable[..., dict[str, Array]] = getattr(importlib.import_module(found.module), found.name)
    return function


def _fault(error: BaseException, dotted: str) -> str:
    """What the code of a stage has raised, and the line of its file that it was at: `limit.py:7: KeyError: 'gain'`."""
    said = traceback.format_exception_only(error)[-1].strip()
    file = find_stage(dotted).path
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    if isinstance(error, SyntaxError) and error.filename == str(file):
        lines.append(error.lineno)
    return f"{file}:{lines[-1]}: {said}" if lines else f"{file}: {said}"


def _read_only(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


class CompiledStage:
    """An entry of a library, with the stage's weights; nothing is loaded before `load` or the first call.

    Attributes:
        path: the library.
    """

    def __init__(self, spec: StageSpec, entry: str, graph: Graph, build_root: Path | None) -> None:
        self._spec, self._entry, self._graph = spec, entry, graph
        self.path = devices.library_path(spec, graph.model.name, build_root)
        self._library: Library | None = None
        self._lock = ForkSafeLock()  # another thread may be loading it
        self._loaded: Manifest | None = None
        self._pages: mmap.mmap | None = None

    @property
    def loaded(self) -> Manifest | None:
        """The manifest of the library that is loaded; None before that, and of one made elsewhere."""
        return self._loaded

    @functools.cached_property
    def device(self) -> tvm_runtime.Device:
        """Where it runs, whether or not this machine has that device.

        Raises:
            SpecError: no configs/devices file describes its kind.
        """
        return devices.place(self._spec.device)

    def __call__(self, inputs: Mapping[str, Array | Remote]) -> dict[str, Array | Remote]:
        """Run it; what it gives stays on its device.

        Raises:
            RunError: as `load`; or the library refuses an input, or gives other results than the stage has ports.
        """
        results = self.load()(list(inputs.values()))
        if len(results) != len(self._spec.outputs):
            ports = ", ".join(self._spec.outputs)
            raise RunError(f"stage '{self._spec.name}': {self.path} gave {len(results)} results for the ports {ports}")
        return dict(zip(self._spec.outputs, results, strict=True))

    def load(self) -> Library:
        """The library, loaded at the first call.

        Raises:
            RunError: its device is absent; it is missing, damaged, for another CPU, TVM or graph, or lacks the entry.
        """
        with self._lock:
            if self._library is None:
                self._library = self._load()
            return self._library

    def can_load_later(self) -> bool:
        """Whether another thread may load it: it runs on the host, and its files are found to be what `load` asks for.
        False where that is not known before it is loaded, and where it has been.

        Raises:
            RunError: as `load`.
        """
        if self._library is not None or self.device != tvm_runtime.HOST:
            return False
        with self._remedied():
            return self._checked_manifest() is not None

    def rest(self) -> None:
        """Give the memory of the weights back to the system; a later call has them read from the file again."""
        if self._pages is not None:
            self._pages.madvise(mmap.MADV_DONTNEED)

    def _load(self) -> Library:
        with self._remedied():
            where = devices.find(self._spec.device)
            manifest = self._checked_manifest()
            if manifest is None:
                return self._foreign(Library(self.path, self._entry, where))
            self._loaded = manifest
            path = manifests.weights_path(self.path)
            self._pages = map_file(path) if manifest.tensors and where == tvm_runtime.HOST else None
            weights = map_weights(path, manifest.tensors, where, self._pages)
            return Library(self.path, self._entry, where, weights)

    def _checked_manifest(self) -> Manifest | None:
        """As `_manifest`, of a library that can be run here and is what the graph takes it for."""
        manifest = self._manifest()
        fault = manifest and (incompatibility(self.path, manifest) or self._misfit(manifest))
        if fault is not None:
            raise RunError(fault)
        return manifest

    @contextlib.contextmanager
    def _remedied(self) -> Iterator[None]:
        """Errors name the stage, and the command that mends it."""
        try:
            yield
        except RunError as error:
            built = f"build it with: kokoro-run build {self._graph.path}"
            remedy = built if self._spec.source else "the graph names no source to build it from"
            raise RunError(f"stage '{self._spec.name}': {error}; {remedy}") from error

    def _manifest(self) -> Manifest | None:
        """What is known of the library; None of one that was made elsewhere."""
        path = manifests.manifest_path(self.path)
        if not self.path.is_file():
            raise RunError(f"library {self.path} is missing")
        if path.is_file():
            return Manifest.read(path)
        if self._spec.source is not None:
            raise RunError(f"library {self.path} has no manifest {path.name}: its build did not end")
        return None

    def _foreign(self, library: Library) -> Library:
        """A library that was made elsewhere, if it takes as many inputs as the graph gives it."""
        taken, given = library.parameters, list(self._spec.inputs)
        if len(taken) == len(given):
            return library
        fact = f"library {self.path}: {self._entry} takes {len(taken)} inputs ({', '.join(taken)}), the graph gives it "
        fact += f"{len(given)} ({', '.join(given)})"
        if len(taken) == len(given) + 1:
            beside = f"{manifests.manifest_path(self.path).name} and {manifests.weights_path(self.path).name}"
            fact += f"; if `build` made it, it needs {beside} beside it"
        raise RunError(fact)

    def _misfit(self, manifest: Manifest) -> str | None:
        """Why the library is not what the graph takes it for."""
        if manifest.entry != self._entry:
            return f"library {self.path} has no entry '{self._entry}', but '{manifest.entry}'"
        inputs = {name: str(source.type) for name, source in self._spec.inputs.items()}
        outputs = {name: str(type_) for name, type_ in self._spec.outputs.items()}
        for built, asked in ((manifest.inputs, inputs), (manifest.outputs, outputs)):
            if list(built.items()) != list(asked.items()):
                return f"library {self.path} has the ports ({_spell(built)}), the graph says ({_spell(asked)})"
        pinned = self._graph.model.sha256
        if pinned is not None and self._spec.source is not None and manifest.checkpoint != pinned:
            found = f"a checkpoint of sha256 {manifest.checkpoint}"
            return f"library {self.path} was built from {found}, the model says {pinned}"
        for name, size in manifest.dims.items():
            bound = self._graph.dims.get(name)
            if bound is not None and bound.max != size:
                return f"library {self.path} was built for {name} = {size}, the graph says {bound.max}"
        return None


def _spell(ports: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {type_}" for name, type_ in ports.items())

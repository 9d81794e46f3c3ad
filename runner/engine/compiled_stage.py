"""Runs a stage that is an entry of a compiled library."""

from __future__ import annotations

import contextlib
import functools
import mmap
from typing import TYPE_CHECKING, Any

from runner.engine.python_stage import changed_code
from runner.errors import RunError
from runner.runtime import devices, tvm_runtime
from runner.runtime import manifest as manifests
from runner.runtime.compatibility import find_incompatibility
from runner.runtime.library import Library
from runner.runtime.manifest import Manifest
from runner.runtime.tensors import map_file, map_weights
from runner.runtime.threads import ForkSafeLock, use_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from runner.cache.digest import Memo
    from runner.graph.types import Graph, StageSpec
    from runner.runtime.values import Array, Remote, Sizes


class CompiledStage:
    """An entry of a library, with the stage's weights; nothing is loaded before `load` or the first call.

    Attributes:
        library: its file.
    """

    def __init__(self, spec: StageSpec, entry: str, graph: Graph, build_root: Path | None) -> None:
        self._spec, self._entry, self._graph = spec, entry, graph
        self.library = devices.library_path(spec, graph.model_name, build_root)
        self._loaded_library: Library | None = None
        self._lock = ForkSafeLock()  # another thread may be loading it
        self._manifest: Manifest | None = None
        self._pages: mmap.mmap | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the library has been loaded."""
        return self._loaded_library is not None

    @functools.cached_property
    def device(self) -> tvm_runtime.Device:
        """Where it runs, whether or not this machine has that device."""
        return devices.place(self._spec)

    def __call__(
        self,
        inputs: Mapping[str, Array | Remote],
        sizes: Sizes,  # noqa: ARG002
        threads: int,
        most: int,
    ) -> dict[str, Array | Remote]:
        """Run the entry; its outputs stay on its device. See `Executor`.

        Raises:
            RunError: as `load`; or the library refuses an input, or gives other results than the stage has ports.
        """
        use_threads(threads, most)
        results = self.load()(list(inputs.values()))
        if len(results) != len(self._spec.outputs):
            ports = ", ".join(self._spec.outputs)
            raise RunError(
                f"stage '{self._spec.name}': {self.library} gave {len(results)} results for the ports {ports}"
            )
        return dict(zip(self._spec.outputs, results, strict=True))

    def load(self) -> Library:
        """Load the library at the first call, and return it.

        Raises:
            RunError: its device is absent; it is missing, damaged, for another CPU, TVM or graph, or lacks the entry.
        """
        with self._lock:
            if self._loaded_library is None:
                self._loaded_library = self._load()
            return self._loaded_library

    def can_load_later(self) -> bool:
        """Whether another thread may load it: it runs on the host, and its files were checked to be what `load` needs.

        False where they cannot be checked before loading, and where the library is loaded already.

        Raises:
            RunError: as `load`.
        """
        if self._loaded_library is not None or self.device != tvm_runtime.HOST:
            return False
        with self._add_fix_to_errors():
            return self._checked_manifest() is not None

    def release_weights(self) -> None:
        """Give the memory of the weights back to the system; a later call reads them from the file again."""
        if self._pages is not None:
            self._pages.madvise(mmap.MADV_DONTNEED)

    def weight_bytes(self) -> int:
        path = manifests.manifest_path(self.library)
        return Manifest.read(path).weights.size if path.is_file() else 0

    def describe_code(self) -> str:
        return ""

    def check_code(self, identity: Mapping[str, Any], memo: Memo) -> None:
        self.load()
        manifest = self._manifest
        code = memo.file(self.library) if manifest is None else manifest.library.sha256
        weights = None if manifest is None else manifest.weights.sha256
        if identity["code"] != {self.library.name: code} or identity["weights"] != weights:
            raise changed_code(self._spec.name, self.library)

    def _load(self) -> Library:
        with self._add_fix_to_errors():
            where = devices.find(self._spec)
            manifest = self._checked_manifest()
            if manifest is None:
                return self._check_arity(Library(self.library, self._entry, where))
            self._manifest = manifest
            path = manifests.weights_path(self.library)
            self._pages = map_file(path) if manifest.tensors and where == tvm_runtime.HOST else None
            weights = map_weights(path, manifest.tensors, where, self._pages)
            return Library(self.library, self._entry, where, weights)

    def _checked_manifest(self) -> Manifest | None:
        """Read the manifest and check that the library can run here and fits the graph."""
        manifest = self._read_manifest()
        fault = manifest and (find_incompatibility(self.library, manifest) or self._misfit(manifest))
        if fault is not None:
            raise RunError(fault)
        return manifest

    @contextlib.contextmanager
    def _add_fix_to_errors(self) -> Iterator[None]:
        """Add the stage, and the command that builds its library, to errors."""
        try:
            yield
        except RunError as error:
            build = f"build it with: kokoro-run build {self._graph.path}"
            hint = build if self._spec.source else "the graph names no source to build it from"
            raise RunError(f"stage '{self._spec.name}': {error}; {hint}") from error

    def _read_manifest(self) -> Manifest | None:
        """Read the manifest; None for a library that was made elsewhere."""
        path = manifests.manifest_path(self.library)
        if not self.library.is_file():
            raise RunError(f"library {self.library} is missing")
        if path.is_file():
            return Manifest.read(path)
        if self._spec.source is not None:
            raise RunError(f"library {self.library} has no manifest {path.name}: its build did not end")
        return None

    def _check_arity(self, library: Library) -> Library:
        """Check that a library made elsewhere takes as many inputs as the graph gives it."""
        taken, given = library.parameters, list(self._spec.inputs)
        if len(taken) == len(given):
            return library
        fact = (
            f"library {self.library}: {self._entry} takes {len(taken)} inputs ({', '.join(taken)}), the graph gives it "
        )
        fact += f"{len(given)} ({', '.join(given)})"
        if len(taken) == len(given) + 1:
            beside = f"{manifests.manifest_path(self.library).name} and {manifests.weights_path(self.library).name}"
            fact += f"; if `build` made it, it needs {beside} beside it"
        raise RunError(fact)

    def _misfit(self, manifest: Manifest) -> str | None:
        """Why the library is not what the graph takes it for."""
        if manifest.entry != self._entry:
            return f"library {self.library} has no entry '{self._entry}', but '{manifest.entry}'"
        inputs = {name: self._spec.spell_formal(source.type) for name, source in self._spec.inputs.items()}
        outputs = {name: self._spec.spell_formal(type_) for name, type_ in self._spec.outputs.items()}
        for built, asked in ((manifest.inputs, inputs), (manifest.outputs, outputs)):
            if list(built.items()) != list(asked.items()):
                return f"library {self.library} has the ports ({_spell(built)}), the graph says ({_spell(asked)})"
        pinned = None if self._graph.model is None or not self._spec.weights else self._graph.model.sha256
        if pinned is not None and manifest.checkpoint != pinned:
            found = f"a checkpoint of sha256 {manifest.checkpoint}"
            return f"library {self.library} was built from {found}, the model says {pinned}"
        for name, size in manifest.dims.items():
            bound = self._graph.dims.get(name)
            if bound is not None and bound.max != size:
                return f"library {self.library} was built for {name} = {size}, the graph says {bound.max}"
        return None


def _spell(ports: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {type_}" for name, type_ in ports.items())

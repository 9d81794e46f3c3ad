"""Finds the source files that a library is made from: the stage's, those that it imports, and the builder's.

    stages/NAME.py, stages/families.py --import statements--> every `stages` module that they import, also indirectly
    `files` of the stage's contract    --> tables and weights of its own
    BUILDER                            --> the modules of the runner that decide the bytes of a library

Files are named as a manifest names them: `stages/bert.py`, `runner/build/export.py`. The files of a stage of another
package, and of one beside a graph, are named from the folder of the stage's own file.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import stages
from runner.cache.digest import list_files
from runner.errors import BuildError, RunError
from runner.files.digest import file_sha256
from runner.files.errors import reading
from runner.graph.contracts import (
    ContractError,
    find_data_files,
    find_stage,
    is_stage_file,
    parse_source,
    read_contract,
)
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest

_RUNNER = Path(__file__).parents[1]
BUILDER = (
    "build/export.py",
    "build/linker.py",
    "build/model.py",
    "build/passes.py",
    "build/reuse.py",
    "build/stage_build.py",
    "build/targets.py",
    "build/weights.py",
    "graph/model_config.py",
    "model/checkpoint.py",
    "model/onnx_blocks.py",
    "model/onnx_constants.py",
    "model/onnx_export.py",
    "model/onnx_graph.py",
    "model/onnx_integer.py",
    "model/onnx_lstm.py",
    "model/onnx_paths.py",
    "model/onnx_quantised.py",
    "model/onnx_tensor.py",
    "model/safetensors.py",
    "model/torch_zip.py",
    "model/weight_norm.py",
    "runtime/amx.py",
    "runtime/devices.py",
    "runtime/machine.py",
    "runtime/manifest.py",
    "runtime/process.py",
    "runtime/sysctl.py",
)
"""The modules of the runner that decide the bytes of a library, of its weights or of its manifest."""
_BUILDER_FILES = {f"runner/{name}": _RUNNER / name for name in BUILDER}
_PACKAGES = ("stages", "runner")
_OPS = "stages.ops"  # imports all kernels and operators; a stage depends on those that it calls
_FAMILIES = "families.py"  # decides the tensors of a checkpoint and the sizes of a model


def unchanged_sources(library: Path, source: str, digest: Callable[[str], str]) -> dict[str, str] | None:
    """Read the sources from the library's manifest; None if it was made from another stage, or if one has changed.

    If no source has changed, neither have their imports. Digesting them takes 2 ms; parsing them, to find the imports,
    takes some hundreds.

    Args:
        digest: `digest_source`, which may be cached.
    """
    try:
        manifest = Manifest.read(manifests.manifest_path(library))
        known = manifest.sources if spell_source(manifest.source) == spell_source(source) else {}
        paths = list_paths(source, known)
        unchanged = all(
            (digest(name) if name.partition("/")[0] in _PACKAGES else file_sha256(paths[name])) == sha256
            for name, sha256 in known.items()
        )
    except (RunError, OSError, ContractError):
        return None
    return known if unchanged and known.keys() >= set(_BUILDER_FILES) else None


def spell_source(source: str) -> str:
    """Spell the source of a library without a path of this machine: a file beside a graph is `./NAME.py`."""
    return f"./{os.path.basename(source)}" if is_stage_file(source) else source  # noqa: PTH119 - `FILE.py:NAME` is no path


def list_changed(manifest: Manifest, digest: Callable[[str], str]) -> list[str]:
    """List the sources of a library that are others here, or not here.

    Those beside a graph are not looked at, for which the graph would have to be known.

    Args:
        digest: `digest_source`, which may be cached.
    """
    own = {name for name in manifest.sources if name.partition("/")[0] in _PACKAGES}
    changed = sorted(set(_BUILDER_FILES) - own)
    for name in sorted(own):
        try:
            same = digest(name) == manifest.sources[name]
        except OSError:
            same = False
        changed += [] if same else [name]
    return changed


def digest_source(name: str) -> str:
    """Compute the sha256 of the file of `stages` or `runner` that a manifest calls `name`.

    Raises:
        OSError: it cannot be read.
    """
    return file_sha256(_find_own(name))


def list_paths(source: str, names: Iterable[str]) -> dict[str, Path]:
    """List the files that a manifest of the stage `source` calls `names`."""
    folder = find_stage(source).path.parent
    return {name: _find_own(name) if name.partition("/")[0] in _PACKAGES else folder / name for name in names}


def _find_own(name: str) -> Path:
    package, _, rest = name.partition("/")
    return {"stages": _stages_folder(), "runner": _RUNNER}[package] / rest


def find_sources(source: str) -> dict[str, str]:
    """Find the files that the library of the stage `source` is made from: name -> sha256.

    Raises:
        BuildError: one cannot be read.
    """
    folder, seen = _stages_folder(), set[Path]()
    stage_file = find_stage(source)
    first, data = stage_file.path, find_data_files(stage_file, read_contract(source).files)
    own = [] if first.is_relative_to(folder) else [p for p in list_files(source) if not p.is_relative_to(folder)]
    starts = [first, *own, folder / _FAMILIES]
    files = {path for start in starts for path in _list_imported(start, seen)} | set(data)
    named = {f"stages/{path.relative_to(folder).as_posix()}": path for path in files if path.is_relative_to(folder)}
    named |= {os.path.relpath(path, first.parent): path for path in files if not path.is_relative_to(folder)}
    named |= _BUILDER_FILES
    return {name: digest_file(path) for name, path in sorted(named.items())}


def _stages_folder() -> Path:
    return Path(stages.__path__[0])


def _list_imported(path: Path, seen: set[Path]) -> Iterator[Path]:
    """List a file and the files of `stages` that it imports, also indirectly.

    Of the table of computations, only those that the file calls are followed.
    """
    if path in seen:
        return
    seen.add(path)
    yield path
    tree = parse_source(path.read_bytes(), path)
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for found in filter(None, map(_module_file, names)):
            yield from _list_called(tree, found, seen) if found == _module_file(_OPS) else _list_imported(found, seen)


def _list_called(tree: ast.Module, table: Path, seen: set[Path]) -> Iterator[Path]:
    """List the table of computations, and the files of the computations that `tree` calls as `ops.NAME`."""
    yield table
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    called = {node.attr for node in attributes if ast.unparse(node.value) == "ops"}
    for node in parse_source(table.read_bytes(), table).body:
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in called:
            parts = [ast.unparse(part) for part in ast.walk(node.value) if isinstance(part, ast.Attribute)]
            names = [f"stages.{part}" for part in parts]  # kernels.MODULE, and kernels.MODULE.FUNCTION
        for found in filter(None, map(_module_file, names)):
            yield from _list_imported(found, seen)


def _module_file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] != "stages":
        return None
    base = _stages_folder().joinpath(*parts[1:])
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def digest_file(*parts: Path) -> str:
    """Compute the sha256 of a file, which may be cut into parts.

    Raises:
        BuildError: it cannot be read.
    """
    with reading(parts[0], BuildError):
        return file_sha256(*parts)

"""The source files that a compiled stage is made from: its own, those that it imports, and the builder's.

    stages/NAME.py, stages/families.py --import statements--> every `stages` module they import, however far
    BUILDER                            --> the modules of the runner that decide a byte of what is built

Files are named as a manifest names them: `stages/bert.py`, `runner/build/export.py`. A stage of another package has the
name of its file alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import stages
from runner.errors import BuildError, RunError
from runner.files.digest import file_sha256
from runner.files.errors import reading
from runner.graph.contracts import find_stage
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest

_RUNNER = Path(__file__).parents[1]
BUILDER = (
    "build/build.py",
    "build/export.py",
    "build/passes.py",
    "build/targets.py",
    "build/weights.py",
    "graph/model_config.py",
    "model/checkpoint.py",
    "model/safetensors.py",
    "model/torch_zip.py",
    "runtime/amx.py",
    "runtime/devices.py",
    "runtime/manifest.py",
    "runtime/process.py",
)
"""The modules of the runner that decide a byte of a library, of its weights or of its manifest."""
_BUILDER_FILES = {f"runner/{name}": _RUNNER / name for name in BUILDER}
_OPS = "stages.ops"  # imports all kernels and operators; a stage depends on those that it calls
_FAMILIES = "families.py"  # of stages: which tensors a checkpoint has, and the sizes of a model


def unchanged_sources(library: Path, source: str, digest: Callable[[str], str]) -> dict[str, str] | None:
    """Read the sources from the library's manifest, if it was made from `source` and each is as it was: then their
    imports are too. None if not.

    Digesting them takes 2 ms, parsing them to find those imports some hundreds.

    Args:
        digest: gives the sha256 of a file by its name (`digest_source`); it may remember it.
    """
    try:
        manifest = Manifest.read(manifests.manifest_path(library))
        known = manifest.sources if manifest.source == source else {}
        unchanged = all(digest(name) == sha256 for name, sha256 in known.items())
    except (RunError, OSError):
        return None
    return known if unchanged and known.keys() >= set(_BUILDER_FILES) else None


def digest_source(name: str) -> str:
    """Digest the file that a manifest calls `name`.

    Raises:
        OSError: it cannot be read.
    """
    package, _, rest = name.partition("/")
    folder = {"stages": _stages_folder(), "runner": _RUNNER}.get(package)
    return file_sha256(folder / rest if folder is not None and rest else Path(name))


def find_sources(source: str) -> dict[str, str]:
    """Find the files that the stage `source` is made from, and digest each: name -> sha256.

    Raises:
        BuildError: one cannot be read.
    """
    folder, seen = _stages_folder(), set[Path]()
    files = {*_imported(find_stage(source).path, seen), *_imported(folder / _FAMILIES, seen)}
    named = {f"stages/{path.relative_to(folder).as_posix()}": path for path in files if path.is_relative_to(folder)}
    named |= {path.name: path for path in files if not path.is_relative_to(folder)}
    named |= _BUILDER_FILES
    return {name: _digest(path) for name, path in sorted(named.items())}


def _stages_folder() -> Path:
    return Path(stages.__path__[0])


def _imported(path: Path, seen: set[Path]) -> Iterator[Path]:
    """The file and, below it, those that its import statements name within the package.

    Of the table of computations, these are the computations that the file calls.
    """
    if path in seen:
        return
    seen.add(path)
    yield path
    tree = ast.parse(path.read_bytes(), str(path))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for found in filter(None, map(_module_file, names)):
            yield from _called(tree, found, seen) if found == _module_file(_OPS) else _imported(found, seen)


def _called(tree: ast.Module, table: Path, seen: set[Path]) -> Iterator[Path]:
    """The table of computations, and the files of each computation that `tree` calls as `ops.NAME`."""
    yield table
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    called = {node.attr for node in attributes if ast.unparse(node.value) == "ops"}
    for node in ast.parse(table.read_bytes(), str(table)).body:
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in called:
            parts = [ast.unparse(part) for part in ast.walk(node.value) if isinstance(part, ast.Attribute)]
            names = [f"stages.{part}" for part in parts]  # kernels.MODULE, and kernels.MODULE.FUNCTION
        for found in filter(None, map(_module_file, names)):
            yield from _imported(found, seen)


def _module_file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] != "stages":
        return None
    base = _stages_folder().joinpath(*parts[1:])
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _digest(path: Path) -> str:
    with reading(path, BuildError):
        return file_sha256(path)

"""Imports the function or the class of a stage.

A file beside a graph imports modules of its own folder as a script does: `import tables`. They are imported into a
package of that folder, so that two graphs may each have a `tables.py`:

    limit.py: import tables  -->  kokoro_run_folder_3f9a...c1.tables

Only code of the folder sees these names, also where it imports while it runs. Its code is compiled at each start: the
bytecode that Python keeps may be older than the file that the cache key was made from.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import re
import sys
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from runner.graph.contracts import find_stage, list_own_modules, read_stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_PACKAGE = "kokoro_run_folder_"
_PRIVATE = re.compile(rf"{_PACKAGE}[0-9a-f]+\.")


def import_definition(name: str) -> object:
    """Import the function or class under `@stage` that a graph calls `name`; what its code raises passes.

    Raises:
        ContractError: no stage has that name.
    """
    file = find_stage(name)
    module = importlib.import_module(file.module or _finder.add(file.path))
    return getattr(module, read_stage(name).definition)


def spell_modules(message: str) -> str:
    """Spell the modules of a folder in a message as its code does."""
    return _PRIVATE.sub("", message)


class _FolderFinder:
    """Finds the modules of the folders that have stages; Python asks it for every module that it imports."""

    def __init__(self) -> None:
        self._paths: dict[str, Path] = {}  # module -> file of a stage; package -> its folder

    def add(self, path: Path) -> str:
        """Name the module of a stage's file, which can then be imported."""
        package = f"{_PACKAGE}{_digest(bytes(path.parent))}"
        name = f"{package}.{path.stem if path.stem.isidentifier() else f'file_{_digest(bytes(path))}'}"
        self._paths |= {package: path.parent, name: path}
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        if name not in sys.modules:
            importlib.invalidate_caches()
        return name

    def find_spec(self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(_PACKAGE):
            return None
        if path is None:
            return _make_package(name, self._paths[name])
        file = self._paths.get(name)
        spec = PathFinder.find_spec(name, path) if file is None else spec_from_file_location(name, file)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            package = name.partition(".")[0]
            spec.loader = _FolderLoader(name, spec.loader.path, package, list_own_modules(self._paths[package]))
        return spec


class _FolderLoader(SourceFileLoader):
    """Loads a module whose import statements find the modules of its folder."""

    def __init__(self, name: str, path: str, package: str, own: set[str]) -> None:
        super().__init__(name, path)
        self._import = partial(_import, package, own)

    def path_stats(self, path: object) -> NoReturn:
        """Keep Python from reading and writing bytecode."""
        raise OSError(path)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": self._import}
        super().exec_module(module)


def _make_package(name: str, folder: Path) -> ModuleSpec:
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


def _import(
    package: str,
    own: set[str],
    name: str,
    globals_: dict[str, object] | None = None,
    locals_: dict[str, object] | None = None,
    names: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Import as `__import__` does, the modules `own` from `package`."""
    first = name.partition(".")[0]
    if level or first not in own:
        return builtins.__import__(name, globals_, locals_, names or (), level)
    found = builtins.__import__(f"{package}.{name}", globals_, locals_, names or (), 0)
    return found if names else sys.modules[f"{package}.{first}"]


def _digest(path: bytes) -> str:
    return hashlib.sha256(path).hexdigest()[:16]


_finder = _FolderFinder()

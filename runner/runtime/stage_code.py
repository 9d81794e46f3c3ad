"""Imports the function or the class of a stage.

A file beside a graph imports modules of its own folder as a script does: `import tables`. They are imported under that
name while the file is being imported, and are no modules of the process afterwards, so that two graphs may each have a
`tables.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from runner.graph.contracts import find_stage, list_own_modules, read_stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_lock = threading.RLock()


def import_definition(name: str) -> object:
    """Import the function or class under `@stage` that a graph calls `name`; what its code raises passes.

    Raises:
        ContractError: no stage has that name.
    """
    file = find_stage(name)
    module = importlib.import_module(file.module) if file.module else _import_file(file.path)
    return getattr(module, read_stage(name).definition)


def _import_file(path: Path) -> ModuleType:
    """Import a file beside a graph; once, also if it has several stages."""
    name = f"kokoro_run_file_{hashlib.sha256(bytes(path)).hexdigest()[:16]}_{path.stem}"
    with _lock:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None  # of a file that ends in .py
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with _importing_from(path.parent):
            sys.modules[name] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        return module


@contextlib.contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Import modules of `folder` under their plain names, and forget these names afterwards."""
    own = list_own_modules(folder)
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in own}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in list(sys.modules):
            if name.partition(".")[0] in own:
                del sys.modules[name]
        sys.modules.update(hidden)

"""Makes a bundle of a graph whose libraries are built."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.bundle.description import describe
from runner.bundle.folder import check_folder, write_folder
from runner.bundle.launcher import make_launcher
from runner.bundle.layout import DESCRIPTION, Entry
from runner.bundle.own_code import list_own_code
from runner.bundle.packages import list_packages
from runner.bundle.portable import check_portable, list_graph, list_voices
from runner.bundle.system_libraries import list_system_libraries
from runner.errors import RunError
from runner.runtime import tvm_runtime

if TYPE_CHECKING:
    from runner.graph.types import Graph


def check_bundle(graph: Graph, folder: Path, build_root: Path | None = None) -> None:
    """Check, before anything is built, that a bundle of the graph can be made into a folder.

    Raises:
        RunError: the graph or the folder is refused, or libraries are built in it; or this is not Linux on CPython.
    """
    if sys.platform != "linux" or sys.implementation.name != "cpython":
        raise RunError(f"a bundle is made by CPython on Linux, this is {sys.implementation.name} on {sys.platform}")
    check_portable(graph)
    if build_root is not None and build_root.resolve().is_relative_to(folder.resolve()):
        raise RunError(f"{build_root}: libraries would be built in the bundle {folder}; give another --build-dir")
    check_folder(folder)


def make_bundle(graph: Graph, folder: Path, build_root: Path | None = None, voices: Sequence[str] = ()) -> int:
    """Make a bundle; gives its size in bytes.

    Args:
        folder: missing, empty, or an earlier bundle, which is replaced.
        build_root: the build root; None for the default one.
        voices: names of the voices to carry; none for all of the model that are on this machine.

    Raises:
        RunError: as `check_bundle`; a library is missing, or a file cannot be read or written.
        WeightsError: a voice is not there, or not one of this model.
    """
    check_bundle(graph, folder, build_root)
    carried = list_voices(graph, voices)
    functions = [spec.module for spec in graph.stages.values() if not spec.is_library]
    entries = [
        make_launcher(),
        *list_graph(graph, build_root, carried),
        Entry(DESCRIPTION, describe(graph, build_root, carried).encode()),
        *list_own_code(functions),
        *list_packages(),
        *list_system_libraries(),
    ]
    about = {
        "graph": graph.name,
        "model": graph.model_name,
        "python": sys.implementation.cache_tag,
        "machine": os.uname().machine,
        "tvm": tvm_runtime.version(),
    }
    return write_folder(folder, entries, about)

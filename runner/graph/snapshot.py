"""Keeps checked graphs in the cache. A graph that has been checked once is loaded again in a millisecond, without
pydantic and YAML.

    <cache>/graphs/<key>.json    key: digest of the arguments, the working directory and the code that reads graphs
                                 texts: file -> sha256 of every file that was read; each must be unchanged
                                 graph: the checked graph

A snapshot is not written for a graph with a mistake, for one with a stage of another package, and while a file of the
graph has changed within the last two seconds: it may change again without a change of its times. Nor is one written or
looked for of a pipe, which can be read once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stages
from runner.files import atomic
from runner.files.locate import find_file, is_pipe
from runner.graph.contracts import is_stage_file, split_stage_file
from runner.graph.device_kinds import find_device_files, list_graph_files
from runner.graph.serialize import from_fields, to_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.graph.types import Graph

FORMAT = 3
_FRESH_NS = 2_000_000_000
_OWN_STAGES = "stages."


def load_graph(graph: str, overlays: Sequence[str], sets: Sequence[str], folder: Path | None) -> Graph:
    """Load a graph from its snapshot in `folder` if that is still valid, else as `load.load_graph` does.

    Args:
        folder: folder of snapshots; None for none.

    Raises:
        SpecError, GraphError: as `load.load_graph`.
    """
    files = [find_file(graph, "graphs"), *(find_file(overlay, "configs") for overlay in overlays)]
    if folder is None or any(map(is_pipe, files)):
        return _read_graph(graph, overlays, sets)
    code, newest = _identify_code()
    asked = [FORMAT, code, str(Path.cwd()), graph, list(overlays), list(sets), [str(file) for file in files]]
    path = folder / f"{hashlib.sha256(json.dumps(asked).encode()).hexdigest()}.json"
    snapshot = _restore(path)
    if snapshot is not None:
        return snapshot
    started = time.time_ns()
    checked = _read_graph(graph, overlays, sets)
    texts = _list_files(checked, files)
    if texts is not None and max(newest, *map(_last_change, texts)) < started - _FRESH_NS:
        _store(path, checked, texts)
    return checked


def _read_graph(graph: str, overlays: Sequence[str], sets: Sequence[str]) -> Graph:
    from runner.graph.load import load_graph as read  # noqa: PLC0415 - imports pydantic and YAML

    return read(graph, overlays, sets)


def _identify_code() -> tuple[list[Any], int]:
    """Identify the code that reads graphs: the state of each of its files, and the time of the last change [ns]."""
    contract = Path(stages.__path__[0])
    here = Path(__file__).parent
    own = [*sorted(here.glob("*.py")), *sorted((here.parent / "files").glob("*.py")), here.parent / "errors.py"]
    own += [contract / "contract.py", contract / "dims.py", contract / "families.py"]
    found = (importlib.util.find_spec(name) for name in ("pydantic", "yaml"))
    files = [*own, *(Path(spec.origin) for spec in found if spec is not None and spec.origin is not None)]
    states = [(str(file), os.stat(file)) for file in files]  # noqa: PTH116 - Path.stat() calls it
    stamps = [[name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in states]
    return [sys.version, stamps], max(max(s.st_mtime_ns, s.st_ctime_ns) for _, s in states)


def _list_files(graph: Graph, files: Iterable[Path]) -> list[Path] | None:
    """List every file that `graph` depends on; None if they cannot be known."""
    named = [spec.source or spec.module for spec in graph.stages.values() if spec.source or not spec.is_library]
    beside = [Path(split_stage_file(name)[0]) for name in named if is_stage_file(name)]
    packaged = [name for name in named if not is_stage_file(name)]
    if not all(name.startswith(_OWN_STAGES) for name in packaged):
        return None  # the target of an entry point changes with the packages that are installed
    own = Path(stages.__path__[0])
    sources = [*beside, *(own / f"{name.removeprefix(_OWN_STAGES)}.py" for name in packaged)]
    sources += [path.absolute() for path in list_graph_files(graph.tree)]
    devices = list(_find_kinds(graph).values())
    name = graph.tree.get("model", "name")
    model = [] if name is None or not name.origin.line else [Path(name.origin.file).absolute()]
    config = [] if graph.model is None else [graph.model.config]
    return list(dict.fromkeys([*files, *model, *config, *devices, *sources]))


def _find_kinds(graph: Graph) -> dict[str, Path]:
    """Find the files of the device kinds of all roles: kind -> file."""
    files = find_device_files(list_graph_files(graph.tree))
    kinds = {device.partition(":")[0] for device in graph.devices.values()}
    return {kind: files[kind] for kind in kinds if kind in files}


def _is_hidden(graph: Graph) -> bool:
    """Whether a file beside a graph now hides the packaged graph that it extended."""
    files = list_graph_files(graph.tree)
    return any(
        beside != path.resolve() and beside.is_file()
        for folder, path in zip((file.parent for file in files), files[1:], strict=False)
        for beside in ((folder / path.name).resolve(), (folder / path.stem).resolve())
    )


def _last_change(path: Path) -> int:
    status = path.stat()
    return max(status.st_mtime_ns, status.st_ctime_ns)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _store(path: Path, graph: Graph, texts: Iterable[Path]) -> None:
    fields = {"texts": {str(file): _digest(file) for file in texts}, "graph": to_fields(graph)}
    text = json.dumps(fields)
    try:
        atomic.write(path, [f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}".encode()])
    except OSError:
        return  # a read-only cache: the graph is checked again next time


def _restore(path: Path) -> Graph | None:
    try:
        sha256, _, text = path.read_bytes().partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() != sha256:
            return None
        fields = json.loads(text)
        if any(_digest(Path(file)) != digest for file, digest in fields["texts"].items()):
            return None
    except (OSError, ValueError):
        return None
    graph = from_fields(fields["graph"])
    hidden = not {str(path) for path in _find_kinds(graph).values()} <= fields["texts"].keys() or _is_hidden(graph)
    return None if hidden else graph

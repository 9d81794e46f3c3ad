"""Loads the graph of a recorded run again, and lists what differs between that run and now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cache import keys
from runner.files.locate import display_path
from runner.graph.load import reload_graph
from runner.graph.yaml_node import from_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.engine.record import RunRecord
    from runner.graph.types import Graph


def graph_of(record: RunRecord, overlays: Sequence[str] = (), sets: Sequence[str] = ()) -> Graph:
    """Load the graph of a run, its parameters as they were, under `overlays` and `sets`; check it against today's code.

    Raises:
        SpecError, GraphError: it does not fit; values of the run are named by where they were written then.
    """
    params: dict[str, Any] = record.graph_runs[0].params if record.graph_runs else {}
    folder = Path(record.asked["folder"])
    tree = from_rows([_absolute(row, folder) for row in record.graph["tree"]])
    return reload_graph(folder / record.graph["path"], tree, params, f"run {record.id}", overlays, sets)


def _absolute(row: Sequence[Any], folder: Path) -> list[Any]:
    """A row of a graph's tree, its files absolute: a message shows the line of the file that was read then."""
    path, value, origin, key, base, verbatim = row
    places = [
        place and [display_path(folder / place[0]) if place[1] else place[0], *place[1:]] for place in (origin, key)
    ]
    return [path, value, *places, str(folder / base), verbatim]


def differences(
    record: RunRecord, identities: Mapping[str, Mapping[str, Any]], versions: Mapping[str, str]
) -> list[str]:
    """List what differs from the run beside the graph: code, libraries, weights, devices, versions."""
    found = [
        f"{name} {record.versions.get(name, 'none')} -> {version}"
        for name, version in versions.items()
        if record.versions.get(name) != version
    ]
    for stage, identity in identities.items():
        before = record.identities.get(stage)
        if before is None:
            found.append(f"{stage}: was not part of that run")
        elif dict(before) != dict(identity):
            found.append(f"{stage}: {keys.describe_difference(before, identity)}")
    return found

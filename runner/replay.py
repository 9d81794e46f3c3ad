"""A run again, from its record: the graph as it was, with what is laid over it now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import keys
from runner.graph import reload_graph
from runner.node import from_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.graph_types import Graph
    from runner.record import RunRecord


def graph_of(record: RunRecord, overlays: Sequence[str] = (), sets: Sequence[str] = ()) -> Graph:
    """The graph of a run, its parameters as they were, under `overlays` and `sets`; checked against the code of now.

    Raises:
        SpecError, GraphError: it does not fit; values of the run are named by where they were written then.
    """
    params: dict[str, Any] = record.utterances[0].params if record.utterances else {}
    tree = from_rows(record.graph["tree"])
    return reload_graph(Path(record.graph["path"]), tree, params, f"run {record.id}", overlays, sets)


def differences(
    record: RunRecord, identities: Mapping[str, Mapping[str, Any]], versions: Mapping[str, str]
) -> list[str]:
    """What is other than it was in the run beside the graph: code, libraries, weights, devices, versions."""
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
            found.append(f"{stage}: {keys.difference(before, identity)}")
    return found

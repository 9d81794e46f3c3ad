"""Runs the nodes of a Ray cluster on this machine, each with one processor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpora.memory import read_memory


@dataclass(frozen=True)
class Nodes:
    """The nodes of a cluster.

    Attributes:
        address: of the cluster; None for no nodes.
        cluster: as Ray's own tests have it.
    """

    address: str | None
    cluster: Any = None

    def find_memory(self) -> int:
        """The anonymous memory of Ray's own processes, which are those of its package [bytes]."""
        found = 0
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().replace(b"\0", b" ")
                if b"/ray/core/" in words or b"/ray/dashboard/" in words or b"/ray/_private/" in words:
                    found += read_memory(int(path.parent.name))
        return found if self.cluster is not None else 0

    def kill_one(self, number: int) -> None:
        """Kill a node, and begin another in its place."""
        nodes = sorted(self.cluster.worker_nodes, key=id)
        self.cluster.remove_node(nodes[number % len(nodes)], allow_graceful=False)
        self.cluster.add_node(num_cpus=1)


@contextlib.contextmanager
def running_nodes(count: int) -> Iterator[Nodes]:
    """Hold a cluster of so many nodes; the head has no processor of its own. None for a count of 0."""
    if not count:
        yield Nodes(None)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(count):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield Nodes(cluster.address, cluster)
    finally:
        cluster.shutdown()

"""Watches the memory of a run that makes a corpus."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.systems import list_children


def watch_memory(command: Sequence[str], every_s: float = 0.2) -> dict[str, float]:
    """Run a command, and find the most memory of its own, and of any process that it has started [MB].

    Memory is that which is anonymous and resident: weights are mapped from files, and shared.

    Raises:
        RuntimeError: the command fails.
    """
    most = {"driver": 0, "worker": 0}
    start = time.perf_counter()
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            most["driver"] = max(most["driver"], read_memory(process.pid))
            most["worker"] = max([most["worker"], *map(read_memory, list_children(process.pid))])
            time.sleep(every_s)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}")
    found = {f"{name}_megabytes": round(size / 1e6, 1) for name, size in most.items()}
    return {**found, "seconds": round(time.perf_counter() - start, 1)}


def read_memory(pid: int) -> int:
    """The anonymous memory of a process [bytes]; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))

"""What systems differ in, for tests: marks that skip a test where the system cannot show what it measures.

Linux has /proc and /dev/full, macOS has neither. Both have /dev/fd and `ps`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROC = Path("/proc/self/status").exists()
needs_proc = pytest.mark.skipif(not PROC, reason="memory is read from /proc, which this system lacks")
needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def count_open_files() -> int:
    """Count the files that this process has open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def list_children(process: int) -> list[int]:
    """List the processes that a process has started and not waited for; none if it has ended."""
    if PROC:
        try:
            return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []
    rows = (line.split() for line in ask_ps("-A", "-o", "pid=", "-o", "ppid=").splitlines())
    return [int(child) for child, parent in rows if int(parent) == process]


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended, and that nobody has waited for, does not."""
    if not PROC:
        return ask_ps("-o", "stat=", "-p", str(process)).strip()[:1] not in ("", "Z")
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def read_command(process: int) -> str:
    """Read the command line of a process."""
    if PROC:
        return Path(f"/proc/{process}/cmdline").read_text("utf-8").replace("\0", " ")
    return ask_ps("-o", "command=", "-p", str(process))


def ask_ps(*words: str) -> str:
    """Give what `ps` prints; '' for a process that does not exist."""
    return subprocess.run(["ps", *words], capture_output=True, text=True, check=False).stdout

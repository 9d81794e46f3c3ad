"""Starts a server as a process of its own, on a free port of loopback, and ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

_START_S = 600  # libraries may have to be built first


@dataclass(frozen=True)
class Server:
    """A server under way.

    Attributes:
        url: of it, without a slash at the end.
        pid: of its process.
    """

    url: str
    pid: int

    def find_memory(self) -> int:
        """Find the memory that is its own: anonymous and resident [bytes]."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        return int(fields["RssAnon"].split()[0]) * 1024

    def find_cpu_s(self) -> float:
        """Find the processor time that it has taken [s]."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def find_port() -> int:
    """Find a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(command: Sequence[str], port: int, ready: str) -> Iterator[Server]:
    """Run a command that serves at a port, until the block ends.

    Args:
        ready: the path that answers when it is ready.

    Raises:
        RuntimeError: it has ended, or is not ready in time.
    """
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_S
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)}: does not serve; exit code {process.returncode}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url + ready, timeout=5).status_code == httpx.codes.OK:
                    break
            time.sleep(0.2)
        yield Server(url, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

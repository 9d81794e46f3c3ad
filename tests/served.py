"""Starts `kokoro-run serve` as a process of its own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT

_STARTED = re.compile(r"serving .* at (http://\S+)/")


@dataclass
class Served:
    """A server that runs.

    Attributes:
        url: of its root, without the last slash.
        process: of the server.
        told: the lines that it wrote to standard error, so far.
    """

    url: str
    process: subprocess.Popen[str]
    told: list[str] = field(default_factory=list)


@contextlib.contextmanager
def start_server(build_dir: Path, cache: Path | None, *options: str, before: Sequence[str] = ()) -> Iterator[Served]:
    """Start a server on a free port; it ends with the block, unless it has ended before.

    Args:
        cache: its folder; none for a server that keeps nothing.
        options: of `kokoro-run serve`; `--port` among them is taken in place of a free one.
        before: a command that starts the server: its last words are the server's.
    """
    command = [*before, sys.executable, "-m", "runner", "serve", "--build-dir", str(build_dir)]
    command += ["--no-cache"] if cache is None else ["--cache-dir", str(cache)]
    command += ["--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        served = Served("", process)
        for line in process.stderr:
            served.told.append(line)
            if started := _STARTED.search(line):
                served.url = started[1]
                break
        reader = threading.Thread(target=lambda: served.told.extend(process.stderr or ()))
        reader.start()  # the log of requests must not fill the pipe
        try:
            assert served.url, "".join(served.told)
            yield served
        finally:
            process.terminate()
            reader.join()

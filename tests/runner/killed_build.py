"""A program that builds and is killed, by SIGKILL, just before it first does what changes the build folder, then just
before the second such thing, and so on; each time in a copy of the same folder.

    python -m tests.runner.killed_build FOLDER ROOT OUT

Copies the build root ROOT to OUT/1, OUT/2, ... and builds the graph in FOLDER there. Prints what each build was about
to do, as a JSON list.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

sys.modules["torch"] = None  # type: ignore[assignment]  # TVM imports it where it is installed: 2 s, for nothing here

from runner.build.build import build  # noqa: E402
from tests.runner import small_model  # noqa: E402

EVENTS = ("os.rename", "os.remove")


def build_until(graph_folder: Path, root: Path, last: int) -> None:
    """Build, and die before event number `last` in the folder of the stage; returns if there are not so many."""
    folder = str(small_model.library(root).parent)
    seen = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event in EVENTS and folder in map(os.path.dirname, map(str, args)):
            seen += 1
            if seen == last:
                print(event, *(Path(a).name for a in args if isinstance(a, str | Path)), flush=True)  # noqa: T201 - a program's output
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    build(small_model.load(graph_folder), root)


def main(graph_folder: Path, root: Path, out: Path) -> None:
    steps = []
    for last in range(1, 100):
        shutil.copytree(root, out / str(last))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writer, 1)
            build_until(graph_folder, out / str(last), last)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            step = said.read().strip()
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        steps.append(step)
    print(json.dumps(steps))  # noqa: T201


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

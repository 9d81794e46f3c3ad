"""A build of the full model from nothing, in a folder of its own.

    python -m benchmarks.parts.build --against CHECKOUT [--rounds N] [OPTION OF `kokoro-run build` ...]

compares the CPU seconds of a build with those of another checkout, in turns, in the same environment.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import process
from benchmarks.model import WORK
from benchmarks.ours import variants
from benchmarks.session import Session


def measure(session: Session) -> dict[str, Any]:
    """Seconds, once: it is minutes long and varies little."""
    folder = WORK / "built-anew"
    shutil.rmtree(folder, ignore_errors=True)
    *arguments, _ = next(variants()).arguments()
    command = process.kokoro_run("build", *arguments, str(folder))
    seconds = process.seconds_of(command, session.threads)
    shutil.rmtree(folder)
    return {"build_s": seconds}


def cpu_seconds_of(checkout: Path, options: list[str]) -> float:
    """CPU seconds, user and system, that a build of the default graph from nothing takes with all of its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="kokoro-run-") as folder:
        command = [sys.executable, "-m", "runner", "build", "default", "-q", "--build-dir", folder, *options]
        subprocess.run(command, cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts.build", description=__doc__)
    parser.add_argument("--against", type=Path, required=True, help="folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=3)
    known, options = parser.parse_known_args()
    checkouts = {"here": process.ROOT, "there": known.against.resolve()}
    seconds: dict[str, list[float]] = {name: [] for name in checkouts}
    for _ in range(known.rounds):
        for name, checkout in checkouts.items():
            seconds[name].append(cpu_seconds_of(checkout, options))
            sys.stdout.write(f"{name:>5} {seconds[name][-1]:6.1f} s\n")
            sys.stdout.flush()
    ratios = [here / there for here, there in zip(seconds["here"], seconds["there"], strict=True)]
    sys.stdout.write(f"here / there: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})\n")


if __name__ == "__main__":
    main()

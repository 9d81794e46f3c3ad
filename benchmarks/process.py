"""Whole processes: how long `kokoro-run` takes beyond its stages, how long a build, how much memory a run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# What a run's own process reports at its end. VmHWM belongs to the program itself, where the kernel's accounting for
# a parent (ru_maxrss) would include what the parent held when it forked.
REPORT_PEAK = """
import re, sys
from runner.cli import main
try:
    main()
finally:
    status = open("/proc/self/status").read()
    print("VmHWM", re.search(r"VmHWM:\\s+(\\d+) kB", status)[1], file=sys.stderr)
"""


TIMING = re.compile(r"^ *(?P<stage>\w+) +(?P<seconds>[0-9.]+) s$", re.MULTILINE)  # a line of --timings

BUILT = ": built in "  # what a run says of a stage that was stale


def seconds_of(*arguments: str, threads: int) -> float:
    """Wall time of `kokoro-run ARGUMENTS` from start to exit; RuntimeError with what it printed, if it failed."""
    return _timed(arguments, threads)[0]


def seconds_beyond_stages(*arguments: str, threads: int) -> tuple[float, float]:
    """Wall time of a run, and how much of it is none of its stages' own."""
    wall, told = _timed((*arguments, "--timings"), threads)
    stages = [float(found["seconds"]) for found in TIMING.finditer(told)]
    if BUILT in told:
        raise RuntimeError(f"a source file changed during the benchmark, so the run built first:\n{told}")
    if not stages:
        raise RuntimeError(f"the run did not report its stages' times:\n{told}")
    return wall, wall - sum(stages)


def _timed(arguments: Sequence[str], threads: int) -> tuple[float, str]:
    start = time.perf_counter()
    told = _check([str(Path(sys.executable).with_name("kokoro-run")), *arguments], threads)
    return time.perf_counter() - start, told


def peak_mib_of(*arguments: str, threads: int) -> float:
    """Largest resident set of `kokoro-run ARGUMENTS` in MiB."""
    told = _check([sys.executable, "-c", REPORT_PEAK, *arguments], threads)
    found = re.search(r"^VmHWM (\d+)$", told, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"the run did not report its memory:\n{told}")
    return int(found[1]) / 1024


def _check(command: Sequence[str], threads: int) -> str:
    """Runs `command`, which must succeed, and returns what it wrote to the standard error."""
    environment = os.environ | {"TVM_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stderr

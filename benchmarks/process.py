"""Whole processes: how long they take, how much of that is not their stages' own, how much memory they take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# What a process reports of itself at its end. VmHWM belongs to the program itself, where the kernel's accounting for
# a parent (ru_maxrss) would include what the parent held when it forked.
REPORT_PEAK = """
import re, sys
from {module} import main
try:
    main()
finally:
    status = open("/proc/self/status").read()
    print("VmHWM", re.search(r"VmHWM:\\s+(\\d+) kB", status)[1], file=sys.stderr)
"""

TIMING = re.compile(r"^ *(?P<stage>\w+) +(?P<seconds>[0-9.]+) s$", re.MULTILINE)  # a line of --timings
BUILT = ": built in "  # what a run says of a stage that was stale
OURS = "runner.cli.main"

ROOT = Path(__file__).parents[1]


def kokoro_run(*arguments: str) -> list[str]:
    """The command line of `kokoro-run ARGUMENTS`."""
    return [str(Path(sys.executable).with_name("kokoro-run")), *arguments]


def run(command: Sequence[str], threads: int) -> str:
    """Runs `command` and returns what it wrote to the standard error.

    Raises:
        RuntimeError: it failed, with what it printed; or it was a run that had to build first.
    """
    done = subprocess.run(command, env=_environment(threads), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    if BUILT in done.stderr and "build" not in command:
        raise RuntimeError(f"a source file changed during the benchmark, so the run built first:\n{done.stderr}")
    return done.stderr


def seconds_of(command: Sequence[str], threads: int) -> float:
    """Wall time of `command` from start to exit."""
    start = time.perf_counter()
    run(command, threads)
    return time.perf_counter() - start


def seconds_beyond_stages(*arguments: str, threads: int) -> tuple[float, float]:
    """Wall time of `kokoro-run ARGUMENTS`, and how much of it is none of its stages' own."""
    start = time.perf_counter()
    told = run(kokoro_run(*arguments, "--timings"), threads)
    wall = time.perf_counter() - start
    stages = [float(found["seconds"]) for found in TIMING.finditer(told)]
    if not stages:
        raise RuntimeError(f"the run did not report its stages' times:\n{told}")
    return wall, wall - sum(stages)


def seconds_to_first_byte(*arguments: str, threads: int) -> float:
    """From the start of `kokoro-run ARGUMENTS`, which writes audio to its standard output, to the first byte of it."""
    start = time.perf_counter()
    with subprocess.Popen(
        kokoro_run(*arguments), env=_environment(threads), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        seconds = time.perf_counter() - start
        process.stdout.read()
    if not first or process.returncode != 0:
        raise RuntimeError(f"kokoro-run {' '.join(arguments)} ended with {process.returncode} and streamed nothing")
    return seconds


def peak_mib_of(module: str, *arguments: str, threads: int) -> float:
    """Largest resident set, in MiB, of a process that runs `main` of `module` on ARGUMENTS."""
    told = run([sys.executable, "-c", REPORT_PEAK.format(module=module), *arguments], threads)
    found = re.search(r"^VmHWM (\d+)$", told, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"the process did not report its memory:\n{told}")
    return int(found[1]) / 1024


def _environment(threads: int) -> dict[str, str]:
    # Not TVM_NUM_THREADS: `kokoro-run --threads` is how a user says it.
    return os.environ | {"OMP_NUM_THREADS": str(threads)}

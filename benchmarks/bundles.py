"""What a bundle costs: its size by parts; time and memory of its hosts in bare roots, beside `kokoro-run`.

    make -C examples/native PYTHON=$PWD/.venv/bin/python && cp examples/native/speak speech/
    python -m benchmarks.bundles speech --build-dir build default -c kokoro-82m-int8       (as root, for chroot)

Rounds are interleaved. Cold: the files of the roots were dropped from the system's memory before the process started.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.timing import table
from tests.bare_root import find_python, make_root

ROOT = Path(__file__).parents[1]
LINE = "həlˈO wˈɜɹld."
PARTS = {
    "weights": ("libraries/*.weights",),
    "libraries": ("libraries/*.so", "libraries/*.json"),
    "voices": ("voices/*",),
    "TVM's runtime, tvm_ffi": ("python/*tvm*/**/*", "python/typing_extensions*/**/*"),
    "NumPy without its libraries": ("python/numpy/**/*", "python/numpy-*/**/*"),
    "NumPy's libraries": ("python/numpy.libs/*",),
    "this project": ("python/runner/**/*", "python/stages/**/*"),
    "libraries of the system": ("lib/*",),
}


class Run(NamedTuple):
    """One process: wall and processor seconds, and the largest resident set in MiB."""

    wall: float
    cpu: float
    peak: float


def main() -> None:
    """Measure a bundle, and print two tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--build-dir", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    given, graph = parser.parse_known_args()
    sys.stdout.write(f"{describe_size(given.bundle)}\n\n")
    with tempfile.TemporaryDirectory() as work:
        commands = make_commands(given.bundle, Path(work), [*graph, "--build-dir", given.build_dir])
        runs = measure(commands, given.bundle, Path(work), given.rounds)
    sys.stdout.write(f"{describe_runs(runs)}\n")


def describe_size(bundle: Path) -> str:
    sizes = {path: path.stat().st_size for path in bundle.rglob("*") if path.is_file()}
    rows = [("all", sum(sizes.values()))]
    for name, patterns in PARTS.items():
        rows.append((name, sum(sizes.get(path, 0) for pattern in patterns for path in bundle.glob(pattern))))
    return table(["part", "MB"], [[name, f"{size / 1e6:.1f}"] for name, size in rows])


def make_commands(bundle: Path, work: Path, graph: Sequence[str]) -> dict[str, list[str]]:
    """Make the commands of the hosts: two in roots that have a copy of the bundle, and `kokoro-run` itself."""
    here = [sys.executable, "-m", "runner", *graph, "--no-cache", "-q", "--phonemes", LINE, "-o", str(work / "a.wav")]
    commands = {"kokoro-run": here}
    with_python = make_root(work / "python", [], python=True)
    shutil.copytree(bundle, with_python / "speech")
    spoken = ["--phonemes", LINE, "-o", "/tmp/a.wav"]
    commands["run, in a root with Python"] = ["chroot", str(with_python), str(find_python()), "/speech/run", *spoken]
    if (bundle / "speak").is_file():
        linked = [bundle / "speak", *(bundle / "python" / "tvm" / "lib").iterdir(), *(bundle / "lib").iterdir()]
        without = make_root(work / "native", linked)
        shutil.copytree(bundle, without / "speech")
        paths = "LD_LIBRARY_PATH=/speech/python/tvm_ffi/lib:/speech/lib"  # the root has no /proc, which tells them
        host = ["/speech/speak", "/speech", *spoken]
        commands["speak, in a root without"] = ["env", paths, shutil.which("chroot") or "", str(without), *host]
    return commands


def measure(commands: dict[str, list[str]], bundle: Path, work: Path, rounds: int) -> dict[tuple[str, bool], list[Run]]:
    """Run each command in turn, `rounds` times cold and warm, after one run that counts for nothing."""
    files = [path for root in (bundle, work) for path in root.rglob("*") if path.is_file()]
    runs: dict[tuple[str, bool], list[Run]] = {(name, cold): [] for name in commands for cold in (True, False)}
    for number in range(rounds + 1):
        for name, command in commands.items():
            for cold in (True, False):
                if cold:
                    drop(files)
                took = time_process(command)
                runs[name, cold] += [took] if number else []
    return runs


def drop(files: Iterable[Path]) -> None:
    """Drop the system's copies in memory of files."""
    for path in files:
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def time_process(command: list[str]) -> Run:
    start = time.perf_counter()
    process = os.posix_spawnp(command[0], command, {**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, used = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {status}")
    return Run(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def describe_runs(runs: Mapping[tuple[str, bool], Sequence[Run]]) -> str:
    rows = []
    for (name, cold), taken in runs.items():
        wall, cpu, peak = (sorted(column) for column in zip(*taken, strict=True))
        spread = f"{statistics.median(wall):.2f} ({wall[0]:.2f}-{wall[-1]:.2f})"
        rows.append(
            [
                name,
                "cold" if cold else "warm",
                spread,
                f"{statistics.median(cpu):.2f}",
                f"{statistics.median(peak):.0f}",
            ]
        )
    return table(["host", "files", "start to .wav [s]", "CPU [s]", "peak [MiB]"], rows)


if __name__ == "__main__":
    main()

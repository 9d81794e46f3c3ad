"""`python -m tests.arm64 [--only sentence|kernels]`: the default model and the kernels on an emulated arm64 machine.

Prints the table of docs/devices.md. Exits 1 if a port is further from this machine's than it may be, or a test fails.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runner.build.build import build
from runner.graph.load import Graph, load_graph
from tests.arm64.emulator import Emulator
from tests.arm64.ports import SENTENCE, speak
from tests.arm64.table import AUDIO, compare, format_table, list_faults
from tests.conftest import ROOT

FOLDER = ROOT / "build" / "arm64"
KERNELS = ROOT / "tests" / "stages" / "kernels"
HERE, THERE = "cpu:0", "cpu-arm64:0"


def main() -> int:
    """Do what the command line asks for; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.arm64", description=__doc__)
    parser.add_argument("--only", choices=("sentence", "kernels"))
    only = parser.parse_args().only
    emulator = Emulator(FOLDER)
    emulator.prepare()
    faults = check_sentence(emulator) if only != "kernels" else []
    faults += check_kernels(emulator) if only != "sentence" else []
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


def check_sentence(emulator: Emulator) -> list[str]:
    """Speak a sentence on both machines, and print how far apart their ports are; gives what is too far."""
    libraries, files = FOLDER / "libraries", [FOLDER / f"{name}.npz" for name in ("here", "there", "same-f0")]
    for device in (HERE, THERE):
        build(_load(device), libraries, progress=_tell)
    np.savez(files[0], **speak(libraries, HERE, {}))
    started = time.perf_counter()
    for out, given in ((files[1], []), (files[2], ["--given", files[0]])):
        if emulator.run("-m", "tests.arm64.ports", libraries, THERE, out, *given):
            return ["the sentence was not spoken under emulation"]
    sys.stderr.write(f"spoken twice under emulation in {time.perf_counter() - started:.0f} s\n")
    here, there, same = (dict(np.load(file)) for file in files)
    distances = compare(_load(THERE), there, here)
    [audio] = [each for each in compare(_load(THERE), same, here) if each.port == AUDIO]
    sys.stdout.write(f"{SENTENCE}\n\n" + "\n".join(format_table(distances, audio)) + "\n")
    return list_faults(distances, audio)


def _load(device: str) -> Graph:
    return load_graph("default", [], [f"devices.{role}={device}" for role in ("host", "accel")])


def _tell(stage: str, state: str, seconds: float) -> None:
    if state != "current":
        sys.stderr.write(f"{stage}: {state} {seconds:.0f} s\n")


def check_kernels(emulator: Emulator) -> list[str]:
    """Run the tests of kernels; gives the files that fail. One that has passed with these sources is not run again."""
    failed, code = [], _digest_sources()
    for file in sorted(KERNELS.glob("test_*.py")):
        passed = FOLDER / "passed" / f"{file.stem}.{code}"
        if passed.exists():
            continue
        sys.stderr.write(f"{file.name}\n")
        if emulator.run("-m", "pytest", "-q", "-p", "no:cacheprovider", file):
            failed.append(f"{file.relative_to(ROOT)}: fails under emulation")
        else:
            passed.parent.mkdir(exist_ok=True)
            passed.touch()
    return failed


def _digest_sources() -> str:
    digest = hashlib.sha256()
    for path in _list_sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _list_sources() -> Iterator[Path]:
    for folder in (KERNELS, ROOT / "stages" / "kernels"):
        yield from sorted(folder.glob("*.py"))


if __name__ == "__main__":
    sys.exit(main())

"""Speaks one sentence and saves every port: `python -m tests.arm64.ports LIBRARIES DEVICE OUT.npz [--given PORTS.npz]`.

`--given` names the ports of another machine: their pitch and energy replace this machine's, so that the audio of both
follows the same pitch.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from runner.api import Graph, Pipeline
from runner.engine.options import RunOptions

SENTENCE = "ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˌOvəɹ ðə lˈAzi dˈɔɡ."
GIVEN = ("f0n.f0", "f0n.n")


def speak(libraries: Path, device: str, given: dict[str, Any]) -> dict[str, Any]:
    """Speak `SENTENCE` with every stage on `device`; gives the value of each port."""
    graph = Graph.load("default", [], [f"devices.{role}={device}" for role in ("host", "accel")])
    pipeline = Pipeline(graph, libraries, threads=1)
    result = pipeline.run({"phonemes": SENTENCE}, RunOptions(keep=True, override=given))
    return {port: value for port, value in result.items() if "." in port and isinstance(value, np.ndarray)}


def main() -> None:
    """Save the ports that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.arm64.ports", description=__doc__)
    parser.add_argument("libraries", type=Path)
    parser.add_argument("device")
    parser.add_argument("out", type=Path)
    parser.add_argument("--given", type=Path)
    options = parser.parse_args()
    given = {} if options.given is None else {port: np.load(options.given)[port] for port in GIVEN}
    np.savez(options.out, **speak(options.libraries, options.device, given))


if __name__ == "__main__":
    main()

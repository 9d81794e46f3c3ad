"""`python -m training OUT`: from nothing to the exported model, in under three hours on two CPU cores.

    corpus  ->  decoder    \\
            \\->  predictor  ->  export

The two trainers run at once, a thread each. Whatever is interrupted goes on where it was when the command is given
again; OUT holds the corpus, the trainers' state and their logs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from training.errors import TrainingError

_TRAINERS = ("decoder", "predictor")


def _command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-u", "-m", f"training.{module}", *map(str, arguments)]


def _run(command: Sequence[str]) -> None:
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        raise TrainingError(f"{' '.join(command[2:])}: ended with status {status}; give the command again to go on")


def _train(corpus: Path, out: Path, seed: int) -> None:
    """Both trainers at once; where one fails, the other is stopped: its state is on disk."""
    running = [subprocess.Popen(_command(name, corpus, out, "--seed", seed, "--threads", 1)) for name in _TRAINERS]
    try:
        while any(process.poll() is None for process in running) and not any(process.poll() for process in running):
            time.sleep(1)
    finally:
        for process in running:
            process.terminate()
    for name, process in zip(_TRAINERS, running, strict=True):
        if process.wait() != 0:
            raise TrainingError(f"{name}: ended with status {process.wait()}; give the command again to go on")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, nargs="?", default=Path("build/voice"), help="working folder (%(default)s)")
    parser.add_argument("--export", type=Path, help="folder for the model; default: the shipped model's own")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    corpus, out = given.out / "corpus", given.out / "model"
    try:
        _run(_command("corpus", corpus, "--seed", given.seed))
        _train(corpus, out, given.seed)
        _run(_command("export", out, *([given.export] if given.export else [])))
    except TrainingError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

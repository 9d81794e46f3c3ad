"""`python -m training OUT`: from nothing to the exported model, in under three hours on two CPU cores.

    corpus  ->  predictor  ->  decoder  ->  export

One after the other on two threads: the decoder's last steps take the energy that the predictor says, and beside another
trainer it has one less. Whatever is interrupted goes on where it was when the command is given again; OUT holds the
corpus and the trainers' state.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from training.errors import TrainingError, reporting

_TRAINERS = ("predictor", "decoder")


def _command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-u", "-m", f"training.{module}", *map(str, arguments)]


def _run(command: Sequence[str]) -> None:
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        raise TrainingError(f"{' '.join(command[3:])}: ended with status {status}; give the command again to go on")


@reporting
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, nargs="?", default=Path("build/voice"), help="working folder (%(default)s)")
    parser.add_argument("--export", type=Path, help="folder for the model; default: the shipped model's own")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    corpus, out = given.out / "corpus", given.out / "model"
    _run(_command("corpus", corpus, "--seed", given.seed))
    for trainer in _TRAINERS:
        _run(_command(trainer, corpus, out, "--seed", given.seed))
    _run(_command("export", out, *([given.export] if given.export else [])))


if __name__ == "__main__":
    sys.exit(main())

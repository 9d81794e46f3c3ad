"""`python -m training.letters STEP`: from misaki's lexicons to the model of unknown words, in minutes on one core.

prepare --wheel W     the lexicons' words, aligned letter by letter; the table of chunks; words held out
train                 the model
evaluate              its errors on the words held out, and the names of names.txt as it says them, for card.md
export                stages/letters.safetensors, and a sample of the words held out for the tests
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.errors import reporting
from training.letters import evaluate, export, prepare, trainer

_FOLDER = Path("build/letters")


@reporting
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.letters", description=__doc__.partition("\n")[0])
    parser.add_argument("step", choices=["prepare", "train", "evaluate", "export"])
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="working folder (%(default)s)")
    parser.add_argument("--wheel", type=Path, help="misaki-0.9.4-py3-none-any.whl, for prepare")
    parser.add_argument("--steps", type=int, default=trainer.STEPS, help="of training (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of training (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    if given.step == "prepare":
        prepare.prepare(given.wheel or Path("misaki-0.9.4-py3-none-any.whl"), given.folder, given.seed)
    elif given.step == "train":
        trainer.train(given.folder, given.steps, given.threads, given.seed)
    elif given.step == "evaluate":
        sys.stdout.write(evaluate.report(trainer.load(given.folder), given.folder))
    else:
        export.export(trainer.load(given.folder), given.folder)


if __name__ == "__main__":
    sys.exit(main())

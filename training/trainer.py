"""The command line that the two trainers share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from training.errors import reporting

Train = Callable[[Path, Path, int, int, torch.device], None]
"""`train(corpus, out, steps, seed, device)`"""


@reporting
def main(name: str, train: Train, steps: int, arguments: Sequence[str] | None) -> None:
    """Train on the GPU, where there is one, or on the CPU; 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog=f"python -m training.{name}", description=f"Train the {name}.")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path, help="folder of the trainer's state, from which it goes on")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2, help="of a CPU (%(default)s)")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train(given.corpus, given.out, given.steps, given.seed, device)

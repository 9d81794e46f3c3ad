"""`python -m training.start OUT [FOLDER]`: the trainers' states in OUT, from an exported model in FOLDER.

The inverse of `training.export`, so that training goes on from shipped weights: for more steps, or on another corpus.
The optimisers start empty, and the steps count from what `--decoder` and `--predictor` say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from runner.speech.reference import checkpoint_keys
from training import decoder, model, predictor
from training.checkpoint import State
from training.errors import TrainingError, reporting


def exported(folder: Path) -> Any:
    """The model as the trainers hold it, from its exported files: F0 and energy are at unit scale again.

    Raises:
        TrainingError: the folder holds no such model.
    """
    parts = model.build(0)
    try:
        weights = load_file(folder / "model.safetensors")
        styles = [np.load(folder / "voices" / f"{name}.npy")[0] for name in model.VOICES]
        state = {key: torch.from_numpy(weights[key].astype(np.float32)) for key in checkpoint_keys(parts)}
        parts.load_state_dict(state, strict=False)
        with torch.no_grad():
            parts.styles.copy_(torch.from_numpy(np.stack(styles).astype(np.float32)))
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{folder}: not a model of training.export at these sizes: {error}") from error
    predictor.unfold_scales(parts)
    return parts


def write(parts: Any, out: Path, steps: dict[str, int]) -> None:
    """OUT/decoder.pt and OUT/predictor.pt, for trainers that stand at these steps.

    Raises:
        TrainingError: one of them is there: it is not replaced.
    """
    for trainer in (decoder, predictor):
        if (out / trainer.FILE).exists():
            raise TrainingError(f"{out / trainer.FILE}: is there; training goes on from it, or give another folder")
    out.mkdir(parents=True, exist_ok=True)
    for trainer in (decoder, predictor):
        tensors = model.named_tensors(parts, trainer.PARTS)
        state = State(out / trainer.FILE, tensors, trainer.optimisers(tensors))
        state.step = steps[trainer.FILE]
        state.save()


@reporting
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.start", description="Go on from an exported model.")
    parser.add_argument("out", type=Path, help="the folder that the trainers are given")
    parser.add_argument("folder", type=Path, nargs="?", default=model.config_path().parent)
    parser.add_argument("--decoder", type=int, default=0, help="the step its decoder stands at (%(default)s)")
    parser.add_argument("--predictor", type=int, default=0, help="the step its predictor stands at (%(default)s)")
    given = parser.parse_args(arguments)
    write(exported(given.folder), given.out, {decoder.FILE: given.decoder, predictor.FILE: given.predictor})


if __name__ == "__main__":
    sys.exit(main())

"""Writes the trained model where the project reads it: its weights in float16, and words that the tests hold it to."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import stages
from stages.text.chunks import CHUNKS
from training.letters.prepare import HELD_OUT, read_entries, write_entries
from training.letters.tagger import Tagger

WEIGHTS = Path(stages.__path__[0]) / "letters.safetensors"
_SAMPLE = WEIGHTS.parents[1] / "tests" / "stages" / "text" / "heldout_words.tsv"
_WORDS = 200


def export(model: Tagger, folder: Path) -> None:
    """Write both files.

    Raises:
        TrainingError: the words are not prepared.
    """
    halves = {name: tensor.to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}
    save_file(halves, WEIGHTS)
    entries = read_entries(folder / HELD_OUT)
    write_entries(_SAMPLE, random.Random(0).sample(entries, _WORDS))


def read_weights() -> Tagger:
    """Read the model from the file that `export` has written, in float32."""
    model = Tagger(len(CHUNKS))
    model.load_state_dict({name: half.float() for name, half in load_file(WEIGHTS).items()})
    return model

"""Trains the model: cross-entropy of each letter's chunk, on batches of words of the same number of letters."""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch.nn import functional

from stages.text.chunks import CHUNKS
from stages.text.spelling import encode
from training.errors import written
from training.letters.evaluate import measure, say
from training.letters.prepare import DEVELOPMENT, Aligned, read_aligned, read_entries
from training.letters.tagger import Tagger
from training.muon import optimisers

STEPS = 4000
_LETTERS = 2304  # of a batch: 256 words of nine
_FEWEST_WORDS = 16
_RATE, _BETAS, _DECAY = 4e-3, (0.9, 0.98), 0.01
_WARM_UP = 100  # steps
_SMOOTHING = 0.02
_LARGEST_GRADIENT = 1.0
_REPORTS = 10  # while it trains
_STATE = "model.pt"

Batch = tuple[torch.Tensor, torch.Tensor]
"""ids and chunks, both [words, letters]."""


def train(folder: Path, steps: int, threads: int, seed: int) -> None:
    """Train a model, and write it to `folder`.

    Raises:
        TrainingError: the words are not prepared.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    development = read_entries(folder / DEVELOPMENT)
    batches = draw_batches(read_aligned(folder), random.Random(seed))
    model = Tagger(len(CHUNKS))
    movers = optimisers(dict(model.named_parameters()), _RATE, _BETAS, _DECAY)
    loss = torch.zeros(())
    for step in range(steps):
        for mover in movers:
            for group in mover.param_groups:
                group["lr"] = _RATE * min(1.0, (step + 1) / _WARM_UP) * (1 - step / steps)
        ids, chunks = next(batches)
        loss = functional.cross_entropy(model(ids).flatten(0, 1), chunks.flatten(), label_smoothing=_SMOOTHING)
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT)
        for mover in movers:
            mover.step()
        if (step + 1) % max(1, steps // _REPORTS) == 0:
            errors = measure(development, say(model, development))
            spent = time.process_time()
            sys.stdout.write(f"step {step + 1}: {spent:.0f} s of CPU, loss {loss.item():.3f}, development {errors}\n")
            sys.stdout.flush()
            torch.save(model.state_dict(), folder / _STATE)
    torch.save(model.state_dict(), folder / _STATE)


def load(folder: Path) -> Tagger:
    """Load the trained model.

    Raises:
        TrainingError: it is not there.
    """
    model = Tagger(len(CHUNKS))
    model.load_state_dict(torch.load(written(folder / _STATE, "training.letters train"), weights_only=True))
    return model


def draw_batches(aligned: Sequence[Aligned], drawing: random.Random) -> Iterator[Batch]:
    """Draw batches for ever, each word once an epoch, short words and long ones in turns by chance."""
    words: dict[int, list[Aligned]] = defaultdict(list)
    for each in aligned:
        words[len(each[0])].append(each)
    tensors = [
        (torch.tensor([encode([w], british=b) for w, b, _ in same]), torch.tensor([chunks for _, _, chunks in same]))
        for same in words.values()
    ]
    while True:
        batches = []
        for ids, chunks in tensors:
            order = torch.tensor(drawing.sample(range(len(ids)), len(ids)))
            size = max(_FEWEST_WORDS, _LETTERS // ids.shape[1])
            batches += [(ids[some], chunks[some]) for some in torch.split(order, size)]
        drawing.shuffle(batches)
        yield from batches

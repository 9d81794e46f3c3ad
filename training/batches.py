"""Batches of the corpus. Batch number `step` of a seed is always the same: a run that was stopped goes on exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from training.alignment import FRAME_SAMPLES
from training.corpus import Spoken, load
from training.errors import written
from training.model import VOICES

_SILENT_N = math.log(1e-5 * math.sqrt(80))  # features.energy of digital silence
Said = dict[tuple[str, str], list[NDArray[np.float32]]]
"""(voice, text) -> energy of each spelling, float32[2 * frames], as the predictor says it."""
VALIDATION = 24  # utterances of each voice that training never sees


class Batch(NamedTuple):
    """`frames` counts of 25 ms; everything past an utterance's end is silence (decoder) or masked by `frames`."""

    tokens: torch.Tensor  # int64[B, text]
    lengths: torch.Tensor  # int64[B]
    durations: torch.Tensor  # int64[B, text]
    voice: torch.Tensor  # int64[B]
    token_of_frame: torch.Tensor  # int64[B, frames]
    frames: torch.Tensor  # int64[B]
    f0: torch.Tensor  # float32[B, 2 * frames], Hz
    n: torch.Tensor  # float32[B, 2 * frames]
    audio: torch.Tensor  # float32[B, 600 * frames], or [B, 0]

    def on(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(each.to(device) for each in self))


def utterances(corpus: Path, audio: bool) -> tuple[list[Spoken], list[Spoken]]:
    """(training, validation) utterances of all voices; with `audio`, only those that have it.

    Raises:
        TrainingError: the corpus has not been made.
    """
    training: list[Spoken] = []
    validation: list[Spoken] = []
    for voice in VOICES:
        path = corpus / (f"{voice}.audio.pt" if audio else f"{voice}.pt")
        spoken = load(written(path, "training.corpus"))
        validation += spoken[:VALIDATION]
        training += spoken[VALIDATION:]
    return training, validation


def crops(spoken: Sequence[Spoken], seed: int, step: int, size: int, frames: int, said: Said | None = None) -> Batch:
    """`size` utterances drawn at random, `frames` of each, with audio; F0 is the true one, energy too, or `said`."""
    draw = np.random.default_rng([seed, step])
    chosen = [spoken[index] for index in draw.choice(len(spoken), size, replace=False)]
    begins = [int(draw.integers(max(0, len(each["n"]) // 2 - frames) + 1)) for each in chosen]
    return _batch(chosen, begins, frames, draw, audio=True, said=said)


def whole(spoken: Sequence[Spoken], seed: int, step: int, size: int) -> Batch:
    """`size` whole utterances of about one length, without audio; `spoken` is sorted by length."""
    draw = np.random.default_rng([seed, step])
    spread = 4 * size
    begin = int(draw.integers(max(1, len(spoken) - spread + 1)))
    return together(
        [spoken[begin + index] for index in draw.choice(min(spread, len(spoken)), size, replace=False)], draw
    )


def together(spoken: Sequence[Spoken], draw: np.random.Generator) -> Batch:
    """All of `spoken`, whole and without audio; the model's norms see the padding, so lengths should be alike."""
    return _batch(spoken, [0] * len(spoken), max(len(each["n"]) // 2 for each in spoken), draw, audio=False)


def _batch(
    chosen: Sequence[Spoken],
    begins: Sequence[int],
    frames: int,
    draw: np.random.Generator,
    audio: bool,
    said: Said | None = None,
) -> Batch:
    which = [int(draw.integers(len(each["spellings"]))) for each in chosen]
    spellings = [each["spellings"][spelling] for each, spelling in zip(chosen, which, strict=True)]
    size, text = len(chosen), max(len(tokens) for tokens, _ in spellings)
    tokens, durations = torch.zeros(size, text, dtype=torch.int64), torch.zeros(size, text, dtype=torch.int64)
    token_of_frame = torch.zeros(size, frames, dtype=torch.int64)
    f0, n = torch.zeros(size, 2 * frames), torch.full((size, 2 * frames), _SILENT_N)
    wave = torch.zeros(size, FRAME_SAMPLES * frames if audio else 0)
    counts = torch.zeros(size, dtype=torch.int64)
    for row, (each, (ids, lengths), begin) in enumerate(zip(chosen, spellings, begins, strict=True)):
        owner = torch.from_numpy(np.repeat(np.arange(len(ids)), lengths))
        end = min(len(owner), begin + frames)
        count = end - begin
        tokens[row, : len(ids)] = torch.from_numpy(ids.astype(np.int64))
        durations[row, : len(ids)] = torch.from_numpy(lengths.astype(np.int64))
        token_of_frame[row] = owner[-1]
        token_of_frame[row, :count] = owner[begin:end]
        energy = each["n"] if said is None else said[each["voice"], each["text"]][which[row]]
        for target, curve in ((f0, each["f0"]), (n, energy)):
            target[row, : 2 * count] = torch.from_numpy(curve[2 * begin : 2 * end])
        counts[row] = count
        if audio:
            samples = each["audio"]
            assert samples is not None
            part = samples[FRAME_SAMPLES * begin : FRAME_SAMPLES * end]
            wave[row, : len(part)] = torch.from_numpy(part.astype(np.float32) / 32768)
    lengths_of = torch.tensor([len(ids) for ids, _ in spellings])
    voice = torch.tensor([VOICES.index(each["voice"]) for each in chosen])
    return Batch(tokens, lengths_of, durations, voice, token_of_frame, counts, f0, n, wave)


def text_mask(batch: Batch) -> torch.Tensor:
    """bool[B, text], True past the end of the text."""
    return torch.arange(batch.tokens.shape[1])[None] >= batch.lengths[:, None]


def at_frames(x: torch.Tensor, batch: Batch) -> torch.Tensor:
    """[B, channels, text] -> [B, channels, frames]: each frame gets its token's column."""
    return torch.gather(x, 2, batch.token_of_frame[:, None].expand(-1, x.shape[1], -1))

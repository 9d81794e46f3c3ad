"""A corpus of made-up speech: what the trainers read, without espeak-ng."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from training.corpus import Spoken
from training.model import VOICES


def spoken(voice: str, seed: int, audio: bool) -> Spoken:
    """An utterance of 5 to 12 tokens, the second spelling with one more."""
    rng = np.random.default_rng(seed)
    durations = rng.integers(1, 8, rng.integers(5, 12)).astype(np.int16)
    frames = int(durations.sum())
    tokens = np.concatenate([[0], rng.integers(43, 70, len(durations) - 2), [0]]).astype(np.int16)
    split = int(np.argmax(durations))
    parts = [durations[split] - durations[split] // 2, durations[split] // 2]
    other = np.concatenate([durations[:split], parts, durations[split + 1 :]]).astype(np.int16)
    f0 = np.where(rng.random(2 * frames) < 0.6, rng.uniform(80, 200, 2 * frames), 0).astype(np.float32)
    return Spoken(
        text=f"{voice} {seed}",
        voice=voice,
        spellings=[(tokens, durations), (np.insert(tokens, split, 44), other)],
        audio=rng.integers(-9000, 9000, 600 * frames).astype(np.int16) if audio else None,
        f0=f0,
        n=rng.normal(4, 2, 2 * frames).astype(np.float32),
    )


def write(folder: Path, count: int) -> Path:
    """`count` utterances with audio for each voice, in both of its files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, voice in enumerate(VOICES):
        made = [spoken(voice, 1000 * number + each, audio=True) for each in range(count)]
        torch.save(made, folder / f"{voice}.audio.pt")
        torch.save(made, folder / f"{voice}.pt")
    return folder

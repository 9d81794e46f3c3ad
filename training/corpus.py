"""`python -m training.corpus OUT`: the speech the model is trained on, one file a voice.

OUT/<voice>.pt is a list of utterances, each a dict:

    text       str
    voice      str
    spellings  (misaki, espeak), each (tokens int16[T], durations int16[T] in frames of 25 ms)
    audio      int16[600 * frames] at 24 kHz, or None for what the predictor alone learns from
    f0, n      float32[2 * frames]: Hz (0 = unvoiced), log mel norm; training/features.py

Utterances with audio stand first. The work is done in shards of fixed content, so any number of workers makes the same
file, and a run that was stopped goes on where it was. A shard's name has a digest of what decides its content, so one
that this code would not make is not used. The shards with audio come first, and OUT/<voice>.audio.pt holds them as soon
as they are all made: the decoder can be trained while the rest is synthesised.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import itertools
import multiprocessing
import os
import random
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from training import features
from training.alignment import FRAME_SAMPLES, SAMPLE_RATE, Segment, align, frames_of, segments
from training.errors import TrainingError, reporting
from training.espeak import Espeak
from training.sentences import sentences
from training.speakers import SPEAKERS, Speaker
from training.spelling import SPELLINGS, vocabulary

_SHARD_SENTENCES = 300
_SENTENCE_HOURS = 3.25 / 3600  # on average
_DECIDING = (
    "alignment.py", "corpus.py", "espeak.py", "features.py", "heldout.txt", "sentences.py", "speakers.py",
    "spelling.py", "words.txt",
)  # fmt: skip
_LONGEST_SECONDS = 12.0
_WITHOUT_FINAL_MARK = 0.1  # of the utterances: people paste lines without a full stop, and espeak prints none
_WITHOUT_STRESS = 0.04


class Spoken(TypedDict):
    """One utterance of the corpus; see the module."""

    text: str
    voice: str
    spellings: list[tuple[NDArray[np.int16], NDArray[np.int16]]]
    audio: NDArray[np.int16] | None
    f0: NDArray[np.float32]
    n: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Shard:
    """A part of a voice's corpus: which sentences, with audio or not, and the file it is written to."""

    speaker: str
    index: int
    audio: bool
    seed: int
    path: Path
    sentences: int = _SHARD_SENTENCES


def synthesise(text: str, espeak: Espeak, speaker: Speaker, draw: random.Random, audio: bool) -> Spoken | None:
    """One utterance; None where it is too long or espeak's events and its phonemes of `text` do not agree."""
    utterance = espeak.speak(text)
    frames = frames_of(utterance)
    if frames * FRAME_SAMPLES > _LONGEST_SECONDS * SAMPLE_RATE:
        return None
    parts = segments(text, utterance, espeak.phonemes(text))
    if not parts:
        return None
    vocab = vocabulary()
    aligned = [align(_as_pasted(parts, draw), frames, spelling, vocab) for spelling in SPELLINGS]
    samples = features.at_24_khz(utterance.samples, utterance.sample_rate, frames)
    n = features.energy(samples)
    f0 = features.pitch(samples, *speaker.f0_range_hz)
    return Spoken(
        text=text,
        voice=speaker.name,
        spellings=[(each.tokens, each.durations) for each in aligned],
        audio=np.clip(samples * 32768, -32768, 32767).astype(np.int16) if audio else None,
        f0=features.repair(f0, n, align(parts, frames, "misaki", vocab)),
        n=n,
    )


def _as_pasted(parts: Sequence[Segment], draw: random.Random) -> list[Segment]:
    """`parts`, now and then without the final mark or without stress, as people paste phonemes."""
    out = list(parts)
    if not out[-1].ipa and out[-1].mark and draw.random() < _WITHOUT_FINAL_MARK:
        out[-1] = out[-1]._replace(mark="")
    if draw.random() < _WITHOUT_STRESS:
        out = [part._replace(stress="") for part in out]
    return out


def make(shard: Shard) -> float:
    """Write `shard`'s file; the hours of speech in it."""
    speaker = SPEAKERS[shard.speaker]
    espeak = speaker.espeak()
    draw = random.Random(shard.seed * 1000003 + shard.index)
    begin = shard.index * shard.sentences
    texts = itertools.islice(sentences(shard.seed), begin, begin + shard.sentences)
    made = [spoken for text in texts if (spoken := synthesise(text, espeak, speaker, draw, shard.audio)) is not None]
    if not made:
        raise TrainingError(f"shard {shard.index} of voice {shard.speaker!r}: espeak-ng gave no usable utterance")
    _write(made, shard.path)
    return _hours(made)


def _gather(shards: Sequence[Shard], path: Path) -> str:
    """Write the utterances of `shards` to `path`; a line that says so."""
    spoken = [each for shard in shards for each in load(shard.path)]
    _write(spoken, path)
    return f"{path}: {len(spoken)} utterances, {_hours(spoken):.2f} h"


def _hours(spoken: Sequence[Spoken]) -> float:
    return sum(len(each["n"]) for each in spoken) * features.SLOT_SAMPLES / SAMPLE_RATE / 3600


def _write(spoken: Sequence[Spoken], path: Path) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    torch.save(list(spoken), part, pickle_protocol=5)  # older ones write an array as text
    part.replace(path)


def load(path: Path) -> list[Spoken]:
    """The utterances of a file of the corpus."""
    spoken: list[Spoken] = torch.load(path, weights_only=False)
    return spoken


def _seed(seed: int, speaker: str) -> int:
    """A seed of the voice's own: no two voices read the same sentences."""
    return zlib.crc32(f"{seed} {speaker}".encode())


def _digest() -> str:
    """Of the files that decide what a shard holds."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in _DECIDING)).hexdigest()[:12]


def _shards(folder: Path, speaker: str, seed: int, counts: tuple[int, int], size: int) -> list[Shard]:
    """The shards of a voice: so many with audio, then so many without, each of `size` sentences."""
    kinds = ["audio"] * counts[0] + ["plain"] * counts[1]
    stem = f"{speaker}-{_digest()}-{seed}-{size}"
    return [
        Shard(speaker, index, kind == "audio", _seed(seed, speaker), folder / f"{stem}-{index}-{kind}.pt", size)
        for index, kind in enumerate(kinds)
    ]


def build(
    out: Path, hours: float, predictor_hours: float, seed: int, workers: int, size: int = _SHARD_SENTENCES
) -> Iterator[str]:
    """Make the corpus in `out`, in shards of `size` sentences; yields a line for each step done.

    Raises:
        TrainingError: `hours` are less than half a shard, or espeak-ng is missing.
    """
    counts = round(hours / _SENTENCE_HOURS / size), round(predictor_hours / _SENTENCE_HOURS / size)
    if counts[0] < 1:
        raise TrainingError(
            f"hours: got {hours:g}, too little for one shard; give {size * _SENTENCE_HOURS:.2f} or more"
        )
    folder = out / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    plan = {name: _shards(folder, name, seed, counts, size) for name in SPEAKERS}
    # espeak-ng carries state from one utterance to the next: only in a process of its own is a shard always the same.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["torch", "training.features", "training.sentences"])
    with processes.Pool(workers, maxtasksperchild=1) as pool:
        for audio in (True, False):
            wanted = [shard for shards in plan.values() for shard in shards if shard.audio == audio]
            missing = [shard for shard in wanted if not shard.path.exists()]
            begin = time.monotonic()
            for shard, made in zip(missing, pool.imap(make, missing), strict=True):
                yield f"{shard.path.name}: {made:.2f} h after {time.monotonic() - begin:.0f} s"
            for name, shards in plan.items():
                path = out / (f"{name}.audio.pt" if audio else f"{name}.pt")
                yield _gather([shard for shard in shards if shard.audio or not audio], path)


@reporting
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; 0, or 2 with a message where the corpus cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m training.corpus", description="Make the training speech.")
    parser.add_argument("out", type=Path, help="folder for the files, one a voice")
    parser.add_argument("--hours", type=float, default=1.6, help="speech with audio, per voice (%(default)s)")
    parser.add_argument("--predictor-hours", type=float, default=3.8, help="speech without audio (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    given = parser.parse_args(arguments)
    for line in build(given.out, given.hours, given.predictor_hours, given.seed, given.workers):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

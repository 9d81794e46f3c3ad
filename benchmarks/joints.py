"""Measures how near the silence that durations tell of is to what is heard, and what timed joints make of it.

    python -m benchmarks.joints -c kokoro-82m-int8 --voices af_heart am_adam

Clauses, sentences, and first and second halves of the sentences of `benchmarks.quality`, at speeds from 0.5 to 2: each
is spoken alone, as a chunk is. A sound is what is louder than 0.5 % of the peak, as for joints that are measured.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import click
import numpy as np

from benchmarks.quality.sentences import read_sentences
from runner.api import Graph, Pipeline
from runner.engine.options import RunOptions
from runner.speech.joints import find_quiet
from runner.speech.split import Boundary, is_word_symbol
from stages.dims import SAMPLE_RATE_HZ, ModelDims
from stages.symbols import Symbol

SPEEDS = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 2.0)
_CLAUSES = 70
_CLAUSE_END = re.compile(r"[,;:—] ")
_QUIET = 0.005  # of the peak
Sides = tuple[list[float], list[float]]
"""The silence that is left before and behind chunks [s]."""


def list_chunks() -> Iterator[str]:
    """List the chunks that are spoken, as phonemes: parts at the first comma, then parts at words."""
    found: list[str] = []
    sentences = [sentence.phonemes for sentence in read_sentences()]
    for phonemes in sentences:
        ends = (mark for mark in _CLAUSE_END.finditer(phonemes) if phonemes[: mark.start()].count(" ") > 1)
        for mark in [*ends][:1]:
            found += [phonemes[: mark.start() + 1], phonemes[mark.end() :]]
    yield from found[:_CLAUSES]
    rng = np.random.default_rng(0)
    for words in (phonemes.split(" ") for phonemes in sentences[::2]):
        if len(words) > 6:  # three on either side, and one to choose
            at = int(rng.integers(3, len(words) - 3))
            yield from (" ".join(words[:at]), " ".join(words[at:]))


def measure_chunk(pipeline: Pipeline, phonemes: str, voice: str, speed: float) -> dict[Boundary, tuple[float, float]]:
    """Speak a chunk; gives what timed joints leave of the silence before and behind it, for boundaries that may be."""
    result = pipeline.run({"phonemes": phonemes, "voice": voice}, RunOptions({"speed": speed}))
    loud = np.flatnonzero(np.abs(result["audio"]) > _QUIET * np.abs(result["audio"]).max())
    heard = (int(loud[0]), result["audio"].size - 1 - int(loud[-1]))
    symbols = [Symbol(symbol, column) for column, symbol in enumerate(phonemes, 1)]
    assert isinstance(pipeline.dims, ModelDims)
    frame_s = pipeline.dims.frame_samples / SAMPLE_RATE_HZ
    edges = find_quiet(symbols, result["durations"], frame_s).edges(SAMPLE_RATE_HZ)
    ends = [Boundary.WORD] if is_word_symbol(phonemes[-1]) else [Boundary.SENTENCE, Boundary.CLAUSE]
    left = {}
    for boundary in ends:
        trims = [edge.trim(boundary, SAMPLE_RATE_HZ) for edge in edges]
        before, after = (quiet - cut + added for quiet, (cut, added) in zip(heard, trims, strict=True))
        left[boundary] = (before / SAMPLE_RATE_HZ, after / SAMPLE_RATE_HZ)
    return left


def describe(boundary: Boundary, sides: Sides) -> str:
    """Describe the pauses between chunks that follow each other by chance."""
    rng = np.random.default_rng(0)
    before, after = (rng.choice(side, 10_000) for side in sides)
    low, median, high = np.quantile(before + after, (0.05, 0.5, 0.95))
    lost = max(0.0, -min(sides[0]), -min(sides[1]))
    counted = f"{boundary.name.lower():8} {len(sides[1]):4} chunks"
    return (
        f"{counted}  pause {median:.2f} s ({low:.2f} to {high:.2f}), asked {boundary.value} s  sound lost {lost:.3f} s"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Speak the chunks, and print a line for each kind of boundary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-c", dest="overlays", action="append", default=[], help="a model; the default one without")
    parser.add_argument("--voices", nargs="+", default=["low", "high"], help="voices that take turns")
    asked = parser.parse_args(arguments)
    pipeline = Pipeline(Graph.load("default", asked.overlays).timed())
    pipeline.build()
    left: dict[Boundary, Sides] = defaultdict(lambda: ([], []))
    for number, phonemes in enumerate(list_chunks()):
        speed = SPEEDS[(3 * number + number // 8) % 8]
        voice = asked.voices[number % len(asked.voices)]
        for boundary, (before, after) in measure_chunk(pipeline, phonemes, voice, speed).items():
            left[boundary][0].append(before)
            left[boundary][1].append(after)
    for boundary, sides in left.items():
        click.echo(describe(boundary, sides))


if __name__ == "__main__":
    main()

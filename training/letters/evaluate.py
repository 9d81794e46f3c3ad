"""Measures what the model says of the words held out, and lists how it says names.

phoneme error   edits of symbols, of those of the lexicon; a stress mark is a symbol
word error      words with any edit
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from stages.text.spelling import decode, encode
from training.letters.lexicon import Entry
from training.letters.prepare import HELD_OUT, read_entries
from training.letters.tagger import Tagger
from training.measures import word_errors

NAMES = Path(__file__).with_name("names.txt")
_STRESS = re.compile("[ˈˌ]")
_TOGETHER = 200  # words in one run


class Errors(NamedTuple):
    """Shares of 1, with the marks of stress and without."""

    phonemes: float
    words: float
    phonemes_unstressed: float
    words_unstressed: float

    def __str__(self) -> str:
        percent = [f"{100 * share:.1f}" for share in self]
        return f"phonemes {percent[0]} %, words {percent[1]} % (without stress {percent[2]}, {percent[3]})"


def measure(entries: Sequence[Entry], said: Sequence[str]) -> Errors:
    """Measure the errors of what was said for the words of `entries`."""
    pairs = [(each.phonemes, got) for each, got in zip(entries, said, strict=True)]
    plain = [(_STRESS.sub("", expected), _STRESS.sub("", got)) for expected, got in pairs]
    return Errors(*_rates(pairs), *_rates(plain))


def _rates(pairs: Sequence[tuple[str, str]]) -> tuple[float, float]:
    edits = [word_errors(expected, got) for expected, got in pairs]  # a symbol in place of a word
    return sum(edits) / sum(len(expected) for expected, _ in pairs), sum(map(bool, edits)) / len(edits)


@torch.no_grad()
def say(model: Tagger, entries: Sequence[Entry]) -> list[str]:
    """Say the words of `entries`, many of a dialect in a run, as the stage is run."""
    said = [""] * len(entries)
    for british in (False, True):
        places = [at for at, each in enumerate(entries) if each.british == british]
        for first in range(0, len(places), _TOGETHER):
            some = places[first : first + _TOGETHER]
            words = [entries[at].word for at in some]
            scores = model(torch.tensor([encode(words, british=british)]))[0].tolist()
            for at, phonemes in zip(some, decode(words, scores), strict=True):
                said[at] = phonemes
    return said


def report(model: Tagger, folder: Path) -> str:
    """Make the tables of card.md.

    Raises:
        TrainingError: the words are not prepared.
    """
    entries = read_entries(folder / HELD_OUT)
    said = say(model, entries)
    lines = ["| words held out | entries | phoneme error | word error | without stress: phonemes | words |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for name, chosen in _list_parts(entries):
        errors = measure([entries[at] for at in chosen], [said[at] for at in chosen])
        lines += [f"| {name} | {len(chosen)} | {' | '.join(f'{100 * share:.1f} %' for share in errors)} |"]
    return "\n".join([*lines, "", *_list_names(model)]) + "\n"


def _list_parts(entries: Sequence[Entry]) -> Iterable[tuple[str, list[int]]]:
    places = range(len(entries))
    yield "all", list(places)
    for british, name in ((False, "American"), (True, "British")):
        yield name, [at for at in places if entries[at].british == british]
    for quality in ("gold", "silver"):
        yield quality, [at for at in places if entries[at].quality == quality]


def _list_names(model: Tagger) -> list[str]:
    names = NAMES.read_text("utf-8").split()
    spoken = [say(model, [Entry(name, british, "", "") for name in names]) for british in (False, True)]
    rows = [f"| {name} | {us} | {gb} |" for name, us, gb in zip(names, *spoken, strict=True)]
    return ["| name | American | British |", "|---|---|---|", *rows]

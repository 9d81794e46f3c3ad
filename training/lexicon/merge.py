"""Merges the four lexicons into one list of words: American and British side by side, gold before silver.

Differs from the sources in two ways. A silver entry that cannot be found, since a gold one has its word (capitalised or
not), is left out. And two symbols become those that Kokoro was trained with: the flap ɾ becomes T (American only), the
glottal stop ʔ becomes t.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from stages.text.lexicon import KEYS
from training.errors import TrainingError
from training.lexicon.wheel import Phonemes, Sources, Words

_MODEL_SYMBOLS = str.maketrans({"ɾ": "T", "ʔ": "t"})


class Graded(NamedTuple):
    """An entry, and whether it is a gold one."""

    gold: bool
    phonemes: Phonemes


class Word(NamedTuple):
    """A word with its entry in each variety, None where the lexicons of the variety lack it."""

    spelling: str
    american: Graded | None
    british: Graded | None


def merge(sources: Sources) -> list[Word]:
    """The words of all lexicons, in the order of their ASCII bytes."""
    american = _grade(sources.us_gold, sources.us_silver)
    british = _grade(sources.gb_gold, sources.gb_silver)
    return [Word(word, american.get(word), british.get(word)) for word in sorted({*american, *british})]


def _grade(gold: Words, silver: Words) -> dict[str, Graded]:
    found = {word for spelling in gold for word in _spellings(spelling)}
    graded = {word: Graded(False, _convert(word, entry)) for word, entry in silver.items() if word not in found}
    return graded | {word: Graded(True, _convert(word, entry)) for word, entry in gold.items()}


def _spellings(word: str) -> Iterable[str]:
    """The spellings that a word is found by: `Lexicon` ignores the case of a first letter."""
    return {word, word.lower(), word.capitalize()} if word in (word.lower(), word.capitalize()) else {word}


def _convert(word: str, entry: Phonemes) -> Phonemes:
    if not word.isascii():
        raise TrainingError(f"word {word!r}: got letters outside ASCII, which the format of the lexicon lacks")
    if isinstance(entry, str):
        return entry.translate(_MODEL_SYMBOLS)
    _check_keys(word, entry)
    return {key: phonemes and phonemes.translate(_MODEL_SYMBOLS) for key, phonemes in entry.items()}


def _check_keys(word: str, entry: Mapping[str, str | None]) -> None:
    unknown = sorted(entry.keys() - set(KEYS))
    if unknown or "DEFAULT" not in entry:
        raise TrainingError(f"word {word!r}: got the variants {', '.join(entry)}; expected DEFAULT and some of {KEYS}")

"""The stages of English text, one after the other, as `graphs/text.yaml` wires them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stages.g2p import g2p
from stages.lexicon import lexicon
from stages.normalize import normalize
from stages.text.chunks import CHUNKS
from stages.text.spelling import LETTERS
from tests.conftest import ROOT

VOCAB: Mapping[str, int] = json.loads((ROOT / "configs/models/kokoro-82m/config.json").read_text("utf-8"))["vocab"]
Score = Callable[[np.ndarray], np.ndarray]
"""Gives the scores [1, letters, chunks] of ids of letters, as the stage `letters` does."""


class Front(NamedTuple):
    """What the stages gave.

    Attributes:
        words: of each, as the user wrote it, its phonemes, and where these are from.
        rows: of the port `words`.
    """

    phonemes: str
    words: list[tuple[str, str, str]]
    rows: list[list[int]]


def run_front(
    text: str, *, lang: str = "en-us", lexicon_: str = "", score: Score | None = None, vocab: Mapping[str, int] = VOCAB
) -> Front:
    """Run the stages; by default every letter of an unknown word says its own name in small letters."""
    said: Any = normalize(text, lang, lexicon_, vocab=vocab)
    known: Any = lexicon(said["spoken"], said["tokens"], said["given"], lang, "letters")
    scores = (score or say_letters)(known["letters"])
    found: Any = g2p(said["spoken"], said["tokens"], known["parts"], scores, lang)
    rows = found["words"].tolist()
    words = [
        (text[start:end], found["phonemes"][first:last], source)
        for (start, end, first, last), source in zip(rows, found["sources"].split(), strict=True)
    ]
    return Front(found["phonemes"], words, rows)


def say_letters(ids: np.ndarray) -> np.ndarray:
    """Score letters: each says the phoneme that is written as it is, the first one that may be is stressed."""
    return score_chunks([_CHUNKS.get(_letter(int(each)), ("",)) for each in ids[0]])


def score_chunks(wanted: Sequence[Sequence[str]]) -> np.ndarray:
    """Score the chunks that each letter says, the likeliest first."""
    scores = np.zeros((1, len(wanted), len(CHUNKS)), np.float32)
    for at, chunks in enumerate(wanted):
        for place, chunk in enumerate(chunks):
            scores[0, at, CHUNKS.index(chunk)] = 9 - place
    return scores


_VOWELS = {"a": "æ", "e": "ɛ", "i": "ɪ", "o": "ɑ", "u": "ʌ"}
_CHUNKS = {letter: (letter,) for letter in LETTERS if letter in CHUNKS} | {
    letter: (f"ˈ{vowel}", vowel) for letter, vowel in _VOWELS.items()
}


def _letter(number: int) -> str:
    return LETTERS[(number - 1) % 32] if number else ""

"""The letters of unknown words as ids, and the model's scores of their sounds as phonemes.

    words --encode--> ids, one word after the other, gaps between --stages/letters.py--> scores [letter, chunk]
    words, scores --decode--> phonemes

Each letter says one chunk of phonemes, mostly of one, often of none: "phase" is f|-|ˈA|z|-. Every word in a lexicon has
exactly one primary stress; so has every decoded one, on the letter that loses least by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from stages.text.chunks import CHUNKS, STRESSED

LETTERS = "abcdefghijklmnopqrstuvwxyz'-"
GAP = 2
"""Zeros between two words, and at most as many as a convolution of the model reaches."""

SPOKEN = str.maketrans({"ɾ": "T", "ʔ": "t"})
"""How Kokoro was trained to say the flap and the glottal stop of the lexicons."""

_TWICE = re.compile("([bdfɡhkmnpstvzʃʒʤʧθðlɹ])\\1")  # both letters of "Russell" said their consonant
IDS = 64
_BRITISH = 32  # the ids of a British word lie this much higher
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i", "’": "'", "ʼ": "'"}
)


def spell(word: str) -> str:
    """Spell a word with the letters that the model knows: small ones without accents; others are left out."""
    plain = unicodedata.normalize("NFKD", word.lower().translate(_PLAIN))
    return "".join(letter for letter in plain if letter in LETTERS)


def encode(words: Sequence[str], *, british: bool) -> list[int]:
    """Encode words, one after the other, with gaps between them; the first letter of the first word comes first."""
    first = 1 + (_BRITISH if british else 0)
    ids: list[int] = []
    for word in words:
        ids += [0] * GAP if ids else []
        ids += [first + LETTERS.index(letter) for letter in spell(word)]
    return ids


def decode(words: Sequence[str], scores: Sequence[Sequence[float]]) -> list[str]:
    """Decode the phonemes of words.

    Args:
        words: as `encode` was given them.
        scores: a row for each id that it gave, a column for each of `CHUNKS`.

    Returns:
        the phonemes of each word; none for a word without letters.
    """
    found: list[str] = []
    at = 0
    for word in words:
        at += GAP if at else 0
        letters = len(spell(word))
        found.append(_decode_word(scores[at : at + letters]))
        at += letters
    return found


def _decode_word(rows: Sequence[Sequence[float]]) -> str:
    """Choose the best chunk of each letter, among the choices in which one chunk has the primary stress."""
    said: list[str] = []
    stressed, place, least = "", 0, float("inf")
    for at, row in enumerate(rows):
        high, low = list(row[:STRESSED]), list(row[STRESSED:])
        best, plain = max(high), max(low)
        said.append(CHUNKS[STRESSED + low.index(plain)])
        if plain - best < least:
            stressed, place, least = CHUNKS[high.index(best)], at, plain - best
    return _TWICE.sub(r"\1", "".join([*said[:place], stressed, *said[place + 1 :]]))

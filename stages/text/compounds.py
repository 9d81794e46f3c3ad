"""Splits words into parts that may be words (well-known, McDonald), and joins their phonemes under one stress."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from stages.text.endings import Ending, add_ending
from stages.text.stress import CONSONANTS, PRIMARY, VOWELS, subordinate, weigh

_PIECES = re.compile(r"-+|[^\W\d_](?:[^\W_]|')*|.", re.DOTALL)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # iPhone: i, Phone; HTMLParser: HTML, Parser
_VOWEL_LETTERS = frozenset("aeiouAEIOU")


Source = Literal["lexicon", "rule", "model", "espeak", "override", "unknown"]


class Part(NamedTuple):
    """A part of a word.

    Attributes:
        text: its letters.
        phonemes: its phonemes, None if they are unknown.
        possessive: whether 's follows an unknown part, which `complete` adds.
        source: where the phonemes are from: the lexicon, a rule, the model of letters, espeak-ng, or the user.
    """

    text: str
    phonemes: str | None
    possessive: bool = False
    source: Source = "unknown"


def complete(part: Part, phonemes: str, british: bool) -> Part:
    """The unknown part with the phonemes that its letters have."""
    said = add_ending(phonemes, Ending(part.text, "s"), british) if part.possessive else phonemes
    return Part(part.text, said, source="model")


def split(word: str) -> list[str]:
    """The pieces of `word`: hyphens and what is between them, cut before capitals. Joined they are `word`."""
    return [piece for run in _PIECES.findall(word) for piece in _HUMP.split(run) if piece]


def join(parts: Sequence[Part]) -> str | None:
    """The phonemes of the whole word; None if a part is unknown.

    If most of the parts have a primary stress, the lighter half of them gives it up: wˌɛl-nˈOn. After a single letter
    the letter has it: ˈɛks-ɹˌA.
    """
    known = [part.phonemes for part in parts if part.phonemes is not None]
    if len(known) < len(parts):
        return None
    if len(known) == 2 and len(parts[0].text) == 1:
        return known[0] + subordinate(known[1])
    if sum(PRIMARY in each for each in known) > (len(known) + 1) // 2:
        order = sorted(range(len(known)), key=lambda place: (PRIMARY in known[place], weigh(known[place]), place))
        for place in order[: len(known) // 2]:
            known[place] = subordinate(known[place])
    return "".join(known)


def find_source(parts: Sequence[Part]) -> Source:
    """Find where the phonemes of the whole word are from: one part of the model, or espeak-ng, is enough."""
    if len(parts) == 1:
        return parts[0].source
    return next((part.source for part in parts if part.source in ("model", "espeak")), "rule")


def begins_with_vowel(parts: Sequence[Part], otherwise: bool | None) -> bool | None:
    """Whether a word begins with a vowel: of an unknown one its first letter tells; `otherwise` if it has no sound.

    The article a counts as no sound, as in the phonemes that Kokoro was trained with: "to a man" has the "to" of "to
    man".
    """
    if not parts:
        return otherwise
    first = parts[0]
    if first.phonemes is None:
        return first.text[:1] in _VOWEL_LETTERS
    return next((each in VOWELS for each in first.phonemes if each in VOWELS or each in CONSONANTS), otherwise)

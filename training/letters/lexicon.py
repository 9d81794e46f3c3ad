"""The words that the model learns from: misaki's lexicons, each with how Americans or Britons say it.

    misaki's wheel --us_gold, us_silver, gb_gold, gb_silver--> Entry(word, british, phonemes), sorted

Words are taken in small letters. Left out are what no rule of spelling gives: all-caps, which are spoken letter by
letter, single letters, and fragments such as 's.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import NamedTuple

from stages.text.spelling import LETTERS
from training.errors import TrainingError

_DIALECTS = {"us": False, "gb": True}
_QUALITIES = ("gold", "silver")  # checked by hand; derived from those. The first to have a word wins
_USUAL = "DEFAULT"
_FEWEST_LETTERS = 2


class Entry(NamedTuple):
    """One way to say a word.

    Attributes:
        word: in small letters.
        british: whether Britons say it so; Americans otherwise.
        phonemes: Kokoro's symbols, the stress mark before the vowel.
        quality: "gold" or "silver".
    """

    word: str
    british: bool
    phonemes: str
    quality: str


def read(wheel: Path) -> list[Entry]:
    """Read the entries of all lexicons, the usual way where a word is said in several.

    Raises:
        TrainingError: the wheel or a lexicon in it is not there.
    """
    entries: dict[tuple[bool, str], Entry] = {}
    for dialect, british in _DIALECTS.items():
        for quality in _QUALITIES:
            for word, said in _load(wheel, f"misaki/data/{dialect}_{quality}.json").items():
                usual = said if isinstance(said, str) else said.get(_USUAL)
                if usual and _is_spelled(word):
                    lower = word.lower()
                    entries.setdefault((british, lower), Entry(lower, british, usual, quality))
    return [entries[key] for key in sorted(entries)]


def _is_spelled(word: str) -> bool:
    """Whether a word's letters say how it sounds."""
    fragment = word[0] in "'-" or word[-1] in "'-"
    known = all(letter in LETTERS for letter in word.lower())
    return known and len(word) >= _FEWEST_LETTERS and not word.isupper() and not fragment


def _load(wheel: Path, name: str) -> dict[str, str | dict[str, str | None]]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            found: dict[str, str | dict[str, str | None]] = json.loads(archive.read(name))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        fetch = "get it by `pip download misaki==0.9.4 --no-deps`"
        raise TrainingError(f"{wheel}: {name}: {error}; expected the wheel of misaki 0.9.4; {fetch}") from None
    return found

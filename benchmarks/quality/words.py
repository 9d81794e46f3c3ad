"""The words of written English, so that spellings of the same speech compare as equal.

    "Flight 482 leaves at 9:30."  and  "flight four eighty-two leaves at nine thirty"
        -> flight 4 8 2 leaves at 9 3 0

Source: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision (2022), appendix C; its normaliser
comes from `transformers`, and numbers are cut into digits here.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

# A word is letters, or one digit: "415 555" and "415555" are read out alike. A point inside a number is a word too.
_WORD = re.compile(r"[^\W\d_]+|\d|\.(?=\d)|[$£€%]")


def words(text: str) -> list[str]:
    """The words of a text, lower case, without punctuation; "twenty-five dollars" and "$25" are the same."""
    return _WORD.findall(_normaliser()(text))


@functools.cache
def _normaliser() -> Any:
    normaliser: Any = EnglishTextNormalizer  # it has no types
    return normaliser({})  # no table of British spellings: both sides are American

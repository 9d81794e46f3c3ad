"""Tells words that a language cannot speak: those in another script, and symbols that say nothing."""

from __future__ import annotations

import unicodedata

_ANYWHERE = ("LATIN", "FULLWIDTH LATIN", "MODIFIER", "FEMININE", "MASCULINE", "MICRO")
_SILENT = frozenset("*#~^_|`<>")  # of separators, headings and lists


def is_foreign(word: str, script: str) -> bool:
    """Whether a word has a letter that is neither Latin nor of `script`; a Greek letter alone is a sign, as in 3 π."""
    letters = [symbol for symbol in word if symbol.isalpha()]
    if len(letters) == 1 and unicodedata.name(letters[0], "").startswith("GREEK"):
        return False
    return any(not unicodedata.name(symbol, "").startswith((script, *_ANYWHERE)) for symbol in letters)


def is_silent(word: str) -> bool:
    """Whether a word is of emoji, or of symbols that are not read out."""
    return all(symbol in _SILENT or unicodedata.category(symbol) in ("So", "Sk", "Cf", "Cn", "Mn") for symbol in word)

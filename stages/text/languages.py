"""The languages of Kokoro's voices that espeak-ng speaks, by the names that people give them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Dialect = Literal["american", "british", "other"]


class Language(NamedTuple):
    """A language.

    Attributes:
        name: of parameters and messages.
        letter: the one that its voices begin with: `ff_siwis` is French.
        voice: espeak-ng's name of it.
        dialect: which table of `stages.text.espeak` spells it.
        script: of its letters, as Unicode calls it, beside Latin.
    """

    name: str
    letter: str
    voice: str
    dialect: Dialect = "other"
    script: str = "LATIN"


_LANGUAGES = (
    Language("en-us", "a", "en-us", "american"),
    Language("en-gb", "b", "en", "british"),
    Language("es", "e", "es"),
    Language("fr", "f", "fr"),
    Language("hi", "h", "hi", script="DEVANAGARI"),
    Language("it", "i", "it"),
    Language("pt-br", "p", "pt-br"),
)
_BY_NAME = {name: each for each in _LANGUAGES for name in (each.letter, each.name)}
_BY_NAME["fr-fr"] = _BY_NAME["fr"]  # Kokoro's own name
_BY_NAME["en"] = _BY_NAME["en-us"]
LANGUAGES = tuple(each.name for each in _LANGUAGES)


def find_language(name: str) -> Language:
    """Find a language by its name or its letter.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    found = _BY_NAME.get(name)
    if found is None:
        known = ", ".join(f"{each.name} ({each.letter})" for each in _LANGUAGES)
        raise ValueError(f"no language '{name}'; expected one of {known}")
    return found

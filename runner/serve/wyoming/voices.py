"""Finds the languages of voices: Kokoro's names begin with a letter for one, `bf_emma` is British."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.errors import RunError
from stages.text.languages import find_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.serve.service import Service

LANG = "lang"  # the parameter of graphs that speak more than one
_LETTER = re.compile(r"[a-z](?=[fm]_)")
_OTHERS = {"j": "ja", "z": "zh"}  # spoken by stages of other packages, which no parameter says


class VoiceLanguages:
    """The voices of a service, and what each speaks there.

    Attributes:
        names: the voices.
    """

    def __init__(self, service: Service) -> None:
        """Find out which languages of the voices the graph speaks; takes some milliseconds for each."""
        self.names: Sequence[str] = service.voices.names
        self._aliases = service.voices.aliases
        params = service.pipeline.graph.params
        self._own = str(params[LANG]) if LANG in params else None
        wanted = {own for name in self.names if (own := _find_own(name)) is not None}
        self._spoken = {lang for lang in wanted if self._own is not None and service.speaks({LANG: lang})}

    def find(self, voice: str | None) -> str | None:
        """Find the value of `lang` for a voice, or a mix; None for that of the graph."""
        name = self._aliases.get(voice or "") or voice or ""
        own = _find_own(name)
        return own if own in self._spoken else None

    def spell(self, voice: str) -> str:
        """Spell the language that a voice speaks as clients know it: en-US."""
        own = _find_own(voice)
        if self._own is None:
            letter = _LETTER.match(voice)
            lang = own or _OTHERS.get(letter[0] if letter else "", "en-us")
        else:
            lang = self.find(voice) or _find_name(self._own)
        language, _, country = lang.partition("-")
        return f"{language}-{country.upper()}" if country else language

    def choose(self, language: str) -> str:
        """Choose a voice for a language: the first of it, else the first of another country's.

        Raises:
            RunError: there is none.
        """
        wanted = language.replace("_", "-").lower()
        spoken = {name: self.spell(name).lower() for name in self.names}
        for part in (wanted, wanted.partition("-")[0]):
            for name, each in spoken.items():
                if part in (each, each.partition("-")[0]):
                    return name
        known = ", ".join(sorted({self.spell(name) for name in self.names}))
        raise RunError(f"no voice speaks '{language}'; expected one of {known}")


def _find_name(lang: str) -> str:
    """Find the name of a language by its letter; another graph may have languages of its own."""
    try:
        return find_language(lang).name
    except ValueError:
        return lang


def _find_own(voice: str) -> str | None:
    """Find the language that the name of a voice tells; None if it tells none that `lang` may be."""
    letter = _LETTER.match(voice)
    try:
        return find_language(letter[0]).name if letter else None
    except ValueError:
        return None

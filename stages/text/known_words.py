"""Pronounces words that the lexicon has, and those that are made of its words: with endings, affixes, short forms.

A word with a capital is stressed if the lexicon has it without stress (And -> ˌænd), one in capitals the more
(NOT -> nˈɑt). Capitals that are no word are read letter by letter (CPU).
"""

from __future__ import annotations

from collections.abc import Mapping

from stages.text.affixes import add_affix, find_affixed_stems
from stages.text.endings import Ending, add_ending, add_short_form, find_stems, split_short_form
from stages.text.lexicon import Lexicon, Phonemes
from stages.text.stress import PRIMARY, SECONDARY, add_stress, strengthen, weaken
from stages.text.variants import find_variants
from stages.text.weak_forms import Context, choose_key

_VOWEL_LETTERS = frozenset("AEIOUY")
_PARENTS = {"VBD": "VERB", "VBN": "VERB", "VBP": "VERB"}

# Words that people write in capitals for emphasis, though the lexicon has them as abbreviations too.
_EMPHASISED = frozenset(("ACT", "ADD", "AM", "AS", "BE", "HE", "HI", "IN", "IS", "LED", "ME", "OH", "OR", "SAT", "WHO"))
_SHORTEST_SILVER = 5  # letters: a shorter word in capitals is an abbreviation, unless a gold entry has it
_SHORTEST_SAYABLE = 4  # letters of an unknown word among words in capitals, which is then no abbreviation
_DEEPEST = 3  # affixes and endings of one word: over-world-er-s


class KnownWords:
    """The words of one variety of English."""

    def __init__(self, lexicon: Lexicon, british: bool = False) -> None:
        self._lexicon, self._british = lexicon, british

    def has(self, word: str) -> bool:
        """Whether the lexicon has the word itself, perhaps in other capitals."""
        return any(self._lexicon.find(each, self._british) is not None for each in (word, word.lower()))

    def spell(self, word: str) -> str | None:
        """The names of the letters of `word`, the last one stressed; None if it has another character than letters."""
        names = [self._lexicon.find(letter.upper(), self._british) for letter in word if letter not in ".'-"]
        if not names or not all(isinstance(name, str) for name in names):
            return None
        before, _, last = weaken("".join(map(str, names))).rpartition(SECONDARY)
        return f"{before}{PRIMARY}{last}"

    def pronounce(self, word: str, key: str | None, context: Context) -> str | None:
        """The phonemes of `word` as the part of speech `key`; None if it is unknown."""
        if len(word) > 1 and word.isupper():
            return self._look_up_capitals(word, key, context)
        if len(word) == 1:
            return self.spell(word)
        phonemes = self._find(word, key, context) or self._derive(word, key, context)
        if phonemes or word.islower():
            return phonemes and (phonemes if word.islower() else add_stress(phonemes))
        phonemes = self._derive(word.lower(), key, context) if word[1:].islower() else None
        return phonemes and add_stress(phonemes)

    def _look_up_capitals(self, word: str, key: str | None, context: Context) -> str | None:
        """A word in capitals: a word if the ones around it are in capitals too, or if people know it as a word."""
        if word.endswith("'S"):
            stem = self.pronounce(word[:-2], key, context)
            return stem and add_ending(stem, Ending(word[:-2], "s"), self._british)
        lower, exact = word.lower(), self._lexicon.find_gold(word, self._british)
        abbreviation = not context.shouted and word not in _EMPHASISED
        if isinstance(exact, Mapping) and abbreviation and exact.get("NOUN", "") is None:
            return self.spell(word)
        phonemes = self._choose(word, exact, key, context)
        if not phonemes and (context.shouted or len(word) >= _SHORTEST_SILVER):
            phonemes = self._find(lower, key, context) or self._derive(lower, key, context)
        phonemes = phonemes or self._choose(lower, self._lexicon.find_gold(lower, self._british), key, context)
        if phonemes:
            return strengthen(phonemes)
        sayable = context.shouted and len(word) >= _SHORTEST_SAYABLE and not _VOWEL_LETTERS.isdisjoint(word)
        return None if sayable else self.spell(word)

    def _find(self, word: str, key: str | None, context: Context) -> str | None:
        found = find_variants(word, british=self._british) or self._lexicon.find(word, self._british)
        return self._choose(word, found, key, context)

    def _choose(self, word: str, found: Phonemes | None, key: str | None, context: Context) -> str | None:
        """The variant of a word's entry that is meant."""
        if found is None or isinstance(found, str):
            return found
        wanted = choose_key(word, key, context) or "DEFAULT"
        if wanted == "None" and wanted not in found:
            wanted = key or "DEFAULT"
        if wanted not in found:
            wanted = _PARENTS.get(wanted, "DEFAULT")
        return found.get(wanted, found["DEFAULT"]) or self.spell(word)

    def _derive(self, word: str, key: str | None, context: Context, depth: int = _DEEPEST) -> str | None:
        """The phonemes of `word` by its stem and its ending, short form or affix."""
        for ending in find_stems(word):
            phonemes = self._find_stem(ending.stem, key, context)
            if phonemes:
                phonemes = add_stress(phonemes) if ending.name == "ing" else phonemes
                return add_ending(phonemes, ending, self._british)
        short = split_short_form(word)
        phonemes = self._find_stem(short[0], key, context) if short else None
        if short and phonemes:
            return add_short_form(phonemes, short[1], self._british)
        return self._derive_by_affix(word, key, context, depth) if depth else None

    def _derive_by_affix(self, word: str, key: str | None, context: Context, depth: int) -> str | None:
        for stem, affix in find_affixed_stems(word):
            gold = self._choose(stem, self._lexicon.find_gold(stem, self._british), key, context)
            phonemes = gold or self._derive(stem, key, context, depth - 1)
            if phonemes:
                return add_affix(phonemes, stem, affix, self._british)
        for ending in find_stems(word):
            phonemes = self._derive_by_affix(ending.stem, key, context, depth - 1) if depth > 1 else None
            if phonemes:
                return add_ending(phonemes, ending, self._british)
        return None

    def _find_stem(self, stem: str, key: str | None, context: Context) -> str | None:
        if len(stem) > 1 and stem.isupper():
            return self._look_up_capitals(stem, key, context)
        return self._find(stem, key, context) or (self.spell(stem) if len(stem) == 1 else None)

"""Pronounces one word: by the lexicon, by its parts, or by its letters.

    word --> small word (the, to, a ...)? --> its rule
         --> letters and full stops (U.S.)? --> letter by letter
         --> in the lexicon?  --> the variant for its part of speech
         --> stem with an ending (-s, -ed, -ing, 's, 'll)? --> stem and ending
         --> capitals? --> letter by letter
         --> parts (well-known, McDonald)? --> each part, then the stress of the whole
         --> unknown

A word with a capital is stressed if the lexicon has it without stress (And -> ˌænd), one in capitals the more
(NOT -> nˈɑt).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping

from stages.text.affixes import add_affix, find_affixed_stems
from stages.text.compounds import Part, begins_with_vowel, join, split
from stages.text.endings import Ending, add_ending, add_short_form, find_stems, split_short_form
from stages.text.lexicon import Lexicon, Phonemes
from stages.text.stress import PRIMARY, SECONDARY, add_stress, strengthen, weaken
from stages.text.weak_forms import Context, choose_key, pronounce_weak_form

_REMEMBERED_WORDS = 1 << 14
_APOSTROPHES = str.maketrans("‘’ʼ", "'''")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}\.?")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "Oe", "Æ": "Ae", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l"})
_BRITISH_S = re.compile(r"(?<=i)s(?=(?:e[drs]?|ers|ing|ations?)(?:'s?)?$)")  # civilisation
_PARENTS = {"VBD": "VERB", "VBN": "VERB", "VBP": "VERB"}

# Words that people write in capitals for emphasis, though the lexicon has them as abbreviations too.
_EMPHASISED = frozenset(("ACT", "ADD", "AM", "AS", "BE", "HE", "HI", "IN", "IS", "LED", "ME", "OH", "OR", "SAT", "WHO"))
_SHORTEST_SILVER = 5  # letters: a shorter word in capitals is an abbreviation, unless a gold entry has it
_DEEPEST = 3  # affixes and endings of one word: over-world-er-s


class Pronouncer:
    """The words of one variety of English."""

    def __init__(self, lexicon: Lexicon, british: bool = False) -> None:
        self._lexicon, self._british = lexicon, british
        self.pronounce_parts = functools.lru_cache(_REMEMBERED_WORDS)(self._pronounce_parts)

    def pronounce(self, word: str, key: str | None = None, context: Context = Context()) -> str | None:  # noqa: B008
        """The phonemes of `word`; None if it, or a part of it, is unknown.

        Args:
            word: as the user wrote it, with its capitals.
            key: its part of speech: a key of the lexicon's variants, or a tag such as IN or DT.
            context: what is around it.
        """
        return join(self.pronounce_parts(word, key, context))

    def spell(self, word: str) -> str | None:
        """The names of the letters of `word`, the last one stressed; None if it has another character than letters."""
        names = [self._lexicon.find(letter.upper(), self._british) for letter in word if letter not in ".'-"]
        if not names or not all(isinstance(name, str) for name in names):
            return None
        before, _, last = weaken("".join(map(str, names))).rpartition(SECONDARY)
        return f"{before}{PRIMARY}{last}"

    def _pronounce_parts(self, word: str, key: str | None, context: Context) -> tuple[Part, ...]:
        """The parts of `word`, each with its phonemes or, if it is unknown, None. A word that is known is one part."""
        word = unicodedata.normalize("NFKC", word).translate(_APOSTROPHES)
        whole = self._pronounce_whole(word, key, context)
        pieces = [] if whole else split(word)
        if len(pieces) < 2:
            return (Part(word, whole) if whole else _make_unknown(word),)
        return tuple(self._pronounce_pieces(pieces, key, context))

    def _pronounce_pieces(self, pieces: list[str], key: str | None, context: Context) -> list[Part]:
        """From the last piece back: the longest run of pieces that is a word, then the run before it."""
        parts: list[Part] = []
        end = len(pieces)
        while end:
            begin, phonemes = self._find_run(pieces, end, key, context)
            text = "".join(pieces[begin:end])
            if text.strip("-'"):
                parts.insert(0, Part(text, phonemes) if phonemes else _make_unknown(text))
                context = context._replace(vowel=begins_with_vowel(parts[:1], context.vowel), before_to=False)
            end = begin
        return parts

    def _find_run(self, pieces: list[str], end: int, key: str | None, context: Context) -> tuple[int, str | None]:
        """The first piece of the longest known word that ends before `end`, and its phonemes."""
        for begin in range(end):
            word = "".join(pieces[begin:end])
            phonemes = self._pronounce_whole(word, _choose_tag(word, begin == 0 or end == len(pieces), key), context)
            if phonemes:
                return begin, phonemes
        return end - 1, None

    def _pronounce_whole(self, word: str, key: str | None, context: Context) -> str | None:
        if not word.strip("'-."):
            return None
        phonemes = pronounce_weak_form(word, key, context)
        if phonemes:
            return phonemes
        if _DOTTED.fullmatch(word):
            return self.spell(word)
        return next(filter(None, (self._look_up(each, key, context) for each in _readings(word))), None)

    def _look_up(self, word: str, key: str | None, context: Context) -> str | None:
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
            stem = self._look_up(word[:-2], key, context)
            return stem and add_ending(stem, Ending(word[:-2], "s"), self._british)
        lower, exact = word.lower(), self._lexicon.find_gold(word, self._british)
        abbreviation = not context.shouted and word not in _EMPHASISED
        if isinstance(exact, Mapping) and abbreviation and exact.get("NOUN", "") is None:
            return self.spell(word)
        phonemes = self._choose(word, exact, key, context)
        if not phonemes and (context.shouted or len(word) >= _SHORTEST_SILVER):
            phonemes = self._find(lower, key, context) or self._derive(lower, key, context)
        phonemes = phonemes or self._choose(lower, self._lexicon.find_gold(lower, self._british), key, context)
        return strengthen(phonemes) if phonemes else self.spell(word)

    def _find(self, word: str, key: str | None, context: Context) -> str | None:
        return self._choose(word, self._lexicon.find(word, self._british), key, context)

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


def _choose_tag(piece: str, outer: bool, key: str | None) -> str | None:
    """The part of speech of a piece: a letter (A-list, iPhone); an adverb (built-in, but not stick-in-the-mud)."""
    if piece in ("A", "I", "i"):
        return "NOUN"
    return "ADV" if piece == "in" and outer else key


def _make_unknown(word: str) -> Part:
    possessive = word.lower().endswith("'s")
    return Part((word[:-2] if possessive else word).strip("'"), None, possessive)


def _readings(word: str) -> Iterator[str]:
    """The spellings under which `word` may be known: its own, without apostrophes at its ends, without accents."""
    yield word
    if word.endswith("'"):
        yield word[:-1]
    if word.startswith("'"):
        yield word[1:]
    if not word.isascii():
        plain = "".join(each for each in unicodedata.normalize("NFKD", word) if not unicodedata.combining(each))
        yield plain.translate(_LIGATURES)
    american = _BRITISH_S.sub("z", word)
    if american != word:
        yield american

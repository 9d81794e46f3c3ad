"""Pronounces one word: by the lexicon, by its parts, or by its letters.

    word --> small word (the, to, a ...)? --> its rule
         --> letters and full stops (U.S.)? --> letter by letter
         --> in the lexicon? --> the variant for its part of speech
         --> a stem with an ending or an affix? --> stem and ending
         --> capitals? --> letter by letter
         --> parts (well-known, McDonald)? --> each part, then the stress of the whole
         --> unknown

`stages.text.known_words` does the three in the middle.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

from stages.text.compounds import Part, begins_with_vowel, join, split
from stages.text.known_words import KnownWords
from stages.text.lexicon import LONGEST_WORD, Lexicon
from stages.text.weak_forms import END, Context, pronounce_weak_form

_REMEMBERED_WORDS, _REMEMBERED_PIECES = 1 << 14, 1 << 11
_APOSTROPHES = str.maketrans("‘’ʼ", "'''")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}\.?")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "Oe", "Æ": "Ae", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l"})
_BRITISH_S = re.compile(r"(?<=i)s(?=(?:e[drs]?|ers|ing|ations?)(?:'s?)?$)")  # civilisation
_CONSONANTS = re.compile(r"[b-df-hj-np-tv-xz]{2,5}", re.IGNORECASE)  # nobody can say pdf

_DRAWN_OUT = re.compile(r"([a-z])\1{2,}+", re.IGNORECASE)  # Noooo
_DRAWN_OUT_CAPITALS = re.compile(r"(?=(.).*(?!\1).)\w*?(\w)\2{2}\w*")  # AAAH and SHHH, not AAA and WWW
_LONGEST_RUN = 7  # pieces and hyphens of a word that the lexicon has as one: stick-in-the-mud


class Pronouncer:
    """The words of one variety of English."""

    def __init__(self, lexicon: Lexicon, british: bool = False) -> None:
        self._known = KnownWords(lexicon, british)
        self._remembered_piece = functools.lru_cache(_REMEMBERED_PIECES)(self._pronounce_whole)
        self._remembered = functools.lru_cache(_REMEMBERED_WORDS)(self._pronounce_parts)

    def pronounce(self, word: str, key: str | None = None, context: Context = END) -> str | None:
        """The phonemes of `word`; None if it, or a part of it, is unknown.

        Args:
            word: as the user wrote it, with its capitals.
            key: its part of speech: a key of the lexicon's variants, or a tag such as IN or DT.
            context: what is around it.
        """
        return join(self.pronounce_parts(word, key, context))

    def spell(self, word: str) -> str | None:
        """The names of the letters of `word`, the last one stressed; None if it has another character than letters."""
        return self._known.spell(word)

    def pronounce_parts(self, word: str, key: str | None = None, context: Context = END) -> tuple[Part, ...]:
        """The parts of `word`, each with its phonemes or, if it is unknown, None. A word that is known is one part."""
        pronounce = self._remembered if len(word) <= LONGEST_WORD else self._pronounce_parts
        return pronounce(word, key, context)

    def _pronounce_parts(self, word: str, key: str | None, context: Context) -> tuple[Part, ...]:
        word = unicodedata.normalize("NFKC", word).translate(_APOSTROPHES)
        whole = self._pronounce_whole(word, key, context)
        if whole:
            return (Part(word, whole, source="lexicon" if self._known.has(word) else "rule"),)
        pieces = split(word)
        parts = self._pronounce_pieces(pieces, key, context) if len(pieces) > 1 else [_make_unknown(word)]
        return tuple(part for part in parts if part.text)

    def _pronounce_pieces(self, pieces: list[str], key: str | None, context: Context) -> list[Part]:
        """From the last piece back: the longest run of pieces that is a word, then the run before it."""
        parts: list[Part] = []
        end = len(pieces)
        while end:
            begin, phonemes = self._find_run(pieces, end, key, context)
            text = "".join(pieces[begin:end])
            if text.strip("-'"):
                parts.append(Part(text, phonemes, source="rule") if phonemes else _make_unknown(text))
                context = context._replace(vowel=begins_with_vowel(parts[-1:], context.vowel), before_to=False)
            end = begin
        return parts[::-1]

    def _find_run(self, pieces: list[str], end: int, key: str | None, context: Context) -> tuple[int, str | None]:
        """The first piece of the longest known word that ends before `end`, and its phonemes."""
        for begin in range(max(0, end - _LONGEST_RUN), end):
            word = "".join(pieces[begin:end])
            tag = _choose_tag(word, begin == 0 or end == len(pieces), key)
            phonemes = self._remembered_piece(word, tag, context) if len(word) <= LONGEST_WORD else None
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
            return self._known.spell(word)
        if word.isupper() and _DRAWN_OUT_CAPITALS.fullmatch(word):
            word = word.lower()
        known = next(filter(None, (self._known.pronounce(each, key, context) for each in _readings(word))), None)
        return known or (self._known.spell(word) if _CONSONANTS.fullmatch(word) else None)


def _choose_tag(piece: str, outer: bool, key: str | None) -> str | None:
    """The part of speech of a piece: a letter (A-list, iPhone); an adverb (built-in, but not stick-in-the-mud)."""
    if piece in ("A", "I", "i"):
        return "NOUN"
    return "ADV" if piece == "in" and outer else key


def _make_unknown(word: str) -> Part:
    possessive = word.lower().endswith("'s")
    return Part(_fold((word[:-2] if possessive else word).strip("'-")), None, possessive)


def _fold(word: str) -> str:
    """The word without accents and ligatures."""
    if word.isascii():
        return word
    plain = "".join(each for each in unicodedata.normalize("NFKD", word) if not unicodedata.combining(each))
    return plain.translate(_LIGATURES)


def _readings(word: str) -> Iterator[str]:
    """The spellings under which `word` may be known.

    Its own, without apostrophes at its ends, without accents, with letters that are drawn out (Noooo) once or twice.
    """
    yield word
    drawn = _DRAWN_OUT.search(word)
    if drawn:
        yield _DRAWN_OUT.sub(r"\1\1", word).lower()
        yield _DRAWN_OUT.sub(r"\1", word).lower()
    if word.endswith("'"):
        yield word[:-1]
    if word.startswith("'"):
        yield word[1:]
    if not word.isascii():
        yield _fold(word)
    american = _BRITISH_S.sub("z", word)
    if american != word:
        yield american

"""Speaks words with espeak-ng: their phonemes in Kokoro's symbols, and the place of each word in them.

    les enfants --> lez ɑ̃fˈɑ̃      les [0, 3]  enfants [4, 11]

The sounds of words depend on their neighbours, so espeak-ng is given several at once, and each alone to find its place.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence

from stages.symbols import normalise
from stages.text.compounds import Part, complete
from stages.text.espeak import find_alphabet
from stages.text.espeak_library import transcribe
from stages.text.languages import Language, find_language
from stages.text.word_places import place_words

_KEPT_WORDS = 10_000  # in memory; words come again
_TOGETHER = 200  # symbols: more than a sentence has between two marks. The time to place words grows with its square

Places = list[tuple[int, int]]


def speak_words(words: Sequence[str], language: Language) -> tuple[str, Places]:
    """Speak the words between two marks: their phonemes, and the start and end of each word in them."""
    phonemes, places = "", Places()
    for group in _group(words, language):
        said, found = _speak_group(group, language)
        phonemes += " " * bool(phonemes and said)
        places += [(len(phonemes) + start, len(phonemes) + end) for start, end in found]
        phonemes += said
    return phonemes, places


def _group(words: Sequence[str], language: Language) -> Iterator[list[str]]:
    """Group words that are spoken together."""
    group, symbols = list[str](), 0
    for word in words:
        symbols += len(speak_word(word, language))
        if group and symbols > _TOGETHER:
            yield group
            group, symbols = [], len(speak_word(word, language))
        group.append(word)
    if group:
        yield group


def _speak_group(words: Sequence[str], language: Language) -> tuple[str, Places]:
    alone = [speak_word(word, language) for word in words]
    if len(words) == 1:
        return alone[0], [(0, len(alone[0]))]
    said = _spell(" ".join(words), language)
    return said, place_words(said, alone)


def _spell(text: str, language: Language) -> str:
    alphabet = find_alphabet(f"espeak-{language.name}")
    return "".join(symbol.text for symbol in normalise(transcribe(text, language.voice), frozenset(), alphabet))


speak_word = functools.lru_cache(_KEPT_WORDS)(_spell)
"""Speak one word alone."""


def speak_unknown(tokens: Iterable[Sequence[Part]], lang: str) -> list[tuple[Part, ...]]:
    """Speak the parts of English words whose phonemes are not known; those that espeak-ng is silent at stay unknown."""
    language = find_language(lang)
    return [tuple(part if part.phonemes is not None else _complete(part, language) for part in own) for own in tokens]


def _complete(part: Part, language: Language) -> Part:
    phonemes = speak_word(part.text, language)
    if not phonemes:
        return part
    return complete(part, phonemes, british=language.dialect == "british")._replace(source="espeak")

"""Text to phonemes, by espeak-ng: for the languages of Kokoro's voices, and as a second opinion on English.

    text --> divide --> words between marks --> espeak-ng --> its IPA --> Kokoro's symbols --> phonemes, words, sources

Marks are kept, as Kokoro's voices breathe at them; espeak-ng is given the words between two of them at once, since
their sounds depend on each other.

Raises:
    StageError: an unknown language; espeak-ng is not installed; nothing in the text is spoken.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from stages.contract import In, Out, StageError, stage
from stages.symbols import normalise
from stages.text.espeak import find_alphabet
from stages.text.espeak_library import transcribe
from stages.text.languages import Language, find_language
from stages.text.pieces import divide
from stages.text.tokens import Token
from stages.text.word_places import place_words

_KEPT_WORDS = 10_000  # in memory; words come again


@stage(
    text=In("str", "text of one utterance"),
    lang=In("str", "en-us, en-gb, es, fr, hi, it or pt-br; or the letter that voices of it begin with: a b e f h i p"),
    phonemes=Out("str", "symbols of the vocabulary"),
    words=Out("int64[words, 4]", "start and end of each word in the text, and in the phonemes"),
    sources=Out("str", "where the phonemes of each word are from, a space between two: espeak"),
)
def espeak(text: str, lang: str) -> dict[str, str | np.ndarray]:
    try:
        language = find_language(lang)
    except ValueError as error:
        raise StageError(f"lang: {error}") from None
    phonemes, words = "", []
    for kind, tokens in groupby(divide(text), lambda token: token.kind):
        group = list(tokens)
        if kind == "mark":
            phonemes += "".join(" " * (token.spaced and bool(phonemes)) + token.text for token in group)
            continue
        phonemes += " " * (group[0].spaced and bool(phonemes))
        said, places = _speak(group, language)
        words += [
            (token.start, token.end, len(phonemes) + start, len(phonemes) + end)
            for token, (start, end) in zip(group, places, strict=True)
        ]
        phonemes += said
    if not words:
        raise StageError("no words: nothing in the text is spoken; give at least one word")
    return {"phonemes": phonemes, "words": np.array(words, np.int64), "sources": " ".join(["espeak"] * len(words))}


def _speak(words: Sequence[Token], language: Language) -> tuple[str, list[tuple[int, int]]]:
    """Speak words: their phonemes together, and the place of each in them."""
    said = _spell(" ".join(word.text for word in words), language)
    alone = [said] if len(words) == 1 else [_spell_word(word.text, language) for word in words]
    return said, [(0, len(said))] if len(words) == 1 else place_words(said, alone)


def _spell(text: str, language: Language) -> str:
    alphabet = find_alphabet(f"espeak-{language.name}")
    return "".join(symbol.text for symbol in normalise(transcribe(text, language.voice), frozenset(), alphabet))


_spell_word = functools.lru_cache(_KEPT_WORDS)(_spell)

"""Words of English that espeak-ng is asked for, and words that are spoken together."""

from __future__ import annotations

import importlib.util

import pytest

from stages.text.compounds import Part
from stages.text.espeak_words import speak_unknown, speak_word, speak_words
from stages.text.languages import find_language

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeakng-loader is not installed: extra [espeak]"
)


@pytest.mark.parametrize(
    ("lang", "part", "phonemes"),
    [
        ("en-us", Part("zorble", None), "zˈɔɹbᵊl"),
        ("en-gb", Part("zorble", None), "zˈɔːbᵊl"),
        ("en-us", Part("zorble", None, possessive=True), "zˈɔɹbᵊlz"),
        ("en-us", Part("flombat", None, possessive=True), "flˈɑmbæts"),
    ],
)
def test_unknown_part_is_spoken_with_its_ending(lang: str, part: Part, phonemes: str) -> None:
    known = Part("well", "wˈɛl", source="lexicon")
    assert speak_unknown([(known, part), (known,)], lang) == [
        (known, Part(part.text, phonemes, source="espeak")),
        (known,),
    ]


def test_part_that_is_silent_stays_unknown() -> None:
    assert speak_unknown([(Part("_", None),), ()], "en-us") == [(Part("_", None),), ()]


def test_words_that_are_more_than_a_group_are_spoken_in_several() -> None:
    language = find_language("es")
    word = speak_word("catorce", language)
    phonemes, places = speak_words(["catorce"] * 100, language)
    assert phonemes == " ".join([word] * 100)
    assert [phonemes[start:end] for start, end in places] == [word] * 100
    assert speak_words([], language) == ("", [])

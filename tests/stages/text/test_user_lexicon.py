"""A user's lexicon: its words are found before any rule reads them, and a wrong line is named."""

from __future__ import annotations

import json

import pytest

from stages.text.user_lexicon import LexiconError, read_lexicon
from tests.conftest import ROOT

SYMBOLS = "".join(json.loads((ROOT / "configs/models/kokoro-82m/config.json").read_text("utf-8"))["vocab"])
NAMES = """
# names
kokoro\tkəkˈɔɹO
kokoro-run\tkəkˈɔɹO ɹˈʌn
GIF\tʤˈɪf
Dr\tdˈɑk
Nice\tnˈis
nice\tnˈIs
New York\tnˌu jˈɔɹk
New\tnˈu
C++\tsˌipˈipi
3M\tθɹˌiˈɛm
café\tkˈæfA
don't\tdˈOn
hi\thˈI
doe\tdˈO
boss\tbˈɔs
"""


def find(text: str, content: str = NAMES, lang: str = "en-us") -> list[tuple[str, str]]:
    found = read_lexicon(content, SYMBOLS, lang).find(text)
    return [(text[start:end], phonemes) for start, end, phonemes in found]


FOUND = {
    "Kokoro, KOKORO kokoro": [("Kokoro", "kəkˈɔɹO"), ("KOKORO", "kəkˈɔɹO"), ("kokoro", "kəkˈɔɹO")],
    "kokoro-run kokoro-walk": [("kokoro-run", "kəkˈɔɹO ɹˈʌn"), ("kokoro", "kəkˈɔɹO")],
    "Nice nice NICE": [("Nice", "nˈis"), ("nice", "nˈIs"), ("NICE", "nˈIs")],
    "gif GIF Gif": [("GIF", "ʤˈɪf")],
    "GIFs GIF's GIF’s": [("GIFs", "ʤˈɪfs"), ("GIF's", "ʤˈɪfs"), ("GIF’s", "ʤˈɪfs")],
    "kokoros Nice's": [("kokoros", "kəkˈɔɹOz"), ("Nice's", "nˈisᵻz")],
    "his does bosss kokoross": [],
    "New York new\n york New  York's": [("New York", "nˌu jˈɔɹk"), ("New  York's", "nˌu jˈɔɹks")],
    "New Yorker": [("New", "nˈu")],
    "C++ (C++11) c++": [("C++", "sˌipˈipi"), ("C++", "sˌipˈipi")],
    "3M 3m 33M": [("3M", "θɹˌiˈɛm")],
    "Dr. Who, Dr Who": [("Dr.", "dˈɑk"), ("Dr", "dˈɑk")],
    "He is a Dr.": [("Dr", "dˈɑk")],
    "caf\u00e9 cafe\u0301 Cafe\u0301s cafe": [
        ("caf\u00e9", "kˈæfA"), ("cafe\u0301", "kˈæfA"), ("Cafe\u0301s", "kˈæfAz"),
    ],
    "don't don’t": [("don't", "dˈOn"), ("don’t", "dˈOn")],
    "hi's hi'll hi'": [("hi's", "hˈIz"), ("hi", "hˈI")],
    "kokoro.com kokoro_x @kokoro x_kokoro end.kokoro": [],
    "'kokoro' (kokoro). kokoro/kokoro": [("kokoro", "kəkˈɔɹO")] * 4,
}  # fmt: skip


@pytest.mark.parametrize("text", FOUND)
def test_the_words_of_the_lexicon_are_found(text: str) -> None:
    assert find(text) == FOUND[text]


def test_endings_are_those_of_the_language() -> None:
    assert find("Nice's", lang="en-gb") == [("Nice's", "nˈisɪz")]


def test_ipa_is_spelled_with_the_symbols_of_the_language() -> None:
    assert find("goat", "goat\tgˈoʊt") == [("goat", "ɡˈOt")]
    assert find("goat", "goat\tgˈəʊt", "en-gb") == [("goat", "ɡˈQt")]


@pytest.mark.parametrize("content", ["", "\n\n", "# word\tx\n", "\ufeff"])
def test_a_lexicon_without_words_finds_none(content: str) -> None:
    assert find("a # word", content) == []


@pytest.mark.parametrize("content", ["\ufeffa\tˈA\r\nb\tbˈi\r\n", "a\tˈA\na\tˈA\nb\tbˈi", " a \t ˈA \nb\tbˈi"])
def test_marks_of_windows_repeats_and_spaces_change_nothing(content: str) -> None:
    assert find("a b", content) == [("a", "ˈA"), ("b", "bˈi")]


WRONG = {
    "a\tˈA\nb bˈi": "line 2: no tab in 'b bˈi'; expected a word, a tab and its phonemes",
    "\tˈA": "line 1: no word in front of the tab; expected a word, a tab and its phonemes",
    "# x\n\na\t \n": "line 3: no phonemes of 'a' behind the tab",
    "a\tˈ#": "line 1: character 4: unknown symbol '#' U+0023 (in the phonemes of 'a')",
    "ab\t 'a": "line 1: character 5: unknown symbol ''' U+0027; the nearest known one is 'ˈ' U+02C8 "
    "(in the phonemes of 'ab')",
    "a\tˈA\nb\tbˈi\na\tˈæ": "line 3: 'a' is /ˈæ/ here and /ˈA/ in line 1; leave one out",
    "a\tˈA\tx": "line 1: character 5: unknown symbol U+0009 (in the phonemes of 'a')",
    f"{'a' * 201}\tˈA": "line 1: a word of 201 characters, expected at most 200",
}


@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_line_is_named(content: str) -> None:
    with pytest.raises(LexiconError) as refused:
        read_lexicon(content, SYMBOLS, "en-us")
    assert str(refused.value) == WRONG[content]


def test_a_lexicon_is_read_once() -> None:
    assert read_lexicon(NAMES, SYMBOLS, "en-us") is read_lexicon(NAMES, SYMBOLS, "en-us")
    assert read_lexicon(NAMES, SYMBOLS, "en-us") is not read_lexicon(NAMES, SYMBOLS, "en-gb")

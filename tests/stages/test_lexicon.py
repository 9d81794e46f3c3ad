"""The stage `lexicon`: parts of words with their phonemes, and the letters of those that it does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runner.graph.contracts import read_contract
from stages.contract import StageError
from stages.lexicon import lexicon
from stages.normalize import normalize
from stages.text.compounds import Part
from stages.text.part_port import read_parts
from stages.text.spelling import encode
from tests.stages.front import VOCAB


def run(text: str, lang: str = "en-us", own: str = "") -> tuple[list[list[Part]], list[int], int]:
    said: Any = normalize(text, lang, own, vocab=VOCAB)
    found: Any = lexicon(said["spoken"], said["tokens"], said["given"], lang, "letters")
    assert found["letters"].dtype == found["length"].dtype == np.int64
    assert found["letters"].shape == (1, max(1, found["length"][0]))
    return read_parts(found["parts"]), found["letters"][0].tolist(), int(found["length"][0])


def test_contract_has_the_ports_of_the_text_graph_and_names_the_lexicon_s_file() -> None:
    contract = read_contract("stages.lexicon")
    assert list(contract.inputs) == ["spoken", "tokens", "given", "lang", "unknown"]
    assert {name: str(port.type) for name, port in contract.outputs.items()} == {
        "parts": "str",
        "letters": "int64[1, letters]",
        "length": "int64[1]",
    }
    assert contract.files == ("text/english.lexicon",)


PARTS = {
    "hello": [[Part("hello", "həlˈO", source="lexicon")]],
    "Hi, you.": [
        [Part("Hi", "hˈI", source="lexicon")],
        [Part(",", ",")],
        [Part("you", "ju", source="lexicon")],
        [Part(".", ".")],
    ],
    "the end": [[Part("the", "ði", source="lexicon")], [Part("end", "ˈɛnd", source="lexicon")]],
    "wooded XKCD": [
        [Part("wooded", "wˈʊdᵻd", source="lexicon")],
        [Part("XKCD", "ˌɛkskˌAsˌidˈi", source="rule")],
    ],
    "zorblax's": [[Part("zorblax", None, possessive=True)]],
    "well-zorblax": [[Part("well", "wˈɛl", source="rule"), Part("zorblax", None)]],
    "the [x](/ˈOnə/)": [[Part("the", "ði", source="lexicon")], [Part("x", "ˈOnə", source="override")]],
    "the [x](/bˈO/) [y](/ˈO/)": [
        [Part("the", "ðə", source="lexicon")],
        [Part("x", "bˈO", source="override")],
        [Part("y", "ˈO", source="override")],
    ],
}


@pytest.mark.parametrize("text", PARTS)
def test_parts_have_their_phonemes_and_where_they_are_from(text: str) -> None:
    assert run(text)[0] == PARTS[text]


def test_the_user_s_lexicon_wins_over_homographs_and_weak_forms() -> None:
    parts, _, _ = run("I read the book.", own="read\tɹˈOd\nthe\tðˈO")
    assert [each[0].phonemes for each in parts] == ["ˌI", "ɹˈOd", "ðˈO", "bˈʊk", "."]


def test_letters_are_those_of_unknown_parts_each_once() -> None:
    _, letters, length = run("Zorblax, zub zorblax Zorblax zub's")
    expected = encode(["Zorblax", "zub", "zorblax"], british=False)
    assert (letters, length) == (expected, len(expected))
    assert run("zub", "en-gb")[1] == encode(["zub"], british=True) != encode(["zub"], british=False)


def test_no_unknown_word_is_a_length_of_zero() -> None:
    assert run("Hello.")[1:] == ([0], 0)
    assert run("")[0:] == ([], [0], 0)


def test_british_words_are_british() -> None:
    assert run("car", "en-gb")[0] == [[Part("car", "kˈɑː", source="lexicon")]]


def test_another_language_is_refused() -> None:
    with pytest.raises(StageError, match="lang is 'it', expected en-us or en-gb"):
        lexicon("", np.zeros((0, 6), np.int64), "", "it", "letters")

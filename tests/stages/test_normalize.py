"""The stage `normalize`: its ports, its places, and what it refuses."""

from __future__ import annotations

import logging
import unicodedata
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.graph.contracts import read_contract
from stages.contract import StageError
from stages.normalize import normalize
from stages.text.token_port import KINDS
from tests.stages.front import VOCAB


def run(text: str, lang: str = "en-us", lexicon: str = "") -> dict[str, Any]:
    return normalize(text, lang, lexicon, vocab=VOCAB)


def test_contract_has_the_ports_of_the_text_graph() -> None:
    contract = read_contract("stages.normalize")
    assert {name: str(port.type) for name, port in contract.inputs.items()} == dict.fromkeys(
        ("text", "lang", "lexicon"), "str"
    )
    assert {name: str(port.type) for name, port in contract.outputs.items()} == {
        "spoken": "str",
        "tokens": "int64[tokens, 6]",
        "given": "str",
    }
    assert contract.config == ("vocab",)


def test_tokens_have_their_places_in_what_is_spoken_and_in_the_text() -> None:
    found = run("Dr. Who paid $5, OK? [Bye](/bˈI/) [now](-1)")
    assert found["spoken"] == "Doctor Who paid five dollars, OK? Bye now"
    assert found["given"] == "bˈI"
    assert found["tokens"].dtype == np.int64
    word, mark, given_ = (KINDS.index(kind) for kind in ("word", "mark", "given"))
    assert found["tokens"].tolist() == [
        [0, 6, 0, 3, word, 0],
        [7, 10, 4, 7, word, 0],
        [11, 15, 8, 12, word, 0],
        [16, 20, 13, 15, word, 0],
        [21, 28, 13, 15, word, 0],
        [28, 29, 15, 16, mark, 0],
        [30, 32, 17, 19, word, 0],
        [32, 33, 19, 20, mark, 0],
        [34, 37, 22, 25, given_, 0],
        [38, 41, 35, 38, word, -1],
    ]


@pytest.mark.parametrize("text", ["", " \n\n ", "[", "[]()"])
def test_a_text_without_words_has_no_words(text: str) -> None:
    assert [row for row in run(text)["tokens"].tolist() if row[4] != KINDS.index("mark")] == []
    assert run("")["tokens"].shape == (0, 6)


def test_british_english_has_its_own_numbers_and_dates() -> None:
    assert run("3/4/2025, 101", "b")["spoken"] == "the third of April twenty twenty five, one hundred and one"
    assert run("3/4/2025, 101", "a")["spoken"] == "March fourth twenty twenty five, one hundred one"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_word_keeps_its_place_however_its_letters_are_composed(form: Literal["NFC", "NFD"]) -> None:
    text = unicodedata.normalize(form, "à Zoë [é](=ü)")
    places = [text[row[2] : row[3]] for row in run(text)["tokens"].tolist()]
    assert places == [unicodedata.normalize(form, word) for word in ("à", "Zoë", "é")]
    assert run(text)["spoken"] == "à Zoë ü"


def test_what_is_left_out_is_named_with_its_column_in_the_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kokoro_run"):
        run("[Hi](=Hello) 😀 [x](/ɛ/) 😀😀 🎉 🎉")
    assert caplog.messages == [
        "left out what cannot be spoken: '😀' (column 14: no words for grinning face), '😀😀' (column 25: no words for "
        "grinning face), '🎉' (column 28: no words for party popper) and 1 more"
    ]


REFUSED = {
    ("hi", "fr", ""): "lang is 'fr', expected en-us or en-gb; other languages are spoken with `-c espeak`",
    ("hi", "xx", ""): "no language 'xx'; expected one of en-us (a), en-gb (b), es (e), fr (f), hi (h), it (i), "
    "pt-br (p)",
    ("hi [x](//)", "a", ""): "column 8: no phonemes in '//'; write them between the two '/', as in [word](/wˈɜɹd/)",
    ("hi", "a", "\nhi"): "lexicon: line 2: no tab in 'hi'; expected a word, a tab and its phonemes",
    ("hi", "a", "hi\t#"): "lexicon: line 1: character 4: unknown symbol '#' U+0023 (in the phonemes of 'hi')",
}


@pytest.mark.parametrize(("text", "lang", "lexicon"), REFUSED)
def test_it_says_what_it_refuses(text: str, lang: str, lexicon: str) -> None:
    with pytest.raises(StageError) as refused:
        run(text, lang, lexicon)
    assert str(refused.value) == REFUSED[text, lang, lexicon]


def test_phonemes_are_those_of_the_model_s_vocabulary() -> None:
    assert normalize("[x](/a1/)", "a", "", vocab={"a": 1, "1": 2})["given"] == "a1"
    with pytest.raises(StageError, match="column 7: the phonemes /a1/: unknown symbol '1'"):
        normalize("[x](/a1/)", "a", "", vocab={"a": 1})


@given(st.text(max_size=60), st.sampled_from(["en-us", "en-gb"]))
def test_any_text_gives_places_in_order(text: str, lang: str) -> None:
    try:
        found = run(text, lang)
    except StageError as error:
        assert str(error).startswith("column ")  # noqa: PT017 - any text may be refused, or not
        return
    before = [0, 0]
    for first, last, start, end, _, stress in found["tokens"].tolist():
        assert before[0] <= first < last <= len(found["spoken"])
        assert before[1] <= start <= end <= len(text)
        assert -2 <= stress <= 2
        before = [last, start]

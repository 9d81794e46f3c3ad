"""The stage `g2p`: the phonemes of a text, with the place and the source of each word."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.graph.contracts import read_contract
from stages.contract import StageError
from stages.text.chunks import CHUNKS
from tests.stages.front import VOCAB, run_front, score_chunks


def test_contract_has_the_ports_of_the_text_graph() -> None:
    contract = read_contract("stages.g2p")
    assert str(contract.inputs["scores"].type) == f"float32[1, letters, {len(CHUNKS)}]"
    assert {name: str(port.type) for name, port in contract.outputs.items()} == {
        "phonemes": "str",
        "words": "int64[words, 4]",
        "sources": "str",
    }


def test_words_have_their_places_in_the_text_and_in_the_phonemes() -> None:
    found = run_front("Hello, world!")
    assert found.phonemes == "həlˈO, wˈɜɹld!"
    assert found.rows == [[0, 5, 0, 5], [7, 12, 7, 13]]
    assert run_front("").rows == []


SPOKEN = {
    "It cost $5.": [
        ("It", "ˌɪt", "lexicon"), ("cost", "kˈɔst", "lexicon"), ("$5", "fˈIv", "lexicon"),
        ("$5", "dˈɑləɹz", "lexicon"),
    ],
    "The cat's well-known bib-bib.": [
        ("The", "ðə", "lexicon"), ("cat's", "kˈæts", "rule"), ("well-known", "wˌɛlnˈOn", "rule"),
        ("bib-bib", "bˌɪbbˈɪb", "rule"),
    ],
    "zud's zud-zad": [("zud's", "zˈʌdz", "model"), ("zud-zad", "zˌʌdzˈæd", "model")],
    "IBM [Kokoro](/kəkˈɔɹO/)'s [B](/bˈʌs/)’s": [
        ("IBM", "ˌIbˌiˈɛm", "rule"), ("Kokoro", "kəkˈɔɹOz", "override"), ("B", "bˈʌsᵻz", "override"),
    ],
    "[New York](/nˌu jˈɔɹk/) [is](+1) [WHO](=World) [AB](as:characters)": [
        ("New York", "nˌu jˈɔɹk", "override"), ("is", "ˌɪz", "override"), ("WHO", "wˈɜɹld", "lexicon"),
        ("AB", "ˈA", "rule"), ("AB", "bˈi", "rule"),
    ],
    "[zud](-1) [zud](-2) [of](+2) [well-known](-2)": [
        ("zud", "zˌʌd", "override"), ("zud", "zʌd", "override"), ("of", "ˈʌv", "override"),
        ("well-known", "wɛlnOn", "override"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", SPOKEN)
def test_each_word_has_its_phonemes_and_where_they_are_from(text: str) -> None:
    assert run_front(text).words == SPOKEN[text]


def test_the_user_s_words_are_overrides() -> None:
    found = run_front("Dr. Zud's zuds, kokoro-run", lexicon_="zud\tzˈud\nDr\tdˈɑk\nkokoro-run\tkəkˈɔɹO ɹˈʌn")
    assert found.words == [
        ("Dr.", "dˈɑk", "override"),
        ("Zud's", "zˈudz", "override"),
        ("zuds", "zˈudz", "override"),
        ("kokoro-run", "kəkˈɔɹO ɹˈʌn", "override"),
    ]


def test_unknown_words_sound_as_the_scores_say() -> None:
    wanted = [("z",), ("ˈu", "ʌ"), ("",), ("ˈO",)]
    assert run_front("zubo", score=lambda _: score_chunks(wanted)).words == [("zubo", "zʌˈO", "model")]
    wanted = [("z",), ("ˈu",), ("",), ("O",)]
    assert run_front("zubo's", score=lambda _: score_chunks(wanted)).words == [("zubo's", "zˈuOz", "model")]


def test_british_english_has_its_own_phonemes() -> None:
    assert run_front("The car goes.", lang="en-gb").phonemes == "ðə kˈɑː ɡˈQz."
    assert run_front("The car goes.", lang="en-us").phonemes == "ðə kˈɑɹ ɡˈOz."


@pytest.mark.parametrize("word", ["мир", "日本", "שלום"])
def test_a_word_without_letters_of_english_is_refused_with_its_column_and_a_fix_that_works(word: str) -> None:
    with pytest.raises(StageError) as refused:
        run_front(f"Say {word}.")
    shown = run_front(f"Say [{word}](/nˈAm/).")
    first = str(refused.value)
    assert first.startswith("column 5: '")
    assert "has no letters of English; leave it out, or say how it sounds, as in [" in first
    assert shown.words[1] == (word, "nˈAm", "override")


@given(st.text(max_size=40), st.sampled_from(["en-us", "en-gb"]))
def test_any_text_has_places_in_order_or_is_refused_with_a_column(text: str, lang: str) -> None:
    try:
        found = run_front(text, lang=lang, lexicon_="a\tˈA\nDr\tdˈɑk")
    except StageError as error:
        assert str(error).startswith("column ")  # noqa: PT017 - any text may be refused, or not
        return
    before = [0, 0]
    for start, end, first, last in found.rows:
        assert before[0] <= start <= end <= len(text)
        assert before[1] <= first <= last <= len(found.phonemes)
        before = [start, last]
    assert {*found.phonemes} <= VOCAB.keys()
    assert np.array(found.rows).size == 4 * len(found.words)


def test_composed_and_decomposed_words_sound_the_same() -> None:
    for text in ("café [naïve](+1)", "[é](=café)"):
        composed, apart = (run_front(unicodedata.normalize(form, text)) for form in ("NFC", "NFD"))
        assert composed.phonemes == apart.phonemes
        assert [unicodedata.normalize("NFC", word) for word, _, _ in apart.words] == [w for w, _, _ in composed.words]

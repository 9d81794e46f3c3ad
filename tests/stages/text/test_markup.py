"""Markup of words: what it says is spoken in the place of the words, and every place is one of the user's text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages.contract import StageError
from stages.text.marked_words import SpokenText, speak_text
from stages.text.markup import read_markup
from stages.text.say_as import READERS, read_as
from stages.text.tokens import Token
from stages.text.user_lexicon import read_lexicon
from tests.conftest import ROOT

VOCAB = json.loads((ROOT / "configs/models/kokoro-82m/config.json").read_text("utf-8"))["vocab"]


def speak(text: str, lexicon: str = "", lang: str = "en-us") -> SpokenText:
    return speak_text(text, lang, read_lexicon(lexicon, "".join(VOCAB), lang), VOCAB)


def list_words(text: str, **given: str) -> list[tuple[str, str, str]]:
    """List the words of a text: as the user wrote each, as it is spoken, and its kind or its stress."""
    spoken = speak(text, **given)
    phonemes = iter(spoken.given)
    return [
        (text[token.start : token.end], *_describe(token, phonemes)) for token in spoken.tokens if token.kind != "mark"
    ]


def _describe(token: Token, phonemes: Iterator[str]) -> tuple[str, str]:
    said = next(phonemes) if token.kind == "given" else token.text
    return said, f"{token.stress:+}" if token.stress else token.kind


SPOKEN = {
    "[Kokoro](/kəkˈɔɹO/) runs": [("Kokoro", "kəkˈɔɹO", "given"), ("runs", "runs", "word")],
    "[New York](/nˌu jˈɔɹk/).": [("New York", "nˌu jˈɔɹk", "given")],
    "[a b](/ˈA/)[c](/sˈi/)": [("a b", "ˈA", "given"), ("c", "sˈi", "given")],
    "[tomato](/təˈmeɪtoʊ/) [chip](/tʃɪp/)": [("tomato", "təˈmAtO", "given"), ("chip", "ʧɪp", "given")],
    "[x](/(en)ɚ/) [x](/a(b)/)": [("x", "əɹ", "given"), ("x", "a(b)", "given")],
    "the [project](+1) [will](-1)": [("the", "the", "word"), ("project", "project", "+1"), ("will", "will", "-1")],
    "[all of it](+2)": [("all", "all", "+2"), ("of", "of", "+2"), ("it", "it", "+2")],
    "[well-known](-2) [well](+1)-known": [
        ("well-known", "well-known", "-2"), ("well", "well", "+1"), ("known", "known", "word"),
    ],
    "the [WHO](=World Health), Sir": [
        ("the", "the", "word"), ("WHO", "World", "word"), ("WHO", "Health", "word"), ("Sir", "Sir", "word"),
    ],
    "[x](=25)": [("x", "twenty", "word"), ("x", "five", "word")],
    r"[x](=a \(b\))": [("x", "a", "word"), ("x", "b", "word")],
    "[GIF](as:characters)": [("GIF", "G", "letters"), ("GIF", "I", "letters"), ("GIF", "F", "letters")],
    "[42](as:ordinal)": [("42", "forty", "word"), ("42", "second", "word")],
    "[ word ](+1)": [("word", "word", "+1")],
    "St. [Ives](/ˈIvz/)": [("St.", "Saint", "word"), ("Ives", "ˈIvz", "given")],
    "5 [km](/kˈA/)": [("5", "five", "word"), ("km", "kˈA", "given")],
    "un[do](/dˈu/)ne 25[th](/θ/)": [
        ("un", "un", "word"), ("do", "dˈu", "given"), ("ne", "ne", "word"),
        ("25", "twenty", "word"), ("25", "five", "word"), ("th", "θ", "given"),
    ],
    "well-[known](/nˈOn/)": [("well", "well", "word"), ("known", "nˈOn", "given")],
    "https://a.com/[b](/bˈi/)": [
        ("a", "A", "letters"), (".", "dot", "word"), ("com", "com", "word"), ("/", "slash", "word"),
        ("b", "bˈi", "given"),
    ],
    "[cafe\u0301](+1) cafe\u0301 [cafe\u0301](/kˈæfA/)": [
        ("cafe\u0301", "café", "+1"), ("cafe\u0301", "café", "word"), ("cafe\u0301", "kˈæfA", "given"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", SPOKEN)
def test_markup_says_how_its_words_are_spoken(text: str) -> None:
    assert list_words(text) == SPOKEN[text]


ORDINARY = [
    "[1]", "[sic]", "a [b] c", "f[x](y)", "[text](https://example.com/a)", "[text](#part)", "[docs](/docs/a.html)",
    "[docs](/docs/a/)", "[a](/x) and b/)", "[x](-5%)", "[x](+)", "[x]( /a/)", "[[x]](+1)", "[x](+1", "[]", "[](",
    "](+1)",
]  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
def test_every_other_bracket_is_ordinary_text(text: str) -> None:
    marked = read_markup(text)
    assert (marked.text, marked.spans) == (text, [])
    assert marked.find_place(0, len(text)) == (0, len(text))


def test_an_escaped_bracket_is_text() -> None:
    marked = read_markup(r"a \[b](+1)")
    assert (marked.text, marked.spans) == ("a [b](+1)", [])
    assert [marked.find_place(at, at + 1) for at in (0, 2, 3)] == [(0, 1), (3, 4), (4, 5)]
    assert [(word, said) for word, said, _ in list_words(r"[a\]b](/bˈi/)")] == [(r"a\]b", "bˈi")]


def test_quotes_beside_given_words_are_as_beside_others() -> None:
    texts = [token.text for token in speak('"[Hi](/hˈI/)," she said. "5 [km](/kˈA/)"').tokens]
    assert texts == ["“", "Hi", ",", "”", "she", "said", ".", "“", "five", "km", "”"]


REFUSED = {
    "a [b](as:foo)": "column 7: no kind 'as:foo'; expected one of characters, cardinal, ordinal, telephone, date",
    "[b](as:ordinol)": "column 5: no kind 'as:ordinol'; did you mean as:ordinal?",
    "[x](as:cardinal)": "column 5: 'x' is not of the kind 'as:cardinal'; expected a number such as 1,234.5",
    "[x](//)": "column 5: no phonemes in '//'; write them between the two '/', as in [word](/wˈɜɹd/)",
    "[x](/ /)": "column 5: no phonemes in '/ /'; write them between the two '/', as in [word](/wˈɜɹd/)",
    "[x](/wˈɜɹd)": "column 5: the phonemes /wˈɜɹd do not end with '/)'; write them as in [word](/wˈɜɹd/)",
    "ab [x](/wˈ#/)": "column 11: the phonemes /wˈ#/: unknown symbol '#' U+0023; expected Kokoro's symbols, or IPA",
    "[x](/tˈ'a/)": "column 8: the phonemes /tˈ'a/: unknown symbol ''' U+0027; the nearest known one is 'ˈ' U+02C8; "
    "expected Kokoro's symbols, or IPA",
    "[x](/ʲ͡/)'s": "column 6: the phonemes /ʲ͡/: nothing of 'ʲ͡' is spoken; expected Kokoro's symbols, or IPA",
    "[x](+9)": "column 5: the stress '+9' is no step; expected +2 or +1 to raise it, -1 or -2 to lower it, "
    "as in [word](+1)",
    "[x](+0.5)": "column 5: the stress '+0.5' is no step; expected +2 or +1 to raise it, -1 or -2 to lower it, "
    "as in [word](+1)",
    "[,](+1)": "column 5: the stress (+1) is of no word; write it behind a word, as in [word](+1)",
    " [ ](+1)": "column 2: [ ](+1) has no word in its brackets; write it as in [word](/wˈɜɹd/), [word](+1), "
    "[word](=other words) or [42](as:ordinal)",
    "[x](= )": "column 5: [x](= ) gives no words; write those that are spoken, as in [Dr](=doctor)",
    "[x](=never": "column 5: the bracket of [x](=never is not closed; expected ')' behind it",
}


@pytest.mark.parametrize("text", REFUSED)
def test_markup_that_says_nothing_is_refused_with_its_column(text: str) -> None:
    with pytest.raises(StageError) as refused:
        speak(text)
    assert str(refused.value) == REFUSED[text]


SAID_AS = {
    ("characters", "GIF 2é&"): "G I F two E and",
    ("characters", "a-b.c"): "A dash B dot C",
    ("cardinal", "1,234.5"): "one thousand two hundred thirty four point five",
    ("cardinal", "-42"): "minus forty two",
    ("cardinal", "1984"): "one thousand nine hundred eighty four",
    ("cardinal", "٣"): "three",
    ("ordinal", "21st"): "twenty first",
    ("ordinal", "1,000"): "one thousandth",
    ("telephone", "+1 (800) 555-0199"): "plus one , eight hundred , five five five , zero one nine nine",
    ("date", "3/4/2025"): "March fourth twenty twenty five",
    ("date", "2025-03-04"): "March fourth twenty twenty five",
    ("date", "4 March 2025"): "the fourth of March twenty twenty five",
    ("date", "1984"): "nineteen eighty four",
}


@pytest.mark.parametrize(("kind", "text"), SAID_AS)
def test_words_are_read_as_what_they_are_said_to_be(kind: str, text: str) -> None:
    assert " ".join(read_as(text, kind, british=False)) == SAID_AS[kind, text]


def test_british_english_reads_dates_and_numbers_its_own_way() -> None:
    assert " ".join(read_as("3/4/2025", "date", british=True)) == "the third of April twenty twenty five"
    assert " ".join(read_as("123", "cardinal", british=True)) == "one hundred and twenty three"
    assert list_words("[r](/bɜːd goʊ/)", lang="en-gb") != list_words("[r](/bɜːd goʊ/)", lang="en-us")


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("text", ["?!", "٪", "9" * 99 + "x", "+", "\u0301"])
def test_words_of_another_kind_are_refused(kind: str, text: str) -> None:
    if kind == "characters" and any(symbol.isalnum() or symbol in "?!/+" for symbol in text):
        assert read_as(text, kind, british=False)
        return
    with pytest.raises(ValueError, match=f"is not of the kind 'as:{kind}'; expected"):
        read_as(text, kind, british=False)


WORDS = st.sampled_from(
    ["Dr", "5", "km", "3/4/2025", "a", "cafe\u0301", "ﬁ", '"', "'", "-", ".", " ", "\n\n", "😀", "https://a.b/"]
)
TARGETS = st.sampled_from(["/wˈɜɹd/", "+1", "-2", "=Dr. 5", "as:characters", "as:date", "https://x", "", "/x", "+9"])
PIECES = st.one_of(
    WORDS, st.sampled_from("[]()\\/=+"), st.builds("[{}]({})".format, WORDS, TARGETS), st.text(max_size=4)
)
LEXICON = "Dr\tdˈɑk\nkm\tkˈA\ncafé\tkˈæfA\na\tˈA\n5\tfˈIv\n.\tdˈɑt"


@given(st.lists(PIECES, max_size=12).map("".join))
@example("5 [km](/a/)[km](/b/) [5](+1) [km](+1)")
@example("😀[a](/b/)😀")
@example('[5](/a/)"')
@example("[Dr](https://x)[Dr](/wˈɜɹd/)Dr")
@example("a.com/[km](/a/)[km](/b/)5")
@example("https://a.b/['](/wˈɜɹd/).[.](/wˈɜɹd/)")
def test_any_text_is_spoken_with_places_in_order_or_refused_with_a_column(text: str) -> None:
    for lexicon in ("", LEXICON):
        try:
            spoken = speak(text, lexicon=lexicon)
        except StageError as error:
            column = int(str(error).removeprefix("column ").partition(":")[0])
            assert 1 <= column <= len(text) + 1
            continue
        before = 0
        for token in spoken.tokens:
            assert before <= token.start <= token.end <= len(text)
            assert token.text
            before = token.start
        assert len(spoken.given) == sum(token.kind == "given" for token in spoken.tokens)
        assert all(0 <= note.start <= note.end <= len(text) for note in spoken.notes)


@given(st.text(alphabet=st.characters(exclude_characters="[")))
def test_a_text_without_markup_is_as_it_was(text: str) -> None:
    marked = read_markup(text)
    assert (marked.text, marked.spans) == (text, [])


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_words_keep_their_places(form: Literal["NFC", "NFD"]) -> None:
    text = unicodedata.normalize(form, "[Zoë](=Zoé) naïve [é](+1)")
    zoe, naive = unicodedata.normalize(form, "Zoë"), unicodedata.normalize(form, "naïve")
    assert [word for word, _, _ in list_words(text)] == [zoe, naive, unicodedata.normalize(form, "é")]


@pytest.mark.parametrize("unit", ["[", "](", "[a](=", "[\\", "[a](/(b)", "5 [km](/a/) ", "a[b](/a/)", "[a](+1) "])
def test_a_long_text_takes_time_in_proportion(unit: str) -> None:
    text = unit * (40_000 // len(unit))  # many seconds, if it were with the square
    if unit == "[a](=":
        with pytest.raises(StageError, match=r"column 5: the bracket of \[a\]\(= is not closed"):
            speak(text)
        return
    assert speak(text, lexicon="a\tˈA").tokens

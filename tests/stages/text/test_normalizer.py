"""The normaliser says what the tables of cases say, takes any text, and keeps every place."""

from __future__ import annotations

import importlib
import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.text.figures import CLASSES
from stages.text.normalizer import normalise
from stages.text.rules import Rule
from stages.text.speech import Note
from stages.text.tokens import Token
from tests.conftest import ROOT

re_parser = importlib.import_module("re._parser")  # the only way to ask a pattern how it is made; it has no types
CASES = Path(__file__).parent / "normalizer"
FILES = sorted(path.stem for path in CASES.glob("*.tsv"))


def speak(tokens: list[Token]) -> str:
    """The words and marks as one text. A hyphen shows that two words belong together."""
    spoken, previous = "", None
    for token in tokens:
        close = previous is not None and not token.spaced and {token.kind, previous.kind} <= {"word", "letters"}
        spoken += ("-" if close else " " if token.spaced else "") + token.text
        previous = token
    return spoken


def read_cases(name: str) -> list[tuple[str, str]]:
    """The cases of a table: a text, and what is said."""
    lines = (CASES / f"{name}.tsv").read_text("utf-8").splitlines()
    return [(text, spoken) for text, _, spoken in (line.partition("\t") for line in lines)]


@pytest.mark.parametrize("name", FILES)
def test_a_table_of_cases_is_spoken_as_it_says(name: str) -> None:
    british = name.startswith("british")
    wrong = [
        (text, said, spoken)
        for text, spoken in read_cases(name)
        if (said := speak(normalise(text, british=british))) != spoken
    ]
    assert wrong == []


def test_the_tables_have_the_cases_of_all_classes() -> None:
    assert sum(len(read_cases(name)) for name in FILES) >= 400
    assert len(FILES) >= 15


@pytest.mark.parametrize(
    ("text", "words"), [("#¼", ["one", "quarter"]), ("#half½", ["hashtag", "half", "one", "half"])]
)
def test_numbers_that_are_one_character_are_no_letters_of_a_hashtag(text: str, words: list[str]) -> None:
    assert [token.text for token in normalise(text)] == words


VOCABULARY = set(json.loads((ROOT / "configs/models/kokoro-82m/config.json").read_text("utf-8"))["vocab"])


def check_tokens(text: str, tokens: list[Token]) -> None:
    """Check what holds for every text: places lie in it and never go backwards, marks are Kokoro's, words are words."""
    last = 0
    for token in tokens:
        assert 0 <= token.start < token.end <= len(text)
        assert token.start >= last
        last = token.start
        if token.kind == "mark":
            assert token.text in VOCABULARY
        else:
            assert token.text.strip("'") or token.text == "'n'"
            assert all(is_letter(symbol) or symbol == "'" for symbol in token.text), token


def is_letter(symbol: str) -> bool:
    """Whether a character is a letter or combines with one, of any script."""
    return symbol.isalpha() or unicodedata.category(symbol) in {"Mn", "Mc", "Me"}


PIECES = [
    "1",
    "25",
    "2024",
    "3/4",
    "10:30",
    "$",
    "€",
    "%",
    "km",
    "a",
    "Dr.",
    "St",
    "IV",
    "Henry",
    "www.",
    "a@b.com",
    "-",
    ".",
    ",",
]
PIECES += [
    "'",
    '"',
    "(",
    ")",
    " ",
    "\n",
    "—",
    "😀",
    "é",
    "日",
    "½",
    "²",
    "#",
    "&",
    "/",
    "March",
    "4th",
    "p.m.",
    "U.S.",
    "http://x",
    "’s",
    "s",
]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=14).map("".join)), st.booleans())
def test_any_text_is_read_with_its_places(text: str, british: bool) -> None:
    notes: list[Note] = []
    check_tokens(text, normalise(text, british=british, notes=notes))
    assert all(text[note.start : note.end] == note.text for note in notes)


def test_prose_goes_straight_through() -> None:
    text = "It’s a well-known fact, he said; and so it is."
    tokens = normalise(text)
    assert [text[token.start : token.end].replace("’", "'") for token in tokens] == [token.text for token in tokens]


def test_words_of_a_figure_share_its_place_and_those_of_an_address_have_their_own() -> None:
    text = "It cost $25 at example.com."
    places = [(token.text, text[token.start : token.end]) for token in normalise(text)]
    assert places[2:5] == [("twenty", "$25"), ("five", "$25"), ("dollars", "$25")]
    assert places[6:] == [("example", "example"), ("dot", "."), ("com", "com"), (".", ".")]


def test_letters_are_told_from_words() -> None:
    kinds = {token.text: token.kind for token in normalise("the U.S. at 5 pm, a 5G www.example.com A4 NASA")}
    assert [word for word, kind in kinds.items() if kind == "letters"] == ["US", "PM", "G", "WWW", "A"]


def test_two_capitals_before_a_digit_are_letters() -> None:
    for text in ("CO2 is", "CO₂ is"):
        token = normalise(text)[0]
        assert (token.text, token.kind) == ("CO", "letters")
    assert [token.kind for token in normalise("GO 2")] == ["word", "word"]


def test_emoji_are_left_out_with_a_note() -> None:
    notes: list[Note] = []
    assert speak(normalise("Well done 👍🏽👍 all", notes=notes)) == "Well done all"
    assert notes == [Note(10, 13, "👍🏽👍", "no words for thumbs up sign")]


def test_words_of_other_scripts_stay_for_the_caller_to_refuse() -> None:
    assert normalise("see 日本 हिन्दी")[1:] == [Token("日本", 4, 6), Token("हिन्दी", 7, 13)]


LONG = 200_000
REPEATED = [
    "1",
    "1,",
    "1-",
    "1.",
    "1/",
    "$",
    "www.",
    "a.",
    "a@",
    "a-",
    "a'",
    "'",
    '"',
    " ",
    "\n",
    "(",
    "[",
    "-",
    ".",
    "%",
    "/",
]
REPEATED += [
    "x",
    "I",
    "😀",
    "日",
    "e\u0301",
    "\u00ad",
    "½",
    "a½",
    "²",
    "http://",
    "a.com/)",
    "St. ",
    "1 ",
    "#a",
    "_",
    "\x00",
    "’",
]


@pytest.mark.parametrize("piece", REPEATED)
def test_a_long_line_of_anything_is_read(piece: str) -> None:
    """A quadratic rule would take minutes here."""
    text = piece * (LONG // 20 // len(piece))
    check_tokens(text, normalise(text))


@pytest.mark.parametrize("rule", [rule for rules, _ in CLASSES for rule in rules], ids=lambda rule: rule.name)
def test_every_repeat_of_a_rule_is_bounded(rule: Rule) -> None:
    """A rule that fails has then cost a constant, whatever the text is."""
    assert list(find_unbounded(re_parser.parse(rule.pattern))) == []
    assert re_parser.parse(rule.pattern).getwidth()[1] < 1000


@pytest.mark.parametrize("rule", [rule for rules, _ in CLASSES for rule in rules], ids=lambda rule: rule.name)
def test_the_example_of_a_rule_has_figures_that_are_spoken(rule: Rule) -> None:
    assert not any(symbol.isdecimal() for symbol in speak(normalise(rule.example)))


def find_unbounded(pattern: Iterable[Any]) -> Iterator[Any]:
    """The repeats of a parsed pattern that have no upper bound."""
    for operation, value in pattern:
        if str(operation) in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            if value[1] == re_parser.MAXREPEAT:
                yield value
            yield from find_unbounded(value[2])
        elif str(operation) == "BRANCH":
            for branch in value[1]:
                yield from find_unbounded(branch)
        elif str(operation) in {"SUBPATTERN", "ASSERT", "ASSERT_NOT", "ATOMIC_GROUP"}:
            yield from find_unbounded(value[-1] if str(operation) != "ATOMIC_GROUP" else value)

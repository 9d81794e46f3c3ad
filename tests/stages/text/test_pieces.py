from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.text.pieces import divide

# text, its words and marks, a space where one is spoken between them
CASES = {
    "Hello, world!": "Hello, world!",
    "«¿Qué tal?», dijo…": "“Qué tal?”, dijo…",
    "« Oui » ( sic ) !": "“Oui” (sic)!",
    "3,5 km à 10:30.": "3,5 km à 10:30.",
    "L'eau d’Aix": "L'eau d’Aix",
    "'tis ‘quoted’": "tis quoted",
    "- Oui - non – si": "— Oui — non — si",
    "porte-monnaie": "porte-monnaie",
    "wait... what..": "wait… what…",
    "a—b": "a—b",
    "U.S.A. (or “US”).": "U.S.A. (or “US”).",
    "नमस्ते।": "नमस्ते.",
    "50% & more": "50% & more",
    " \n ": "",
    "[see] {this}": "(see) (this)",
}


def join(text: str) -> str:
    return "".join(" " * token.spaced + token.text for token in divide(text)).lstrip()


@pytest.mark.parametrize("text", CASES)
def test_text_is_divided_into_words_and_marks(text: str) -> None:
    assert join(text) == CASES[text]


@given(st.text(max_size=60))
def test_words_are_what_stands_at_their_place(text: str) -> None:
    end = 0
    for token in divide(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end
        if token.kind == "word":
            assert text[token.start : token.end] == token.text


def test_a_long_text_takes_time_in_proportion() -> None:
    assert sum(1 for _ in divide("'" * 200_000 + "a" * 200_000 + "…" * 100_000)) == 100_001

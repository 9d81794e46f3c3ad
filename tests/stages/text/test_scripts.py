"""Words in another script, and symbols that say nothing."""

from __future__ import annotations

import pytest

from stages.text.scripts import is_foreign, is_silent


@pytest.mark.parametrize("word", ["monde", "l'été", "n°5", "ﬁn", "π", "50%", "１２"])
def test_a_word_of_the_script_is_not_foreign(word: str) -> None:
    assert not is_foreign(word, "LATIN")


@pytest.mark.parametrize("word", ["日本", "Привет", "ππ", "aя", "नमस्ते"])
def test_a_word_in_another_script_is_foreign(word: str) -> None:
    assert is_foreign(word, "LATIN")
    assert is_foreign(word, "DEVANAGARI") == (word != "नमस्ते")


@pytest.mark.parametrize(
    ("word", "silent"),
    [("***", True), ("😀", True), ("👩‍🚀", True), ("#", True), ("&", False), ("%", False), ("a*", False)],
)
def test_symbols_that_say_nothing_are_silent(word: str, silent: bool) -> None:
    assert is_silent(word) == silent

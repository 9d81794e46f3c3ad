"""Words to compare: what sounds alike is equal, whoever wrote it down; what does not is not."""

from __future__ import annotations

import pytest

pytest.importorskip("transformers", reason="the extra [reference] is not installed")

from benchmarks.quality.words import words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Good morning!", "good morning"),
        ("It costs twenty-five dollars.", "It costs $25."),
        ("It costs 25 dollars and 10 cents.", "it costs $25.10"),
        ("Flight four eighty-two leaves at nine thirty.", "flight 482 leaves at 9:30"),
        ("Please call five five five, two one four two.", "Please call 555-2142"),
        ("eighty percent of the voters", "80% of the voters"),
        ("the fourteenth of June, nineteen thirty-six", "the 14th of June 1936"),
        ("nearly five million", "nearly 5,000,000"),
        ("four hundred twenty thousand", "420,000"),
        ("three point five miles", "3.5 miles"),
        ("Mister Anderson and Doctor Taylor", "Mr. Anderson and Dr. Taylor"),
        ("I do not know.", "I don't know"),
        ("one hundred and one", "101"),
    ],
)
def test_two_spellings_of_the_same_speech_are_equal(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("It costs 25 dollars.", "It costs 25 cents."), ("3.5 miles", "35 miles"), ("half past ten", "half past two")],
)
def test_other_speech_differs(one: str, other: str) -> None:
    assert words(one) != words(other)


def test_a_digit_is_a_word() -> None:
    assert words("Room 207, at 3.5 metres") == ["room", "2", "0", "7", "at", "3", ".", "5", "metres"]


def test_silence_has_no_words() -> None:
    assert words(" ... ") == []

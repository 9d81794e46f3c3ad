"""Steps of stress."""

from __future__ import annotations

import pytest

from stages.text.stress import add_stress, change_stress, strengthen, subordinate, weaken, weigh


def test_stress_is_added_before_the_first_vowel() -> None:
    assert add_stress("ænd") == "ˌænd"
    assert add_stress("wɪl") == "wˌɪl"
    assert add_stress("wɪl", "ˈ") == "wˈɪl"


def test_phonemes_that_have_stress_get_no_other() -> None:
    assert add_stress("nˌɑt") == "nˌɑt"
    assert add_stress("hˈæv") == "hˈæv"


def test_phonemes_without_a_vowel_get_no_stress() -> None:
    assert add_stress("hm") == "hm"
    assert strengthen("hm") == "hm"


def test_primary_stress_becomes_secondary_when_weakened() -> None:
    assert weaken("ˌOvəɹlˈʊk") == "Ovəɹlˌʊk"
    assert subordinate("ˌOvəɹlˈʊk") == "Ovəɹlˌʊk"


def test_only_primary_stress_is_subordinated() -> None:
    assert weaken("nˌɑt") == "nɑt"
    assert subordinate("nˌɑt") == "nˌɑt"


def test_secondary_stress_becomes_primary_when_strengthened() -> None:
    assert strengthen("nˌɑt") == "nˈɑt"
    assert strengthen("ænd") == "ˈænd"
    assert strengthen("ˌOvəɹlˈʊk") == "ˌOvəɹlˈʊk"


@pytest.mark.parametrize(
    ("level", "unstressed", "secondary", "primary"),
    [
        (2, "ˈænd", "nˈɑt", "hˈæv"),
        (1, "ˌænd", "nˈɑt", "hˈæv"),
        (0, "ænd", "nˌɑt", "hˈæv"),
        (-1, "ænd", "nɑt", "hˌæv"),
        (-2, "ænd", "nɑt", "hæv"),
    ],
)
def test_levels_of_markup_raise_and_lower_stress(level: int, unstressed: str, secondary: str, primary: str) -> None:
    assert change_stress("ænd", level) == unstressed
    assert change_stress("nˌɑt", level) == secondary
    assert change_stress("hˈæv", level) == primary


def test_diphthongs_and_affricates_weigh_double() -> None:
    assert weigh("wˈɛl") == 4
    assert weigh("nˈOn") == 5
    assert weigh("ʤˈʌʤ") == 6

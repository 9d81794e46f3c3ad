from __future__ import annotations

import pytest

from stages.text.word_places import place_words

# phonemes of all words, of each alone, and what of the first belongs to each
CASES = [
    ("ʌvðə kˈæt", ["ʌv", "ði", "kˈæt"], ["ʌv", "ðə", "kˈæt"]),
    ("hˈaʊz kˈæt", ["hˈaʊs", "kˈæt"], ["hˈaʊz", "kˈæt"]),
    ("twˈɛnti fˈaɪv dˈeɪz", ["twˈɛnti fˈaɪv", "dˈeɪz"], ["twˈɛnti fˈaɪv", "dˈeɪz"]),
    ("twˈɛnti fˈaɪv ʌvðə", ["twˈɛnti fˈaɪv", "ʌv", "ði"], ["twˈɛnti fˈaɪv", "ʌv", "ðə"]),
    ("lez amˈi", ["le", "amˈi"], ["lez", "amˈi"]),
    ("lezamˈi", ["le", "amˈi"], ["lez", "amˈi"]),
    ("kˈæt", ["", "kˈæt"], ["", "kˈæt"]),
    ("kˈæt", ["kˈæt", ""], ["kˈæt", ""]),
    ("", ["a", "b"], ["", ""]),
    ("xyz", ["", ""], ["xyz", ""]),
    ("kˈæt ʌvðə", ["kˈæt", "ʌv", "ði"], ["kˈæt", "ʌv", "ðə"]),
    ("kˈæts ʌvðə", ["kˈæt", "ʌv", "ði"], ["kˈæts", "ʌv", "ðə"]),
    ("kˈæt sˈæt", ["kˈæt", "", "sˈæt"], ["kˈæt", "", "sˈæt"]),
]


@pytest.mark.parametrize(("phonemes", "alone", "expected"), CASES)
def test_each_word_has_its_phonemes(phonemes: str, alone: list[str], expected: list[str]) -> None:
    places = place_words(phonemes, alone)
    assert [phonemes[start:end] for start, end in places] == expected
    assert places == sorted(places)

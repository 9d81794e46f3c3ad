from __future__ import annotations

import pytest

from stages.symbols import looks_like_text

TEXT = [
    "hello there my friend",
    "Hello there, my friend!",
    "HELLO THERE",
    "the cat",
    "“Well,” said he—and it's late.",
    "room 12 is free",
]
PHONEMES = [
    "həlˈO ðɛɹ mI fɹˈɛnd",
    "ðə",
    "ɪt ɪz",
    "ðə kæt",
    "wi mi ju",  # words of phonemes that have plain letters alone
    "bI hi, ju",
    "koɲniʨiwa minasan",  # no stress marks in Japanese
    "hˈI bOb",
    "hhhh hhh",
    "hello",  # a word alone may be anything
    "",
    "... — 12",
]


@pytest.mark.parametrize("line", TEXT)
def test_words_of_plain_letters_look_like_text(line: str) -> None:
    assert looks_like_text(line)


@pytest.mark.parametrize("line", PHONEMES)
def test_phonemes_do_not_look_like_text(line: str) -> None:
    assert not looks_like_text(line)

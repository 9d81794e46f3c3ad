"""The sentence generator and the held-out sentences."""

from __future__ import annotations

import itertools
import re

import pytest

from training.errors import TrainingError
from training.sentences import heldout, sentences, word_lists, words_only


@pytest.fixture(scope="module")
def made() -> list[str]:
    """The first 3000 sentences of seed 1."""
    try:
        return list(itertools.islice(sentences(1), 3000))
    except TrainingError as error:
        pytest.skip(f"no dictionary: {error}")


def test_heldout_are_ordinary_sentences() -> None:
    lines = heldout()
    assert len(lines) >= 120
    assert len({words_only(line) for line in lines}) == len(lines)
    for line in lines:
        assert re.fullmatch(r"[A-Z][A-Za-z' ]+[.?]", line), line
        assert 5 <= len(line.split()) <= 12, line


def test_sentences_never_has_a_held_out_one(made: list[str]) -> None:
    assert {words_only(line) for line in made}.isdisjoint(words_only(line) for line in heldout())


def test_sentences_leaves_a_sentence_out_when_it_is_held_out(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.sentences.heldout", lambda: (made[7].upper(),))
    assert made[7] not in itertools.islice(sentences(1), 100)


def test_sentences_are_the_same_for_the_same_seed(made: list[str]) -> None:
    assert list(itertools.islice(sentences(1), 50)) == made[:50]
    # Of short ones ("Thirty.") there are only so many.
    assert len(set(itertools.islice(sentences(2), 200)) & set(made)) < 10


def test_sentences_are_all_different(made: list[str]) -> None:
    assert len({words_only(line) for line in made}) == len(made)


def test_sentences_has_every_kind(made: list[str]) -> None:
    endings = {line[-1] for line in made}
    assert endings >= set(".?!…")
    assert any(len(line.split()) == 1 for line in made)
    assert any(len(line.split()) > 20 for line in made)
    assert any(re.search(r"\d", line) for line in made)
    assert all(any(mark in line for line in made) for mark in ",;:—")


def test_sentences_are_written_as_people_write(made: list[str]) -> None:
    for line in made:
        assert re.fullmatch(r"\S+( \S+)*", line), line
        assert not line[0].islower(), line
        assert not re.search(r"\s[.,;:?!…]|[.,;:?!…]{2}", line), line


def test_word_lists_has_no_word_twice(made: list[str]) -> None:
    del made  # skips where the dictionary is missing
    for name, words in word_lists().items():
        if name != "determiner":  # there a word stands as often as it is wanted
            assert len(set(words)) == len(words), name

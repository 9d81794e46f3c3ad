"""The table of sentences: it holds what docs/quality.md says of it, and phonemes that the model knows and that fit."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from benchmarks.quality.sentences import CLASSES, SPEEDS, VOICES, Sentence, mix, read_sentences
from kokoro_run import RunError

_COMPOUNDS = {"underwater", "anymore"}  # written as one word, spoken as two


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    return read_sentences()


def test_the_table_has_120_sentences_of_seven_classes(sentences: list[Sentence]) -> None:
    assert len(sentences) == 120
    assert Counter(each.kind for each in sentences) == {
        "statement": 22, "question": 18, "number": 22, "name": 16, "list": 12, "short": 20, "long": 10
    }  # fmt: skip


def test_no_sentence_is_there_twice(sentences: list[Sentence]) -> None:
    for column in ("id", "text", "phonemes"):
        assert len({getattr(each, column) for each in sentences}) == len(sentences)


def test_the_model_knows_every_symbol(sentences: list[Sentence], repository: Path) -> None:
    config = json.loads((repository / "configs" / "models" / "kokoro-82m" / "config.json").read_text("utf-8"))
    for each in sentences:
        assert not set(each.phonemes) - set(config["vocab"]), each.id


def test_long_sentences_have_300_to_500_symbols_and_no_other_has_as_many(sentences: list[Sentence]) -> None:
    for each in sentences:
        assert (300 <= len(each.phonemes) <= 500) == (each.kind == "long"), each.id
        assert len(each.phonemes) <= 500, each.id


def test_a_text_has_as_many_words_as_its_phonemes(sentences: list[Sentence]) -> None:
    spelled = [each for each in sentences if not any(map(str.isdigit, each.text))]
    assert len(spelled) == 98
    for each in spelled:
        compounds = len(_COMPOUNDS & set(re.findall(r"\w+", each.text)))
        assert len(each.text.split()) + compounds == len(each.phonemes.split()), each.id


def test_a_text_has_the_punctuation_of_its_phonemes(sentences: list[Sentence]) -> None:
    for each in sentences:
        if each.kind != "number":
            text, phonemes = (
                "".join(mark for mark in column if mark in ",.;:?!—") for column in (each.text, each.phonemes)
            )
            assert text == phonemes, each.id


def test_every_question_ends_as_one(sentences: list[Sentence]) -> None:
    assert all(each.text.endswith("?") for each in sentences if each.kind == "question")


def test_each_voice_has_each_speed_equally_often(sentences: list[Sentence]) -> None:
    counts = Counter((each.voice, each.speed) for each in sentences)
    assert counts == dict.fromkeys(product(VOICES, SPEEDS), 4)
    assert len(VOICES) == 5
    assert (min(SPEEDS), max(SPEEDS)) == (0.7, 1.5)


def test_the_first_quarter_of_a_run_has_sentences_of_all_classes(sentences: list[Sentence]) -> None:
    order = list(mix(sentences))
    assert sorted(each.id for each in order) == sorted(each.id for each in sentences)
    assert {each.kind for each in order[:30]} == set(CLASSES)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id\ttext"], r"t.tsv:1: expected the columns id, class, text, phonemes, parted by tabs"),
        (["id\tclass\ttext\tphonemes", "a\tname\tb"], r"t.tsv:2: got 3 columns, expected id, class, text, phonemes"),
        (["id\tclass\ttext\tphonemes", "a\tsong\tb\tb"], r"t.tsv:2: unknown class 'song', expected one of statement"),
    ],
)
def test_a_line_that_is_no_sentence_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    (tmp_path / "t.tsv").write_text("\n".join(lines), "utf-8")
    with pytest.raises(RunError, match=message):
        read_sentences(tmp_path / "t.tsv")

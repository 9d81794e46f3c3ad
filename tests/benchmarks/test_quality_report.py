"""The table of quality and the bars: figures of rows whose errors and scores are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

pytest.importorskip("jiwer", reason="the extra [dev] is not installed")

from benchmarks.quality.measured import FLOAT64, PYTORCH, Measured, Opinion
from benchmarks.quality.report import find_failures, summarise, write_tables
from benchmarks.quality.sentences import Sentence

_TITLES = {"ours": "kokoro-run", PYTORCH: "PyTorch", "bf16": "in bfloat16", FLOAT64: "in float64"}


def _rows(errors: Sequence[int], overall: float = 3.4, distance_db: float | None = 0.5) -> list[Measured]:
    """A row for each number of wrong words out of ten."""
    kinds = ("statement", "number")
    return [
        Measured(
            sentence=Sentence(f"s{at}", kinds[at % 2], "text", "tˈɛkst", "af_heart", 1.0),
            digest="",
            seconds=1.0,
            heard="",
            words=10,
            errors=wrong,
            opinion=Opinion(3.6, 4.2, overall),
            distance_db=distance_db,
        )
        for at, wrong in enumerate(errors)
    ]


def test_summary_counts_words_over_all_sentences() -> None:
    found = summarise(_rows([1, 0, 2, 0]), _rows([0, 0, 2, 0], overall=3.3))
    assert (found.sentences, found.words, found.errors) == (4, 40, 3)
    assert found.word_error.value == pytest.approx(7.5)
    assert found.word_error_apart is not None
    assert found.word_error_apart.value == pytest.approx(2.5)
    assert found.opinion_apart is not None
    assert found.opinion_apart.value == pytest.approx(0.1)
    assert found.distance_db == pytest.approx(0.5)


def test_difference_is_taken_sentence_by_sentence() -> None:
    hard = [0, 9, 0, 9, 0, 9]
    found = summarise(_rows(hard), _rows(hard))
    assert found.word_error.low < found.word_error.value < found.word_error.high
    assert found.word_error_apart == (0, 0, 0)


def test_difference_is_over_the_sentences_that_both_have_spoken() -> None:
    found = summarise(_rows([0, 0, 8, 8]), _rows([0, 0]))
    assert found.word_error_apart is not None
    assert (found.word_error.value, found.word_error_apart.value) == (40, 0)


def test_a_bar_is_broken_by_a_difference_to_either_side() -> None:
    calm = [0] * 100
    for errors, overall, expected in (
        ([0] * 98 + [1, 1], 3.4, []),  # 2 of 1000 words: 0.2 points
        (
            [0] * 97 + [1, 1, 1],
            3.4,
            ["ours: word error in points differs from PyTorch's by +0.300, expected at most 0.2"],
        ),
        (calm, 3.415, []),
        (calm, 3.425, ["ours: DNSMOS differs from PyTorch's by +0.025, expected at most 0.02"]),
        (calm, 3.375, ["ours: DNSMOS differs from PyTorch's by -0.025, expected at most 0.02"]),
    ):
        assert find_failures({"ours": _rows(errors, overall), PYTORCH: _rows(calm)}) == expected


def test_bfloat16_has_wider_bars() -> None:
    rows = {"bf16": _rows([0] * 96 + [1] * 4, 3.44), PYTORCH: _rows([0] * 100)}
    assert find_failures(rows) == []
    assert len(find_failures({"padded": rows["bf16"], PYTORCH: rows[PYTORCH]})) == 2


def test_table_has_a_row_a_system_and_says_what_was_not_run() -> None:
    results = {"ours": _rows([1, 0]), PYTORCH: _rows([0, 1], distance_db=None), FLOAT64: _rows([0, 0], distance_db=0.0)}
    lines = write_tables(_TITLES, results, {"bf16": "this processor has no avx512_bf16"}).splitlines()
    assert lines[2].startswith("| kokoro-run | 2 | 5.00 (0.00 to 10.00) | +0.00 (")
    assert lines[2].endswith("| +0.000 (+0.000 to +0.000) | 0.500 |")
    assert lines[3] == "| PyTorch | 2 | 5.00 (0.00 to 10.00) |  | 3.400 (3.400 to 3.400) |  |  |"
    assert lines[4].endswith("|  |")  # the reference's distance to itself says nothing
    assert lines[5] == "| in bfloat16 | not run: this processor has no avx512_bf16 | | | | | |"


def test_classes_have_their_own_table() -> None:
    table = write_tables(_TITLES, {"ours": _rows([1, 0, 2, 0])}, {})
    assert "| kokoro-run | 3 of 20 | 0 of 0 | 0 of 20 |" in table


def test_distance_says_of_how_many_sentences_it_is() -> None:
    rows = _rows([0]) + _rows([0, 0], distance_db=None)[1:]
    assert "| 0.500 (of 1) |" in write_tables(_TITLES, {"ours": rows, PYTORCH: rows}, {})


def test_padding_that_changes_a_sample_is_told() -> None:
    exact = [dataclasses.replace(row, digest=digest) for row, digest in zip(_rows([0, 0, 0]), "abc", strict=True)]
    padded = [dataclasses.replace(row, digest=digest) for row, digest in zip(_rows([0, 0]), "ax", strict=True)]
    table = write_tables({**_TITLES, "padded": "padded"}, {"ours": exact, "padded": padded}, {})
    assert "Padded, 1 of 2 sentences are the same samples, bit for bit." in table

"""Early cuts: the first chunk of a row is short, each one after it is longer, and nothing is lost."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.speech.split import Boundary, Chunk, split
from tests.conftest import ROOT

VOCAB = json.loads((ROOT / "configs" / "models" / "mini" / "config.json").read_text("utf-8"))["vocab"]
LIMIT = 510
CLAUSE, SENTENCE = "hə həl hə, ", "hə hələl hə. "  # of 10 and 12 symbols


def cut(line: str, number: int = 0, limit: int = LIMIT) -> list[Chunk]:
    return split(line.rstrip(), VOCAB, limit, early=number)


def sizes(line: str, number: int = 0) -> list[int]:
    return [len(chunk.phonemes) for chunk in cut(line, number)]


def test_chunks_double_until_they_are_those_of_any_line() -> None:
    found = sizes(SENTENCE * 150)  # of 13 with the space
    assert found[:4] == [51, 116, 233, 480]
    even = [len(chunk.phonemes) for chunk in split((SENTENCE * (150 - 4 - 9 - 18 - 37)).rstrip(), VOCAB, LIMIT)]
    assert found[4:] == even


def test_a_row_goes_on_where_its_chunks_before_ended() -> None:
    assert sizes(SENTENCE * 150, 1)[:3] == [116, 233, 480]
    assert sizes(SENTENCE * 150, 4) == [len(chunk.phonemes) for chunk in split((SENTENCE * 150).rstrip(), VOCAB, LIMIT)]
    assert sizes(SENTENCE * 150, 90) == sizes(SENTENCE * 150, 4)


PLACES = {
    "a short line is one chunk": (CLAUSE * 5, [54]),
    "the last sentence within the size": (SENTENCE * 2 + CLAUSE * 6, [25, 65]),
    "a clause, if no sentence ends within": (CLAUSE * 6 + SENTENCE, [54, 23]),
    "the first mark beyond, if none is within": ("hə " * 30 + ", " + CLAUSE * 3, [91, 32]),
    "no mark at all": ("hə " * 100, [299]),
    "no mark in what the model takes": ("hə " * 300, [449, 449]),
    "a word alone is no chunk": ("hələl. " + "hə " * 40, [126]),
    "nor are two": ("hə həl, " + CLAUSE * 8, [51, 43]),
    "nor are two at the end": (CLAUSE * 5 + "həl hə", [43, 17]),
    "marks are no words": ("hə, , , , " + "hə " * 20, [69]),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_chunk_ends_where_a_reader_would_breathe(place: str) -> None:
    line, expected = PLACES[place]
    assert sizes(line) == expected


def test_a_later_chunk_may_reach_for_the_end_of_its_sentence() -> None:
    line = SENTENCE * 4 + CLAUSE * 15 + SENTENCE + CLAUSE * 9
    assert sizes(line) == [51, 177, 98]
    assert [chunk.after for chunk in cut(line)] == [Boundary.SENTENCE, Boundary.SENTENCE, None]


def test_unknown_symbols_are_refused_as_in_any_line() -> None:
    line = CLAUSE * 10 + "%"
    assert cut(line) == [Chunk(line)]  # the tokenizer tells where
    kept = split(line, VOCAB, LIMIT, skip_unknown=True, early=0)
    assert [len(chunk.phonemes) for chunk in kept] == [54, 56]


@given(
    st.lists(st.text(st.sampled_from("abɛɹˈ"), min_size=1, max_size=9), min_size=1, max_size=200),
    st.lists(st.sampled_from([" ", " ", ". ", ", ", "  ", "—", "...", ' "', ") "]), min_size=200, max_size=200),
    st.integers(0, 3),
    st.integers(70, 510),
)
def test_chunks_lose_nothing_but_spaces_and_are_the_same_each_time(
    words: list[str], gaps: list[str], number: int, limit: int
) -> None:
    line = "".join(word + gap for word, gap in zip(words, gaps, strict=False)).rstrip()
    chunks = cut(line, number, limit)
    assert chunks == cut(line, number, limit)
    end = 0
    for chunk in chunks:
        assert line[end : chunk.offset].strip(" ") == ""
        assert line[chunk.offset :].startswith(chunk.phonemes)
        assert len(chunk.phonemes) <= limit
        end = chunk.offset + len(chunk.phonemes)
    assert end == len(line)
    assert [chunk.after for chunk in chunks[:-1]] == [chunk.before for chunk in chunks[1:]]
    if len(chunks) > len(split(line, VOCAB, limit)):  # some were cut early: at marks, and not behind the first word
        assert chunks[0].after in (Boundary.SENTENCE, Boundary.CLAUSE)
        assert len(re.findall(r"[ .,—]+", line[: chunks[1].offset])) >= 3

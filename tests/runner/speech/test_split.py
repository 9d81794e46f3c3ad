"""Where long lines are cut, and how their parts are joined."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import RunError
from runner.speech.split import Boundary, Chunk, join_edges, split
from stages.symbols import normalise
from tests.conftest import ROOT

VOCAB: dict[str, int] = json.loads((ROOT / "configs/models/mini/config.json").read_text("utf-8"))["vocab"]
RATE = 24_000

# a line, the most symbols of a chunk, the chunks
CASES = {
    "short enough": ("ab cd.", 6, ["ab cd."]),
    "a sentence before a clause": ("ab. cd, ef gh", 9, ["ab.", "cd, ef gh"]),
    "a sentence however uneven": ("a. bb bb, bb bb bb", 15, ["a.", "bb bb, bb bb bb"]),
    "a clause before a word": ("ab cd, ef gh ij", 10, ["ab cd,", "ef gh ij"]),
    "words when nothing else is there": ("ab cd ef gh", 6, ["ab cd", "ef gh"]),
    "the most even words": ("a b c d e f", 7, ["a b c", "d e f"]),
    "the fewest chunks": ("ab. cd. ef. gh.", 7, ["ab. cd.", "ef. gh."]),
    "marks stay with what they end": ("ab?!” “cd…” ef", 9, ["ab?!”", "“cd…” ef"]),
    "a dash of its own": ("ab — cd", 5, ["ab —", "cd"]),
    "a dash within": ("ab—cd", 4, ["ab—", "cd"]),
    "no space after a full stop": ("ab.cd", 4, ["ab.", "cd"]),
    "spaces of a joint belong to nobody": (" ab   cd", 4, [" ab", "cd"]),
    "marks are no chunk": ("... ab cdef", 8, ["... ab", "cdef"]),
    "a word too long": ("ab abcdefghi", 8, None),
    "a ligature is one symbol": ("t\u0361s t\u0361s", 2, ["t\u0361s", "t\u0361s"]),
    "a decomposed letter is two": ("ẽ ẽ", 3, ["ẽ", "ẽ"]),
}


@pytest.mark.parametrize("case", CASES)
def test_split_cuts_where_a_reader_would(case: str) -> None:
    line, limit, expected = CASES[case]
    if expected is None:
        with pytest.raises(RunError, match=rf"symbols without a space or a mark to split at.* at most {limit};"):
            split(line, VOCAB, limit)
    else:
        assert [chunk.phonemes for chunk in split(line, VOCAB, limit)] == expected


@given(
    st.lists(st.text(st.sampled_from("abɛɹˈt\u0361sẽ"), min_size=1, max_size=12), min_size=1, max_size=60),
    st.lists(st.sampled_from([" ", ". ", ", ", "  ", "—", "! ", "...", ' "', ") "]), min_size=60, max_size=60),
    st.integers(48, 90),
)
def test_chunks_are_short_and_lose_nothing_but_spaces(words: list[str], gaps: list[str], limit: int) -> None:
    line = "".join(word + gap for word, gap in zip(words, gaps, strict=False)).rstrip()
    chunks = split(line, VOCAB, limit, skip_unknown=True)
    end = 0
    for chunk in chunks:
        assert line[end : chunk.offset].strip(" ") == ""
        assert line[chunk.offset :].startswith(chunk.phonemes)
        assert len(known(chunk.phonemes)) <= limit
        end = chunk.offset + len(chunk.phonemes)
    assert end == len(line)
    spoken = [symbol for symbol in known(line) if symbol != " "]
    assert [symbol for chunk in chunks for symbol in known(chunk.phonemes) if symbol != " "] == spoken
    assert [chunk.after for chunk in chunks[:-1]] == [chunk.before for chunk in chunks[1:]]
    assert (chunks[0].before, chunks[-1].after) == (None, None)


def known(text: str) -> list[str]:
    return [symbol.text for symbol in normalise(text, VOCAB) if symbol.text in VOCAB]


def test_a_line_of_marks_is_refused() -> None:
    with pytest.raises(RunError, match="11 symbols, but the model takes at most 8, and every cut would part marks"):
        split("... abcdefg", VOCAB, 8)


def test_boundaries_are_those_of_the_marks() -> None:
    chunks = split("ab. cd, ef gh", VOCAB, 3)
    assert [chunk.after for chunk in chunks] == [Boundary.SENTENCE, Boundary.CLAUSE, Boundary.WORD, None]
    assert [chunk.offset for chunk in chunks] == [0, 4, 8, 11]


def test_unknown_symbols_of_a_long_line_have_the_column_of_the_line() -> None:
    with pytest.raises(RunError, match=r"^column 7: unknown symbol '%'.* \(and 1 more"):
        split("ab ab %b ab%", VOCAB, 5)
    assert [chunk.phonemes for chunk in split("ab %% ab", VOCAB, 4, skip_unknown=True)] == ["ab", "%% ab"]


def test_the_model_s_limit_is_a_chunk_of_510() -> None:
    sentence = "hə " * 49 + "həl. "
    chunks = split((sentence * 7).rstrip(), VOCAB, 510)
    assert [len(known(chunk.phonemes)) for chunk in chunks] == [303, 303, 455]


def speech(level: float = 0.5, lead: int = 2_000, tail: int = 6_000) -> np.ndarray:
    """A tone between quiet edges that are not quite silent."""
    wave = level * np.sin(np.arange(9_600) * 0.3, dtype=np.float64)
    noise = np.random.default_rng(0).normal(0, 0.0003, lead + wave.size + tail)
    noise[lead : lead + wave.size] += wave
    return noise.astype(np.float32)


def joined(*parts: np.ndarray, boundary: Boundary) -> np.ndarray:
    ends = [None, *[boundary] * (len(parts) - 1), None]
    chunks = [Chunk("", 0, ends[at], ends[at + 1]) for at in range(len(parts))]
    return np.concatenate([join_edges(part, chunk)[0] for part, chunk in zip(parts, chunks, strict=True)])


@pytest.mark.parametrize("boundary", Boundary)
@pytest.mark.parametrize("edges", [(2_000, 6_000), (10, 20), (0, 0)])
def test_a_joint_makes_no_step_that_speech_does_not(boundary: Boundary, edges: tuple[int, int]) -> None:
    parts = [speech(0.5, *edges), speech(0.9, *edges), speech(0.2, *edges)]
    inside = max(float(np.abs(np.diff(part)).max()) for part in parts)
    assert np.abs(np.diff(joined(*parts, boundary=boundary))).max() <= inside


@pytest.mark.parametrize("boundary", Boundary)
def test_a_joint_of_parts_that_end_loud_makes_no_step(boundary: Boundary) -> None:
    parts = [np.full(4_800, level, np.float32) for level in (0.5, -0.5, 0.8)]
    assert np.abs(np.diff(joined(*parts, boundary=boundary))).max() < 0.012  # a cosine of 120 samples: 0.8 * pi / 240


@pytest.mark.parametrize("boundary", Boundary)
def test_the_pause_is_that_of_the_boundary_whatever_the_quiet(boundary: Boundary) -> None:
    for lead, tail in [(12_000, 24_000), (100, 100), (100, 24_000)]:
        both = joined(speech(0.5, 10, tail), speech(0.5, lead, 10), boundary=boundary)
        loud = np.flatnonzero(np.abs(both) > 0.01)
        pause = float(np.diff(loud).max()) / RATE
        assert pause == pytest.approx(boundary.value, abs=0.006)


def test_the_ends_of_a_line_stay_as_they_are() -> None:
    both = joined(speech(0.5, 3_000), speech(0.4, tail=7_000), boundary=Boundary.SENTENCE)
    np.testing.assert_array_equal(both[:3_000], speech(0.5, 3_000)[:3_000])
    np.testing.assert_array_equal(both[-7_000:], speech(0.4, tail=7_000)[-7_000:])
    whole, shift = join_edges(speech(), Chunk("ab"))
    np.testing.assert_array_equal(whole, speech())
    assert shift == 0


@pytest.mark.parametrize(("lead", "tail"), [(12_000, 24_000), (100, 100)])
def test_speech_is_later_by_what_a_joint_says(lead: int, tail: int) -> None:
    audio = speech(0.5, lead, tail)
    part, shift = join_edges(audio, Chunk("ab", 3, Boundary.WORD, Boundary.SENTENCE))
    middle = slice(lead + 2_000, lead + 3_000)
    np.testing.assert_array_equal(part[middle.start + shift : middle.stop + shift], audio[middle])


@pytest.mark.parametrize("audio", [np.zeros(0, np.float32), np.zeros(50, np.float32)])
def test_a_joint_takes_silence_and_nothing(audio: np.ndarray) -> None:
    part, _ = join_edges(audio, Chunk("ab", 3, Boundary.WORD, Boundary.WORD))
    assert not part.any()

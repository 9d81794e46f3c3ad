"""Phoneme events to durations, on utterances made by hand: what must hold of any."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra [train] is not installed")

from training.alignment import LEAD_FRAMES, TAIL_FRAMES, align, frames_of, segments
from training.espeak import Phoneme, Utterance, Word
from training.spelling import SPELLINGS, vocabulary

_RATE = 22050
_FRAME = 551.25  # samples at 22.05 kHz in a frame of 25 ms
_INVERSE = {token: symbol for symbol, token in vocabulary().items()}


def _utterance(phonemes: list[tuple[str, float, int]], words: list[tuple[int, int]], frames: float) -> Utterance:
    """(IPA, first frame, word), (start, length) of each word, and the frames of speech."""
    return Utterance(
        np.zeros(round(frames * _FRAME), np.int16),
        _RATE,
        tuple(Word(start, length, 0) for start, length in words),
        tuple(Phoneme(ipa, round(begin * _FRAME), word) for ipa, begin, word in phonemes),
    )


_HIGH_TIDE = "High tide, now."
_SPOKEN = _utterance(
    [
        ("h", 0, 0), ("aɪ", 3, 0), ("t", 9, 1), ("aɪ", 12, 1), ("d", 20, 1), ("", 22, 1),
        ("n", 30, 2), ("aʊ", 33, 2), ("", 45, 2),
    ],
    [(0, 4), (5, 4), (11, 3)],
    52,
)  # fmt: skip
_STRESSED = ["h", "ˈaɪ", "t", "ˈaɪ", "d", "n", "ˈaʊ"]


@pytest.mark.parametrize(("spelling", "expected"), [("misaki", "hˈI tˈId, nˈW."), ("espeak", "hˈaɪ tˈaɪd, nˈaʊ.")])
def test_align_gives_marks_spaces_and_punctuation(spelling: str, expected: str) -> None:
    parts = segments(_HIGH_TIDE, _SPOKEN, _STRESSED)
    assert parts is not None
    aligned = align(parts, frames_of(_SPOKEN), spelling, vocabulary())
    assert aligned.symbols == expected
    assert aligned.tokens[0] == aligned.tokens[-1] == 0
    assert "".join(_INVERSE[int(token)] for token in aligned.tokens[1:-1]) == expected


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_align_durations_are_positive_and_sum_to_the_frames(spelling: str) -> None:
    parts = segments(_HIGH_TIDE, _SPOKEN, _STRESSED)
    assert parts is not None
    frames = frames_of(_SPOKEN)
    assert frames == LEAD_FRAMES + 52 + TAIL_FRAMES
    durations = align(parts, frames, spelling, vocabulary()).durations
    assert durations.min() >= 1
    assert durations.sum() == frames


def test_align_keeps_boundaries_that_leave_every_token_a_frame() -> None:
    parts = segments(_HIGH_TIDE, _SPOKEN, _STRESSED)
    assert parts is not None
    aligned = align(parts, frames_of(_SPOKEN), "misaki", vocabulary())
    begins = dict(zip(aligned.symbols, np.cumsum(aligned.durations) - LEAD_FRAMES, strict=False))
    assert begins["n"] == 30
    assert begins["d"] == 20
    assert begins["."] == 45


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_align_shifts_neighbours_evenly_when_phonemes_are_shorter_than_a_frame(spelling: str) -> None:
    count = 9
    crowded = _utterance([("t", 10 + 0.1 * at, 0) for at in range(count)], [(0, 9)], 60)
    parts = segments("ttttttttt", crowded, ["t"] * count)
    assert parts is not None
    durations = align(parts, frames_of(crowded), spelling, vocabulary()).durations
    assert durations.min() >= 1
    first, last = durations[0] - LEAD_FRAMES, np.cumsum(durations)[count - 1] - LEAD_FRAMES
    assert abs((first + last) / 2 - (10 + 0.1 * (count - 1) / 2)) <= 1


def test_align_gives_every_token_a_frame_when_the_speech_is_too_short_for_them() -> None:
    hurried = _utterance([("oʊ", 0.2 * at, 0) for at in range(4)], [(0, 4)], 1)
    parts = segments("oooo", hurried, ["ˈoʊ"] * 4)
    assert parts is not None
    aligned = align(parts, frames_of(hurried), "espeak", vocabulary())
    assert aligned.durations.min() >= 1
    assert aligned.durations.sum() == frames_of(hurried)


def test_segments_splits_a_clitic_for_misaki_only() -> None:
    spoken = _utterance([("ɪ", 0, 0), ("n", 3, 0), ("ð", 6, 0), ("ə", 8, 0), ("d", 11, 1)], [(0, 6), (7, 1)], 15)
    parts = segments("in the d", spoken, ["ɪ", "n", "ð", "ə", "d"])
    assert parts is not None
    made = [align(parts, frames_of(spoken), spelling, vocabulary()).symbols for spelling in SPELLINGS]
    assert made == ["ɪn ðə d", "ɪnðə d"]


def test_segments_is_none_when_events_and_phonemes_differ() -> None:
    assert segments(_HIGH_TIDE, _SPOKEN, [*_STRESSED[:-1], "ˈoʊ"]) is None

"""Utterances of a wanted length."""

from __future__ import annotations

import pytest
import torch

from benchmarks.cases import FRAME_RATE_HZ, MIN_TOKENS, Case, length_for, pick, symbols
from tests.reference import load_mini


def _frames(tokens: int, speed: float) -> int:
    reference, pack = load_mini(torch.float32)
    ids = reference.input_ids(symbols(tokens))
    return int(reference.run(ids, pack, speed=speed, audio=False)["frame_count"][0])


def test_length_is_as_long_as_asked_or_a_little_longer() -> None:
    length = length_for(1.0, _frames)
    assert length.tokens > MIN_TOKENS
    assert FRAME_RATE_HZ <= _frames(length.tokens, length.speed) <= 1.1 * FRAME_RATE_HZ


def test_length_slows_the_longest_utterance_when_it_is_too_short() -> None:
    seconds = _frames(510, 1.0) / FRAME_RATE_HZ + 5
    length = length_for(seconds, _frames)
    assert length.tokens == 510
    assert length.speed < 1
    assert _frames(510, length.speed) >= seconds * FRAME_RATE_HZ > _frames(510, length.speed + 0.02)


def test_length_is_refused_when_no_speed_reaches_it() -> None:
    with pytest.raises(ValueError, match="1e\\+06 s are asked for"):
        length_for(1e6, _frames)


def test_pick_takes_the_size_asked_for_or_the_first() -> None:
    every = [Case(stage, size, "tokens", {}) for stage in ("bert", "duration", "f0n") for size in (32, 128, 510)]
    picked = pick(every, {"bert": 128, "duration": 200})
    assert {stage: case.size for stage, case in picked.items()} == {"bert": 128, "duration": 32}


def test_length_speeds_up_what_is_too_long() -> None:
    def jumping(tokens: int, speed: float) -> int:
        return round((100 if tokens < 100 else 600) / speed)

    length = length_for(10.0, jumping)
    assert length.tokens >= 100
    assert 400 <= jumping(length.tokens, length.speed) <= 410

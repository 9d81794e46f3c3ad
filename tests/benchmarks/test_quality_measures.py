"""The measures of quality on audio and scores whose value is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra [dev] is not installed")

from benchmarks.quality.distance import log_mel_distance, warped_distance

_RNG = np.random.default_rng(0)
_NOISE = _RNG.normal(0, 0.1, 24000).astype(np.float32)
_QUIET = (_NOISE / 2).astype(np.float32)


def test_equal_audio_has_no_distance() -> None:
    assert log_mel_distance(_NOISE, _NOISE) == 0


def test_audio_of_half_the_amplitude_is_6_db_apart() -> None:
    assert log_mel_distance(_QUIET, _NOISE) == pytest.approx(20 * np.log10(2), abs=0.01)


def test_frames_that_last_longer_cost_nothing() -> None:
    frames = _RNG.normal(size=(40, 80))
    assert warped_distance(np.repeat(frames, 2, axis=0), frames) == 0
    assert warped_distance(frames, np.repeat(frames, 3, axis=0)) == 0


def test_an_offset_of_all_frames_is_the_distance() -> None:
    frames = _RNG.normal(size=(40, 80))
    assert warped_distance(frames + 30, frames) == pytest.approx(30)


def test_a_frame_that_only_one_has_is_counted_once() -> None:
    frames = np.repeat(100.0 * np.arange(4)[:, None], 80, axis=1)
    more = np.insert(frames, 2, 110.0, axis=0)  # nearest to the frame of 100: 10 dB, on a path of 5 pairs
    assert warped_distance(more, frames) == pytest.approx(10 / 5)


def test_the_path_is_the_cheapest() -> None:
    a, b = _RNG.normal(size=(6, 3)), _RNG.normal(size=(5, 3))
    costs = np.abs(a[:, None] - b[None]).mean(2)

    def walk(i: int, j: int) -> list[list[float]]:
        if i == j == 0:
            return [[costs[0, 0]]]
        ways = [walk(i - di, j - dj) for di, dj in ((1, 1), (1, 0), (0, 1)) if i >= di and j >= dj]
        return [[*way, costs[i, j]] for each in ways for way in each]

    best = min(walk(5, 4), key=sum)
    assert warped_distance(a, b) == pytest.approx(sum(best) / len(best))


def test_opinion_takes_pieces_a_second_apart_and_repeats_short_speech() -> None:
    pytest.importorskip("onnxruntime", reason="the extra [eval] is not installed")
    from benchmarks.quality.opinion import PIECE, RATE_HZ, cut  # noqa: PLC0415 - after the line above

    long = np.arange(11 * RATE_HZ, dtype=np.float32)
    assert [int(piece[0]) for piece in cut(long)] == [0, RATE_HZ]
    short = np.arange(4 * RATE_HZ, dtype=np.float32)  # doubled twice, to 16 s: pieces begin in its seconds 0 to 6
    pieces = list(cut(short))
    assert [len(piece) for piece in pieces] == [PIECE] * 7
    assert [int(piece[0]) for piece in pieces] == [second % 4 * RATE_HZ for second in range(7)]


def test_opinion_is_the_mean_of_the_polynomials() -> None:
    pytest.importorskip("onnxruntime", reason="the extra [eval] is not installed")
    from benchmarks.quality.opinion import rate  # noqa: PLC0415 - as above

    found = rate(np.array([[3.0, 4.0, 3.0], [4.0, 4.0, 3.0]], np.float32))
    speech = [-0.08397278 * x * x + 1.22083953 * x + 0.0052439 for x in (3, 4)]
    assert found.speech == pytest.approx(np.mean(speech))
    assert found.background == pytest.approx(-0.13166888 * 16 + 1.60915514 * 4 - 0.39604546)
    assert found.overall == pytest.approx(-0.06766283 * 9 + 1.11546468 * 3 + 0.04602535)

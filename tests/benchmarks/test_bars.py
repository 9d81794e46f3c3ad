"""What the bars make of results: whom they are held against, in which direction, and when they count as met."""

from __future__ import annotations

from typing import Any

from benchmarks.bars import bars
from benchmarks.names import COMPILED, ORT, ORT_INT8, PYTORCH
from benchmarks.ours import BF16, FP32
from benchmarks.results import merged
from benchmarks.timing import median_ratios


def _results(part: str, found: Any, threads: int = 2) -> dict[str, Any]:
    return merged({}, part, threads, {"found": found}, {})


def _row(times: dict[str, list[float]], **more: Any) -> dict[str, Any]:
    return {**more, "times_s": times, **median_ratios(times)}


def _decoder(times: dict[str, list[float]]) -> dict[str, Any]:
    return _results("stages", [_row(times, stage="decoder", size=200)])


def test_bar_is_held_against_the_fastest_rival_of_the_same_precision() -> None:
    times = {FP32.name: [1.0, 1.0, 1.0], PYTORCH: [4.0, 5.0, 6.0], COMPILED: [2.0, 3.0, 2.5], ORT_INT8: [0.1, 0.1, 0.1]}
    found = bars(_decoder(times))[0]
    assert (found.rival, found.verdict) == (COMPILED, "met")
    assert found.measured is not None
    assert (found.measured.median, found.measured.lowest, found.measured.highest) == (2.5, 2.0, 3.0)


def test_bar_is_missed_by_a_median_below_it() -> None:
    assert bars(_decoder({FP32.name: [1.0], ORT: [2.2]}))[0].verdict == "missed"


def test_bar_of_bf16_takes_its_own_times() -> None:
    found = bars(_decoder({FP32.name: [1.0], BF16.name: [0.5], ORT: [1.5]}))[1]
    assert found.measured is not None
    assert (found.measured.median, found.verdict) == (3.0, "met")


def test_bar_is_not_measured_when_a_part_or_a_contender_is_missing() -> None:
    assert {found.verdict for found in bars({})} == {"not measured"}
    assert bars(_decoder({FP32.name: [1.0], ORT: [3.0]}))[1].verdict == "not measured"


def test_bars_take_the_most_threads() -> None:
    one = _decoder({FP32.name: [1.0], ORT: [9.0]})["parts"]["stages"]["2"]
    two = _decoder({FP32.name: [1.0], ORT: [2.0]})["parts"]["stages"]["2"]
    results = merged(merged({}, "stages", 2, two, {}), "stages", 1, one, {})
    assert bars(results)[0].verdict == "missed"


def test_growth_compares_our_time_per_second_of_audio() -> None:
    rows = [
        _row({FP32.name: [0.3, 0.2, 0.4]}, seconds=3.0, audio_s=3.0),
        _row({FP32.name: [6.0, 5.0, 7.0]}, seconds=50.0, audio_s=50.0),
    ]
    growth = bars(_results("utterances", rows))[-1]
    assert growth.measured is not None
    assert [round(growth.measured.median, 6), growth.verdict] == [1.2, "missed"]
    assert round(growth.measured.lowest, 6) == round(0.1 / (0.4 / 3), 6)
    assert round(growth.measured.highest, 6) == round(0.14 / (0.2 / 3), 6)

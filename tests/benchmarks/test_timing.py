"""The arithmetic of the benchmarks; what is timed with it is not a matter of tests."""

from __future__ import annotations

from benchmarks.timing import Ratio, interleave, ratio, table


def test_interleave_calls_every_contender_twice_untimed_then_in_turn() -> None:
    called: list[str] = []
    timings = interleave({name: lambda name=name: called.append(name) for name in "ab"}, rounds=2)  # type: ignore[misc]
    # A call this short is made twice in each round, the first time untimed.
    assert "".join(called) == "abab" + 2 * "aabb"
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 2, "b": 2}


def test_ratio_is_taken_round_by_round() -> None:
    assert ratio((1.0, 4.0, 2.0), (2.0, 2.0, 2.0)) == Ratio(median=1.0, lowest=0.5, highest=2.0)


def test_ratio_prints_its_range() -> None:
    assert str(Ratio(0.5, 0.25, 1.0)) == "0.50 (0.25-1.00)"


def test_table_pads_columns_and_aligns_numbers_right() -> None:
    assert table(["what", "ms"], [["decoder", "1.5"], ["bert", "10.5"]]).splitlines() == [
        "| what    |   ms |",
        "| ------- | ---: |",
        "| decoder |  1.5 |",
        "| bert    | 10.5 |",
    ]

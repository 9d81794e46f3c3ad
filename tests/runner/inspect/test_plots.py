"""Curves as paths of SVG, and the ticks of their axes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from runner.inspect.plots import draw_curve, draw_sparkline, find_ticks, round_step


@pytest.mark.parametrize(("least", "step"), [(0.11, 0.2), (0.2, 0.2), (3, 5), (7, 10), (0.001, 0.001)])
def test_ticks_stand_at_round_numbers(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [(0, 2.5, 10, [0, 0.5, 1, 1.5, 2, 2.5]), (-9.6, 8.7, 4, [-5, 0, 5]), (72.3, 125, 7, [80, 90, 100, 110, 120])],
)
def test_ticks_lie_within_the_axis(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert find_ticks(low, high, most) == pytest.approx(ticks)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def test_line_goes_through_each_value_and_is_lifted_where_one_is_missing() -> None:
    path = draw_curve(np.array([0.0, 10.0, np.nan, 5.0]), 40, 100, low=0, high=10)
    assert path == '<path class="line" d="M5.0 100.0L15.0 0.0M35.0 50.0"/>'


def test_more_values_than_pixels_become_an_area_that_shows_the_shortest_peak() -> None:
    values = np.zeros(100_000, np.float32)
    values[70_123], values[20_000] = 1.0, -1.0
    path = draw_curve(values, 100, 50, low=-1, high=1)
    assert path.startswith('<path class="area"')
    assert {(x, y) for x, y in points(path) if y != 25} == {(70.5, 0.0), (20.5, 50.0)}
    assert len(path) < 2500


def test_sparkline_reaches_from_the_smallest_to_the_largest_value() -> None:
    ys = [y for _, y in points(draw_sparkline(np.array([[3.0, -1.0, 7.0]])))]
    assert ys == pytest.approx([24 * (7.32 - 3) / 8.64, 24 * 8.32 / 8.64, 24 * 0.32 / 8.64], abs=0.05)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan, 2.0], [1.0, np.inf]])
def test_nothing_is_drawn_of_values_that_make_no_curve(values: list[float]) -> None:
    assert draw_sparkline(np.array(values)) == ""


def test_sparkline_of_equal_values_is_a_level_line() -> None:
    assert [y for _, y in points(draw_sparkline(np.ones(3)))] == [12, 12, 12]

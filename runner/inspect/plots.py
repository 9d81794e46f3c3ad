"""Draws curves as paths of SVG, and finds round numbers for the ticks of their axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from runner.runtime.values import Array

_SPARK_WIDTH, _SPARK_HEIGHT = 110, 24  # [px]


def round_step(least: float) -> float:
    """The next of ... 0.1, 0.2, 0.5, 1, 2, 5 ... that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))


def find_ticks(low: float, high: float, most: int) -> list[float]:
    """Find at most `most` round numbers, evenly spaced, from `low` to `high`."""
    step = round_step((high - low) / most)
    return [tick * step for tick in range(math.ceil(low / step), math.floor(high / step) + 1)]


def draw_curve(values: Array, width: float, height: float, low: float, high: float) -> str:
    """Draw values that are evenly spread over a box, as a path of the class `line` or `area`.

    Args:
        values: [count]; NaN leaves a gap in a line.
        low, high: the values at the bottom and at the top of the box.

    Returns:
        a line through the values; if the box has fewer than half as many pixels, the area between the smallest and the
        largest value of each pixel.
    """
    columns = max(int(width), 1)
    if values.size <= 2 * columns:
        xs = (np.arange(values.size) + 0.5) * (width / values.size)
        return f'<path class="line" d="{_draw_line(xs, _scale(values, height, low, high))}"/>'
    starts = np.arange(columns) * values.size // columns
    tops = _scale(np.maximum.reduceat(values, starts), height, low, high)
    bottoms = _scale(np.minimum.reduceat(values, starts), height, low, high)
    xs = (np.arange(columns) + 0.5) * (width / columns)
    outline = _draw_line(np.concatenate([xs, xs[::-1]]), np.concatenate([tops, bottoms[::-1]]))
    return f'<path class="area" d="{outline}z"/>'


def draw_sparkline(values: Array) -> str:
    """Draw the values of a port, float64, as a small curve from the smallest to the largest; '' if they make none."""
    line = values.reshape(-1)
    if line.size < 2 or not np.isfinite(line).all():
        return ""
    low, high = float(line.min()), float(line.max())
    margin = (high - low) * 0.04 or 1.0
    curve = draw_curve(line, _SPARK_WIDTH, _SPARK_HEIGHT, low - margin, high + margin)
    return f'<svg class="spark" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" role="img" aria-label="plot">{curve}</svg>'


def _scale(values: Array, height: float, low: float, high: float) -> Array:
    scaled: Array = (high - values.astype(np.float64)) * (height / (high - low))
    return scaled


def _draw_line(xs: Array, ys: Array) -> str:
    """Give the commands of a path through the points; where y is NaN, the path is lifted."""
    finite = np.isfinite(ys)
    parts, lifted = [], True
    for x, y, seen in zip(xs.tolist(), ys.tolist(), finite.tolist(), strict=True):
        if seen:
            parts.append(f"{'M' if lifted else 'L'}{x:.1f} {y:.1f}")
        lifted = not seen
    return "".join(parts)

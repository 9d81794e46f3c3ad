"""Draws as SVG when each stage of a run was at work."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from runner.inspect.plots import round_step
from runner.inspect.units import spell_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.engine.trace import Event
    from runner.inspect.svg import StageOutcome

_BAR, _ROW, _LABELS, _WIDTH = 16, 26, 120, 1160  # [px]
_TICKS = 8  # at most


def draw_timeline(stages: Sequence[str], events: Sequence[Event], outcomes: Mapping[str, StageOutcome]) -> str:
    """Draw the events of a run; a diamond is a hit in the cache.

    Args:
        stages: a row each, in this order.
        outcomes: of each stage.
    """
    begin = min(event.start for event in events)
    span = max(max(event.start + event.seconds for event in events) - begin, 1e-6)
    scale = (_WIDTH - _LABELS - 60) / span
    height = _ROW * len(stages) + 30
    drawn = []
    step = round_step(span / _TICKS)
    for tick in range(int(span / step) + 1):
        x = _LABELS + tick * step * scale
        drawn.append(f'<path class="grid" d="M{x:.1f} 0V{height - 24}"/>')
        drawn.append(
            f'<text class="faint" x="{x:.1f}" y="{height - 8}">{spell_time(tick * step) if tick else 0}</text>'
        )
    for row, name in enumerate(stages):
        drawn.append(f'<text class="label" x="{_LABELS - 10}" y="{row * _ROW + 18}">{escape(name)}</text>')
        drawn += [_bar(row, event, begin, scale, outcomes[name]) for event in events if event.name == name]
    return (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="timeline">{"".join(drawn)}</svg>'
    )


def _bar(row: int, event: Event, begin: float, scale: float, outcome: StageOutcome) -> str:
    x, y = _LABELS + (event.start - begin) * scale, row * _ROW + (_ROW - _BAR) / 2
    if not event.seconds:
        middle = y + _BAR / 2
        title = f"<title>{escape(event.name)}: hit</title>"
        return f'<path class="hit" d="M{x:.1f} {middle - 6}l6 6l-6 6l-6 -6z">{title}</path>'
    width, label = max(event.seconds * scale, 2), spell_time(event.seconds)
    return (
        f'<g class="bar"><title>{escape(event.name)}: {label}</title>'
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3" fill="{outcome.colour}"/>'
        f'<text x="{x + width + 6:.1f}" y="{y + 12}">{label}</text></g>'
    )

"""The axis of the timeline."""

from __future__ import annotations

import pytest

from runner.inspect.timeline import _step


@pytest.mark.parametrize(("least", "step"), [(0.11, 0.2), (0.2, 0.2), (3, 5), (7, 10), (0.001, 0.001)])
def test_ticks_stand_at_round_numbers(least: float, step: float) -> None:
    assert _step(least) == pytest.approx(step)

"""Bounds of distances."""

from __future__ import annotations

import numpy as np
import pytest

from runner.errors import RunError
from runner.inspect.distance import Distance, measure
from runner.inspect.tolerance import Tolerances
from stages.contract import parse_type


def of(a: list[list[float]], b: list[list[float]]) -> Distance:
    arrays = [np.array(value, np.float32) for value in (a, b)]
    return measure("f0n.f0", parse_type("float32[1, 2*frames]"), *arrays, times=["text", "frames"])


def test_nearest_tolerance_counts() -> None:
    given = Tolerances(["1e-4", "decoder=60dB", "decoder.audio=1e-3"])
    assert [str(given.of(port)) for port in ("bert.d_en", "decoder.x", "decoder.audio")] == ["0.0001", "60 dB", "0.001"]
    assert Tolerances([]).of("bert.d_en") is None


def test_tolerance_in_decibels_is_a_least_ratio() -> None:
    near, far = (of([[1.0, 1 + error]], [[1.0, 1.0]]) for error in (1e-4, 1e-2))
    tolerance = Tolerances(["60dB"]).of("f0n.f0")
    assert tolerance is not None
    assert (tolerance.holds(near), tolerance.holds(far)) == (True, False)


@pytest.mark.parametrize("text", ["", "x", "=1", "-1", "nan", "infdB", "decoder=", "dB"])
def test_tolerance_that_says_something_else_is_refused(text: str) -> None:
    with pytest.raises(RunError, match=r"expected a share of the largest value \(1e-4\)"):
        Tolerances([text])

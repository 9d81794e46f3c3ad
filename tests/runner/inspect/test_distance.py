"""The distance of two arrays of a port."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from runner.inspect.distance import Metric, measure
from runner.inspect.tolerance import Tolerances
from stages.contract import parse_type

FRAMES = "float32[1, 2*frames]"


def of(type_: str, a: Any, b: Any, *tolerances: str) -> Any:
    arrays = [np.asarray(value, type_.partition("[")[0]) for value in (a, b)]
    tolerance = Tolerances(tolerances).of("f0n.f0")
    return measure("f0n.f0", parse_type(type_), *arrays, times=["text", "frames"], tolerance=tolerance)


def test_figures_of_known_arrays() -> None:
    found = of(FRAMES, [[1.0, 2.0, 4.0, 4.0]], [[1.0, 2.0, 3.0, 4.0]])
    assert (found.max_abs, found.relative, found.rms) == (1.0, 0.25, 0.5)
    assert found.snr_db == pytest.approx(10 * math.log10(30))
    assert found.first == ("frames", 1)
    assert (found.fault, found.extra) == (None, {})


def test_equal_arrays_have_no_distance() -> None:
    found = of(FRAMES, [[1.0, -2.0]], [[1.0, -2.0]])
    assert (found.max_abs, found.relative, found.rms, found.snr_db, found.first) == (0, 0, 0, math.inf, None)
    assert found.table()["equal"] is True
    json.dumps(found.table(), allow_nan=False)


@pytest.mark.parametrize(
    ("type_", "a", "b", "fault"),
    [
        ("float32[1, text]", [[1, 2, 0, 0]], [[1, 2]], None),
        ("bool[1, text]", [[False, False, True]], [[False, False]], None),
        ("float32[1, text]", [[1, 2, 3, 0]], [[1, 2]], "axis 1 is 4 and 2, and that is no padding"),
        ("bool[1, text]", [[False]], [[False, False]], "axis 1 is 1 and 2, and that is no padding"),
        ("float32[1, text]", [1, 2], [[1, 2]], "they have other axes"),
    ],
)
def test_what_one_has_beyond_the_other_is_padding_or_a_fault(type_: str, a: Any, b: Any, fault: str | None) -> None:
    assert of(type_, a, b).fault == fault


@pytest.mark.parametrize(
    ("tolerance", "first"), [("1e-6", ("frames", 0)), ("0.1", ("frames", 1)), ("20dB", ("frames", 1)), ("0.5", None)]
)
def test_divergence_begins_where_the_tolerance_is_passed(tolerance: str, first: tuple[str, int] | None) -> None:
    assert of(FRAMES, [[0, 1.001, 2, 10]], [[0, 1, 0, 10]], tolerance).first == first


def test_divergence_from_zero_is_without_bounds() -> None:
    found = of(FRAMES, [[0, 1]], [[0, 0]])
    assert (found.relative, found.snr_db) == (math.inf, -math.inf)
    assert found.table()["relative"] is None


def test_metric_is_measured_where_it_applies() -> None:
    metric = Metric("mean", "mean", lambda type_: len(type_.dims) == 1, lambda a, b: float(np.mean(a - b)))
    arrays = np.array([2.0, 4.0], np.float32), np.array([1.0, 2.0], np.float32)
    found = measure("a.b", parse_type("float32[text]"), *arrays, times=["text"], metrics=[metric])
    assert found.table([metric])["mean"] == 1.5
    arrays = (arrays[0][None], arrays[1][None])
    found = measure("a.b", parse_type("float32[1, text]"), *arrays, times=["text"], metrics=[metric])
    assert (found.extra, found.table([metric])["mean"], "mean" in found.table()) == ({}, None, False)

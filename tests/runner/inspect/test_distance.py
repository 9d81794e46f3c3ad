"""What is said about two arrays of a port, and what a tolerance makes of it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from runner.errors import RunError
from runner.inspect.distance import Tolerances, log_spectral_distance, measure
from stages.contract import parse_type

FRAMES = "float32[1, 2*frames]"


def of(type_: str, a: Any, b: Any, *tolerances: str) -> Any:
    arrays = [np.asarray(value, type_.partition("[")[0]) for value in (a, b)]
    tolerance = Tolerances(tolerances).of("f0n.f0")
    return measure(
        "f0n.f0", parse_type(type_), *arrays, times=["text", "frames"], frame_samples=600, tolerance=tolerance
    )


def test_figures_of_known_arrays() -> None:
    found = of(FRAMES, [[1.0, 2.0, 4.0, 4.0]], [[1.0, 2.0, 3.0, 4.0]])
    assert (found.max_abs, found.relative, found.rms) == (1.0, 0.25, 0.5)
    assert found.snr_db == pytest.approx(10 * math.log10(30))
    assert found.first == ("frames", 1)
    assert (found.fault, found.lsd_db) == (None, None)


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


def test_half_the_amplitude_is_six_decibels_apart() -> None:
    noise = np.random.default_rng(0).standard_normal(24_000)
    assert log_spectral_distance(noise, noise / 2) == pytest.approx(20 * math.log10(2), abs=0.01)
    assert log_spectral_distance(noise, noise) == 0
    assert log_spectral_distance(np.zeros(10), np.zeros(10)) == 0


@pytest.mark.parametrize(
    ("type_", "is_audio"),
    [("float32[samples]", True), ("float32[1, 600*frames]", True), (FRAMES, False), ("int64[samples]", False)],
)
def test_spectra_are_compared_of_audio_alone(type_: str, is_audio: bool) -> None:
    shape = (1, 600) if type_.startswith("float32[1") else (600,)
    assert (of(type_, np.ones(shape), np.ones(shape)).lsd_db is not None) == is_audio


def test_nearest_tolerance_counts() -> None:
    given = Tolerances(["1e-4", "decoder=60dB", "decoder.audio=1e-3"])
    assert [str(given.of(port)) for port in ("bert.d_en", "decoder.x", "decoder.audio")] == ["0.0001", "60 dB", "0.001"]
    assert Tolerances([]).of("bert.d_en") is None


def test_tolerance_in_decibels_is_a_least_ratio() -> None:
    near, far = (of(FRAMES, [[1.0, 1 + error]], [[1.0, 1.0]]) for error in (1e-4, 1e-2))
    tolerance = Tolerances(["60dB"]).of("f0n.f0")
    assert tolerance is not None
    assert (tolerance.holds(near), tolerance.holds(far)) == (True, False)


@pytest.mark.parametrize("text", ["", "x", "=1", "-1", "nan", "infdB", "decoder=", "dB"])
def test_tolerance_that_says_something_else_is_refused(text: str) -> None:
    with pytest.raises(RunError, match=r"expected a share of the largest value \(1e-4\)"):
        Tolerances([text])

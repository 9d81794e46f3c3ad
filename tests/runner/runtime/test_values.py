"""Dtype, rank, named dims and finiteness of values between stages."""

from __future__ import annotations

import numpy as np
import pytest

from runner.errors import RunError
from runner.graph.types import DimSpec
from runner.runtime.values import Sizes
from stages.contract import TensorType, parse_type

DIMS = {
    "text": DimSpec(8, static=False),
    "frames": DimSpec(100, static=False),
    "hidden": DimSpec(4, static=True),
}
FIXED = {**DIMS, "text": DimSpec(8, static=True)}


def tensor(text: str) -> TensorType:
    type_ = parse_type(text)
    assert isinstance(type_, TensorType)
    return type_


def floats(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("float32[1, text]", [1.0], "s.p: expected a numpy array of float32[1, text], got list"),
        (
            "float32[1, text]",
            np.ones((1, 3)),
            "s.p: expected float32[1, text], got float64[1, 3]; nothing is converted",
        ),
        ("bool[1, text]", np.ones((1, 3), np.int8), "s.p: expected bool[1, text], got int8[1, 3]; a mask is bool"),
        ("float32[1, text]", floats(3), "s.p: expected float32[1, text] of 2 axes, got float32[3]"),
        ("float32[1, text]", floats(2, 3), "got float32[2, 3]: axis 0 is 2, not 1"),
        ("float32[1, 2*frames]", floats(1, 5), "got float32[1, 5]: axis 1 is 5, which is no multiple of 2"),
        ("float32[1, text]", floats(1, 9), "axis 1 makes text 9, but the graph allows 8"),
        ("float32[1, hidden]", floats(1, 5), "axis 1 makes hidden 5, but it is 4 by the graph's dims, as a fixed size"),
        ("float32[text, text]", floats(3, 4), "axis 1 makes text 4, but it is 3 by s.p"),
        ("str", 3, "s.p: expected text, got int"),
        ("float32[]", "fast", "s.p: expected a numpy array of float32[], got str"),
        ("float32[]", True, "s.p: expected float32[], got True, a boolean"),
        ("int64[]", 1.0, "s.p: expected int64[], got 1.0, a number"),
        ("bool[]", 1, "s.p: expected bool[], got 1, an integer"),
        ("int64[]", 2**63, "s.p: 9223372036854775808 is beyond the range of int64"),
        ("float32[]", float("nan"), "s.p: 1 of 1 values are not finite, the first is nan at []"),
        ("voice", floats(510, 7), "axis 1 is 7, which is no multiple of 2"),
    ],
)
def test_take_refuses(type_: str, value: object, message: str) -> None:
    with pytest.raises(RunError) as error:
        Sizes(DIMS).take("s.p", parse_type(type_), value)
    assert message in str(error.value)


@pytest.mark.parametrize(("type_", "value"), [("float32[]", 2), ("int64[]", -3), ("bool[]", True), ("float32[]", 0.5)])
def test_take_makes_a_scalar_of_a_number(type_: str, value: float) -> None:
    taken = Sizes(DIMS).take("params.x", parse_type(type_), value)
    assert (taken.shape, taken.dtype.name, taken[()]) == ((), type_[:-2], value)


def test_take_binds_a_dim_once() -> None:
    sizes = Sizes(DIMS)
    sizes.take("align.en", tensor("float32[1, frames]"), floats(1, 7))
    sizes.take("f0n.f0", tensor("float32[1, 2*frames]"), floats(1, 14))
    with pytest.raises(RunError, match=r"f0n\.n: .* makes frames 8, but it is 7 by align\.en"):
        sizes.take("f0n.n", tensor("float32[1, 2*frames]"), floats(1, 16))


def test_take_does_not_copy() -> None:
    value = floats(1, 3)
    assert Sizes(DIMS).take("s.p", tensor("float32[1, text]"), value) is value


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_take_names_the_first_value_that_is_not_finite(bad: float) -> None:
    value = floats(1, 4)
    value[0, 2:] = bad
    with pytest.raises(RunError) as error:
        Sizes(DIMS).take("f0n.f0", tensor("float32[1, text]"), value)
    assert str(error.value) == f"f0n.f0: 2 of 4 values are not finite, the first is {bad} at [0, 2]"


def test_pad_fills_with_zeros_and_masks_with_true() -> None:
    sizes = Sizes(FIXED)
    ids = sizes.pad("t.ids", tensor("int64[1, text]"), np.ones((1, 3), np.int64), frozenset({"text"}))
    mask = sizes.pad("t.mask", tensor("bool[1, text]"), np.zeros((1, 3), np.bool_), frozenset({"text"}))
    assert (ids.dtype.name, ids.tolist()) == ("int64", [[1, 1, 1, 0, 0, 0, 0, 0]])
    assert (mask.dtype.name, mask.tolist()) == ("bool", [[False] * 3 + [True] * 5])


def test_pad_counts_units_of_a_multiple() -> None:
    sizes = Sizes(FIXED)
    assert sizes.pad("s.p", tensor("float32[1, 2*text]"), floats(1, 6), frozenset({"text"})).shape == (1, 16)


def test_pad_leaves_other_dims_alone() -> None:
    value = floats(1, 3)
    assert Sizes(FIXED).pad("s.p", tensor("float32[1, hidden]"), value, frozenset({"text"})) is value


def test_pad_refuses_what_is_longer() -> None:
    with pytest.raises(RunError, match=r"s\.p: 9 text, but the graph fixes text at 8"):
        Sizes(FIXED).pad("s.p", tensor("float32[1, text]"), floats(1, 9), frozenset({"text"}))

"""What the tables of the report say of a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runner.inspect.report_tables import describe


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        (None, ["not computed", "", "", "", "", ""]),
        ("a <b>\n& c", ["<pre>a &lt;b&gt;\n&amp; c</pre>", "", "", "", "", ""]),
        (np.array([37]), ["<code>int64[1]</code> = 37", "8 B", "", "", "", ""]),
        (np.array(0.3, np.float32), ["<code>float32[]</code> = 0.3", "4 B", "", "", "", ""]),
        (np.zeros((1, 0), np.float32), ["<code>float32[1, 0]</code>", "0 B", "", "", "", ""]),
        (np.eye(2, dtype=np.float32), ["<code>float32[2, 2]</code>", "16 B", "0", "0.5", "1", ""]),
    ],
)
def test_value_is_described_by_what_it_is(value: Any, cells: list[str]) -> None:
    assert describe(value) == cells


@pytest.mark.parametrize("value", [np.array([True, False, False, True]), np.array([[1, 0, 0, 1]], np.int64)])
def test_values_in_a_row_have_their_figures_and_a_plot(value: np.ndarray[Any, Any]) -> None:
    *figures, plot = describe(value)
    assert figures[2:] == ["0", "0.5", "1"]
    assert plot.startswith('<svg class="spark"')


def test_array_of_bfloat16_that_is_not_finite_is_described_without_a_plot() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="comes with TVM")
    value = np.array([1.0, np.nan], ml_dtypes.bfloat16)
    assert describe(value) == ["<code>bfloat16[2]</code>", "4 B", "nan", "nan", "nan", ""]

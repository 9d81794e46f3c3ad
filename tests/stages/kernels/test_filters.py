"""A convolution takes the measured algorithm where the table has a row for its shape and CPU, else the rule's."""

from __future__ import annotations

import pytest
from tvm.target import Target

from stages.kernels import filters
from stages.kernels.candidates import CANDIDATES
from stages.kernels.filter_table import CHOSEN
from tests.targets import x86

SHAPE = (128, 128, 3, 1)
HASWELL = Target(x86("haswell"))


@pytest.mark.parametrize("row", [None, (4, 3)])
def test_a_measured_row_is_followed(row: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "CHOSEN", {"haswell, 8 lanes": {SHAPE: row}, "znver4, 16 lanes": {SHAPE: (2, 3)}})
    assert filters.choose(*SHAPE, target=HASWELL) == (row and filters.Form(*row))


def test_a_shape_or_a_cpu_without_a_row_follows_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "CHOSEN", {"haswell, 8 lanes": {SHAPE: None}})
    assert filters.choose(64, 64, 7, 1, target=HASWELL) == filters.Form(4, 7)
    assert filters.choose(64, 64, 11, 3, target=HASWELL) == filters.Form(5, 6)
    assert filters.choose(*SHAPE, target=Target(x86("znver4"))) == filters.Form(6, 3)
    assert filters.choose(*SHAPE, target=Target({"kind": "llvm"})) == filters.Form(6, 3)


def test_every_row_of_the_table_is_a_form_that_is_tested() -> None:
    for rows in CHOSEN.values():
        for (_, _, taps, _), filtering in rows.items():
            assert filtering is None or filtering[:2] in CANDIDATES[taps]

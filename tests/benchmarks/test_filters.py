"""The table of algorithms holds what was measured, and keeps the rows of other CPUs."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from tvm.target import Target

from benchmarks.parts import filters
from stages.kernels import filter_table
from stages.kernels.candidates import CANDIDATES
from tests.targets import x86


def test_shapes_are_those_of_both_models() -> None:
    shapes = filters.shapes(Target(x86("haswell")))
    assert (128, 128, 11, 5, 120) in shapes
    assert (32, 32, 3, 1, 120) in shapes
    assert len(shapes) == len(set(shapes))
    assert all(shape.taps in CANDIDATES for shape in shapes)


def test_what_is_written_replaces_the_rows_of_one_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {(64, 64, 7, 1): (4, 7)}
    monkeypatch.setattr(filter_table, "CHOSEN", {"znver4": other, "haswell": {(1, 1, 3, 1): (2, 3)}})
    path = tmp_path / "table.py"
    found = {"cpu": "haswell", "rows": [_row(3, "F(4, 3)"), _row(11, filters.DIRECT)]}
    filters.write_table(found, path)
    written = runpy.run_path(str(path))["CHOSEN"]
    assert written == {"znver4": other, "haswell": {(32, 32, 3, 1): (4, 3), (32, 32, 11, 1): None}}
    head, _, _ = filters.TABLE.read_text("utf-8").partition("CHOSEN")
    assert path.read_text("utf-8").startswith(head)


def _row(taps: int, best: str) -> dict[str, Any]:
    return {"inputs": 32, "outputs": 32, "taps": taps, "dilation": 1, "best": best}

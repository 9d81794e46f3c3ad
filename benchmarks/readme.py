"""benchmarks/README.md: its hand-written text stays, what stands between the markers is made from results.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import plot
from benchmarks.report import report

PATH = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- results: written by `make bench` -->", "<!-- end of results -->"


def renew(results: Mapping[str, Any], path: Path = PATH) -> None:
    """Write the tables into `path`, and the picture beside it.

    Raises:
        ValueError: `path` has not one pair of markers.
    """
    path.write_text(between(path.read_text("utf-8"), report(results)), "utf-8")
    plot.draw(results, path.with_name(plot.PICTURE.name))


def between(text: str, tables: str) -> str:
    """`text` with `tables` in the place of what stands between its markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md: expected one line '{BEGIN}' and one '{END}' after it, to write tables between")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"

"""What is written from results: benchmarks/README.md between its markers, and a page and a picture for each machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import plot
from benchmarks.report import report
from benchmarks.results import FOLDER, found, read_all
from benchmarks.summary import summary, title

PATH = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- results: written by `make bench` -->", "<!-- end of results -->"


def renew(path: Path = PATH, folder: Path = FOLDER) -> None:
    """Write the tables of all machines in `folder` into `path`, and every machine's page.

    Raises:
        ValueError: `path` has not one pair of markers.
    """
    machines = read_all(folder)
    path.write_text(between(path.read_text("utf-8"), summary(machines, path.parent)), "utf-8")
    for file, results in machines.items():
        file.with_suffix(".md").write_text(page(file, results), "utf-8")
        plot.draw(results, file.with_suffix(".svg"))


def page(file: Path, results: Mapping[str, Any]) -> str:
    """All tables of one machine; how to read them is told in README.md."""
    picture = f"![time against seconds of audio, both logarithmic]({file.with_suffix('.svg').name})\n\n"
    spoken = bool(found(results, "utterances"))
    return f"# {title(results)}\n\nWritten by `make bench`.\n\n{picture * spoken}{report(results)}\n"


def between(text: str, tables: str) -> str:
    """`text` with `tables` in the place of what stands between its markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md: expected one line '{BEGIN}' and one '{END}' after it, to write tables between")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"

"""Prints the distances of `kokoro-run compare` as tables, and makes rows of JSON of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runner.cli import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from runner.build.probe import Tap
    from runner.inspect.distance import Distance, Metric
    from runner.inspect.tolerance import Tolerances

_WIDTH = 132  # columns where there is no terminal


class PortTable:
    """A table of the distances of ports and their tolerances."""

    def __init__(self, tolerances: Tolerances, metrics: Sequence[Metric]) -> None:
        self._tolerances, self._metrics = tolerances, metrics

    def is_within(self, distance: Distance) -> bool:
        """Whether the distance is within the port's tolerance, if it has one."""
        tolerance = self._tolerances.of(distance.port)
        return tolerance is None or tolerance.holds(distance)

    def rows(self, distances: Sequence[Distance]) -> list[dict[str, Any]]:
        """Give the distances as JSON; docs/compare.md has the schema."""
        tolerances = [self._tolerances.of(distance.port) for distance in distances]
        return [
            {
                **distance.table(self._metrics),
                "tolerance": None if tolerance is None else str(tolerance),
                "within": self.is_within(distance),
            }
            for distance, tolerance in zip(distances, tolerances, strict=True)
        ]

    def print(self, title: str, distances: Sequence[Distance]) -> None:
        """Print a table on standard output; a distance past its tolerance is red."""
        from rich.text import Text

        extra = [metric.title for metric in self._metrics]
        columns = ["port", "A", "max abs", "relative", "RMS", "SNR [dB]", "from", *extra]
        columns += ["tolerance"] if self._tolerances else []
        table = _table(title, columns, left=("port", "A", "from", "tolerance"))
        for distance in distances:
            within = self.is_within(distance)
            cells = self._cells(distance)
            if self._tolerances:
                cells.append(f"{self._tolerances.of(distance.port) or ''}{'' if within else ' exceeded'}")
            table.add_row(*(Text(cell, "" if within else "red") for cell in cells))
        _print(table)
        for distance in distances:
            if distance.fault is not None:
                console.echo(f"{distance.port}: {distance.fault}")
        console.echo()

    def _cells(self, distance: Distance) -> list[str]:
        shape = distance.shapes[0] or distance.shapes[1] or ""
        if distance.fault is None and distance.max_abs == 0:
            return [distance.port, shape, "equal", "", "", "", "", *("" for _ in self._metrics)]
        figures = (distance.max_abs, distance.relative, distance.rms)
        numbers = ["" if math.isnan(figure) else f"{figure:.2g}" for figure in figures]
        snr = "" if math.isnan(distance.snr_db) else f"{distance.snr_db:.1f}"
        first = "" if distance.first is None else f"{distance.first[0]} {distance.first[1]}"
        extra = [f"{distance.extra[m.name]:.2f}" if m.name in distance.extra else "" for m in self._metrics]
        return [distance.port, shape, *numbers, snr, first, *extra]


def print_taps(title: str, taps: Sequence[Tap]) -> None:
    """Print a table of layers; those with a value that is not finite are red."""
    from rich.text import Text

    columns = ["layer", "shape", "mean", "std", "max abs", "finite"]
    table = _table(title, columns, left=("layer", "shape"))
    for tap in taps:
        shape = " x ".join(map(str, tap.shape))
        cells = [tap.name, shape, f"{tap.mean:.3g}", f"{tap.std:.3g}", f"{tap.largest:.3g}", f"{tap.finite:.4%}"]
        table.add_row(*(Text(cell, "red" if tap.finite < 1 else "") for cell in cells))
    _print(table)
    first = next((tap for tap in taps if tap.finite < 1), None)
    console.echo("every value is finite" if first is None else f"the first that is not finite: {first.name}")
    console.echo()


def _table(title: str, columns: Sequence[str], left: tuple[str, ...]) -> Table:
    """Print the title, and make a table without rows."""
    from rich.table import Table
    from rich.text import Text

    console.echo(title)  # a title of the table itself would be cut to its width
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(column), justify="left" if column in left else "right")
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    stream = console.output()
    if stream is not None:
        found = Console(file=stream)
        (found if found.is_terminal else Console(file=stream, width=_WIDTH)).print(table)

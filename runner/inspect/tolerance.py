"""Tolerances say how far apart two arrays of a port may be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.errors import RunError, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.graph.types import Graph
    from runner.inspect.distance import Distance

_TOLERANCE = re.compile(r"(?:(?P<name>[^=]+)=)?(?P<limit>[^=]+?)(?P<unit>dB)?\Z")


@dataclass(frozen=True)
class Tolerance:
    """A bound of a distance.

    Attributes:
        limit: the greatest share of the largest value or, in decibels, the least signal-to-noise ratio.
        decibels: which of the two it is.
    """

    limit: float
    decibels: bool = False

    @property
    def share(self) -> float:
        """The share of the largest value past which two arrays diverge."""
        return float(10 ** (-self.limit / 20)) if self.decibels else self.limit

    def holds(self, distance: Distance) -> bool:
        """Whether the distance is within the bound."""
        if distance.fault is not None:
            return False
        return distance.snr_db >= self.limit if self.decibels else distance.relative <= self.limit

    def __str__(self) -> str:
        return f"{self.limit:g} dB" if self.decibels else f"{self.limit:g}"


class Tolerances:
    """Bounds of single ports, of all ports of a stage, and of all; the most specific one counts."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Read tolerances: `1e-4`, `60dB`, `decoder=60dB`, `f0n.f0=1e-5`.

        Raises:
            RunError: one of them is misspelled.
        """
        self._given = dict(_parse(text) for text in texts)

    def __bool__(self) -> bool:
        return bool(self._given)

    def check(self, graph: Graph) -> None:
        """Refuse names that `graph` does not have.

        Raises:
            RunError: naming those it has.
        """
        ports = [f"{spec.name}.{port}" for spec in graph.stages.values() for port in spec.outputs]
        known = [*graph.stages, *ports]
        for name in self._given:
            if name and name not in known:
                raise RunError(f"tolerance: no stage or port is called '{name}'{suggest(name, known)}")

    def of(self, port: str) -> Tolerance | None:
        """The bound of a port ('stage.port'); None if it has none."""
        names = (port, port.partition(".")[0], "")
        return next((self._given[name] for name in names if name in self._given), None)


def _parse(text: str) -> tuple[str, Tolerance]:
    match = _TOLERANCE.match(text)
    try:
        limit = float(match["limit"]) if match else math.nan
    except ValueError:
        limit = math.nan
    if match is None or not math.isfinite(limit) or limit < 0:
        raise RunError(
            f"tolerance {text}: expected a share of the largest value (1e-4) or a signal-to-noise ratio (60dB), "
            "of one stage or port as in decoder=60dB"
        )
    return match["name"] or "", Tolerance(limit, match["unit"] is not None)

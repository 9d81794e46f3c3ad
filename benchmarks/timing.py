"""Interleaved timing: every contender once a round, so that a machine which slows down slows them all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SETTLE_S = 0.03  # thread pools spin after a call: the next contender would share its cores with them
WARM_BELOW_S = 0.3  # where the fastest is shorter, all are called untimed first: the others have emptied the caches


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender in one case, a value a round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """One contender's time over another's: the median of the rounds' ratios, and their range."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f}-{self.highest:.2f})"


def interleave(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Times every contender `rounds` times, one after the other in each round; two untimed calls of each come first."""
    for call in contenders.values():
        call()  # what is done once: page faults of the weights, compilation
    short = min(_seconds(call) for call in contenders.values()) < WARM_BELOW_S
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            time.sleep(SETTLE_S)
            if short:
                call()
            seconds[name].append(_seconds(call))
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def ratio(one: Sequence[float], other: Sequence[float]) -> Ratio:
    """`one` over `other`, round by round: above 1, the other is faster."""
    ratios = [a / b for a, b in zip(one, other, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def median_ratios(seconds: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Medians of all contenders, and the time of each over that of the first, which is ours: above 1, we are faster."""
    ours = next(iter(seconds))
    return {
        "median_s": {name: statistics.median(values) for name, values in seconds.items()},
        "ratio": {name: asdict(ratio(values, seconds[ours])) for name, values in seconds.items() if name != ours},
    }


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns padded to read well as plain text too; all but the first are numbers."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        " | ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(row))
        for row in (zip(cells, widths, strict=True) for cells in [header, rule, *rows])
    ]
    return "\n".join(f"| {line} |" for line in lines)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start

"""Counts what a run has done with its rows: for a display of progress, and for the report at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.errors import LineError

_FORMAT = 1


@dataclass
class Summary:
    """The work of a run.

    Attributes:
        total: rows of the input.
        rate_hz: samples of output in a second; None for an output that is no signal.
        computed, resumed: rows that this run has computed, and that an earlier one had finished.
        failed: the errors of the other rows, in their order.
        samples: length of the output, pauses included; 0 if nothing was written.
        samples_computed: length of the output that this run has computed.
        seconds: wall time of the work.
        timings: seconds of work by stage.
    """

    total: int
    rate_hz: int | None
    computed: int = 0
    resumed: int = 0
    failed: list[LineError] = field(default_factory=list)
    samples: int = 0
    samples_computed: int = 0
    seconds: float = 0.0
    timings: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """The rows whose output is there, whichever run computed it."""
        return self.computed + self.resumed

    @property
    def seconds_computed(self) -> float:
        """Seconds of output that this run has computed."""
        return self.samples_computed / self.rate_hz if self.rate_hz else 0.0

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work for a second of output; None if there was no output."""
        return self.seconds / self.seconds_computed if self.samples_computed else None

    def table(self) -> dict[str, Any]:
        """Give what `run --json` prints; docs/bulk.md has the schema."""
        factor = self.real_time_factor
        return {
            "format": _FORMAT,
            "status": "failed" if self.failed else "ok",
            "utterances": {
                "total": self.total,
                "spoken": self.computed,
                "resumed": self.resumed,
                "failed": len(self.failed),
            },
            "failed": [_describe(error) for error in self.failed],
            "sample_rate": self.rate_hz,
            "audio_seconds": round(self.samples / self.rate_hz, 6) if self.rate_hz else 0.0,
            "real_time_factor": None if factor is None else round(factor, 4),
            "stages": {name: round(spent, 6) for name, spent in self.timings.items()},
        }


def _describe(error: LineError) -> dict[str, str]:
    return {"line": error.origin, **({} if error.id is None else {"id": error.id}), "error": error.fact}

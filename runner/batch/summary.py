"""What a run has done with its lines: for those who watch it, and for those who read about it afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from runner.errors import LineError

_FORMAT = 1


@dataclass
class Summary:
    """What a run has done.

    Attributes:
        total: utterances, however they ended.
        spoken, resumed: those that this run has spoken, and those that one before had finished.
        failed: what is wrong with the others, in their order.
        samples: of audio in the output, pauses included; 0 if nothing was written.
        samples_spoken: of audio that this run has made.
        seconds: of wall time that speaking took.
        timings: seconds of work by stage.
    """

    total: int
    spoken: int = 0
    resumed: int = 0
    failed: list[LineError] = field(default_factory=list)
    samples: int = 0
    samples_spoken: int = 0
    seconds: float = 0.0
    timings: Counter[str] = field(default_factory=Counter)

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work for a second of audio; None if none was made."""
        return self.seconds * SAMPLE_RATE_HZ / self.samples_spoken if self.samples_spoken else None

    def table(self) -> dict[str, Any]:
        """What `run --json` says of it; docs/bulk.md has the schema."""
        factor = self.real_time_factor
        return {
            "format": _FORMAT,
            "status": "failed" if self.failed else "ok",
            "utterances": {
                "total": self.total,
                "spoken": self.spoken,
                "resumed": self.resumed,
                "failed": len(self.failed),
            },
            "failed": [{"line": error.origin, "error": error.fact} for error in self.failed],
            "sample_rate": SAMPLE_RATE_HZ,
            "audio_seconds": round(self.samples / SAMPLE_RATE_HZ, 6),
            "real_time_factor": None if factor is None else round(factor, 4),
            "stages": {name: round(spent, 6) for name, spent in self.timings.items()},
        }

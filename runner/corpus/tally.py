"""Counts what is done of a corpus, for a display and for the summary."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.corpus.folder import MadeShard
    from runner.corpus.plan import Plan
    from runner.corpus.worker import Spoken


class Tally:
    """The state of the work; a `make.Watch`.

    Attributes:
        records, rejected: that were read so far, and of these refused.
        rows: that are to be spoken in all.
        shards: likewise.
        resumed: rows that earlier runs had done.
        failed: rows that stages refused.
        finished: shards that are finished.
        rate_hz: of the audio.
        workers: that make shards.
    """

    def __init__(self, rate_hz: int, workers: int) -> None:
        """Begin at none."""
        self.rate_hz, self.workers = rate_hz, workers
        self.records = self.rejected = self.rows = self.shards = self.resumed = self.failed = self.finished = 0
        self._done: dict[
            str, tuple[int, int]
        ] = {}  # rows and samples of shards; one that is begun again has its own anew
        self._start = time.perf_counter()

    def planned(self, plan: Plan) -> None:
        """Another record was read."""
        self.records, self.rejected = plan.records, plan.rejected

    def begin(self, plan: Plan, finished: Sequence[MadeShard]) -> None:
        """The rows are planned, of which some are finished."""
        self.rows, self.shards, self.finished = plan.records - plan.rejected, len(plan.shards), len(finished)
        self.failed = sum(len(made.failed) for made in finished)
        self.resumed = sum(made.rows + len(made.failed) for made in finished)
        self._start = time.perf_counter()

    def spoken(self, spoken: Spoken) -> None:
        """Rows were spoken."""
        self._done[spoken.shard] = spoken.rows, spoken.samples

    def made(self, made: MadeShard) -> None:
        """A shard is finished."""
        self.finished += 1
        self.failed += len(made.failed)
        self._done[made.shard] = made.rows + len(made.failed), made.samples

    @property
    def done(self) -> int:
        """Rows that are spoken, or have failed, in shards of this run or of earlier ones."""
        return self.resumed + sum(rows for rows, _ in self._done.values())

    @property
    def samples(self) -> int:
        """Of audio that this run has made."""
        return sum(samples for _, samples in self._done.values())

    @property
    def seconds(self) -> float:
        """The time since the first row began [s]."""
        return time.perf_counter() - self._start

    @property
    def audio_s(self) -> float:
        """The audio that this run has made [s]."""
        return self.samples / self.rate_hz

    @property
    def factor(self) -> float | None:
        """Seconds of audio that are made in a second; None before the first."""
        return self.audio_s / self.seconds if self.samples and self.seconds > 0 else None

    @property
    def left_s(self) -> float | None:
        """The time that is left, by the rows so far [s]; None before the first."""
        made = self.done - self.resumed
        return (self.rows - self.done) * self.seconds / made if made > 0 else None

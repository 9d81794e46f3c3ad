"""Shows how a corpus grows: a live view on a terminal, lines of text elsewhere."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from runner.corpus.folder import MadeShard
    from runner.corpus.plan import Plan
    from runner.corpus.tally import Tally
    from runner.corpus.worker import Spoken

_PLAIN_EVERY_S, _LIVE_EVERY_S = 10.0, 0.5


class CorpusDisplay:
    """A `make.Watch` that passes everything to a tally, and shows it now and then."""

    def __init__(self, tally: Tally, *, every_s: float = _PLAIN_EVERY_S, quiet: bool = False) -> None:
        """Show nothing yet.

        Args:
            every_s: time between two lines [s].
            quiet: show nothing at all.
        """
        self.tally, self._every_s, self._quiet, self._due = tally, every_s, quiet, time.perf_counter() + every_s

    def planned(self, plan: Plan) -> None:
        """Another record was read."""
        self.tally.planned(plan)
        self._show_when_due()

    def begin(self, plan: Plan, finished: Sequence[MadeShard]) -> None:
        """The rows are planned, of which some are finished."""
        self.tally.begin(plan, finished)
        self._show()

    def spoken(self, spoken: Spoken) -> None:
        """Rows were spoken."""
        self.tally.spoken(spoken)
        self._show_when_due()

    def made(self, made: MadeShard) -> None:
        """A shard is finished."""
        self.tally.made(made)
        self._show_when_due()

    def _show_when_due(self) -> None:
        if time.perf_counter() >= self._due:
            self._show()

    def _show(self) -> None:
        self._due = time.perf_counter() + self._every_s
        if not self._quiet:
            self.show()

    def show(self) -> None:
        """Print a line."""
        click.echo("  ".join(f"{name} {value}" for name, value in describe(self.tally)), err=True)


class LiveDisplay(CorpusDisplay):
    """Shows a table on a terminal, which is drawn anew."""

    def __init__(self, tally: Tally) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(tally, every_s=_LIVE_EVERY_S)
        self.live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)

    def show(self) -> None:
        """Draw the table."""
        self.live.update(_make_table(self.tally), refresh=True)


@contextlib.contextmanager
def corpus_display(tally: Tally, *, quiet: bool) -> Iterator[CorpusDisplay]:
    """Hold the display that suits standard error."""
    if quiet or not sys.stderr.isatty():
        yield CorpusDisplay(tally, quiet=quiet)
        return
    display = LiveDisplay(tally)
    with display.live:
        yield display


def describe(tally: Tally) -> list[tuple[str, str]]:
    """Describe the state: pairs of a name and a value."""
    if not tally.shards:
        return [("checked", f"{tally.records:,}"), ("rejected", f"{tally.rejected:,}")]
    factor, left_s = tally.factor, tally.left_s
    found = [
        ("rows", f"{tally.done:,} of {tally.rows:,}"),
        ("shards", f"{tally.finished:,} of {tally.shards:,}"),
        ("audio", f"{tally.audio_s / 3600:.2f} h"),
        ("speed", "-" if factor is None else f"{factor:.1f} x real time"),
        ("workers", str(tally.workers)),
        ("left", "-" if left_s is None else _spell_time(left_s)),
    ]
    if left_s is not None:
        end = dt.datetime.now().astimezone() + dt.timedelta(seconds=left_s)
        found.append(("end", f"{end:%Y-%m-%d %H:%M}"))
    failed = tally.rejected + tally.failed
    return [*found, *([("rejected", f"{failed:,}")] if failed else [])]


def _make_table(tally: Tally) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in describe(tally):
        table.add_row(name, value)
    return table


def _spell_time(seconds: float) -> str:
    """Spell a time: `3 d 4 h`, `2 h 5 min`, `40 s`."""
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} {seconds % size // part:.0f} {smaller}"
    return f"{seconds:.0f} s"

"""Shows on standard error how a push or a pull goes on: bars on a terminal, lines of text elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from runner.inspect.sharing_text import KINDS
from runner.inspect.units import spell_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.cache.exchange import Display

_PLAIN_EVERY_S = 10.0


class SilentDisplay:
    """Shows nothing."""

    def begin(self, kind: str, count: int, size: int) -> None:
        """Show nothing."""

    def advance(self, size: int) -> None:
        """Show nothing."""

    def wait(self, name: str) -> None:
        """Show nothing."""


class LineDisplay(SilentDisplay):
    """Prints a line of text every few seconds."""

    def __init__(self, every_s: float = _PLAIN_EVERY_S) -> None:
        self._every_s, self._printed = every_s, time.perf_counter()
        self._kind, self._count, self._done, self._bytes, self._size = "", 0, 0, 0, 0

    def begin(self, kind: str, count: int, size: int) -> None:
        self._kind, self._count, self._done, self._bytes, self._size = KINDS[kind], count, 0, 0, size

    def advance(self, size: int) -> None:
        self._done, self._bytes = self._done + 1, self._bytes + size
        now = time.perf_counter()
        if now - self._printed >= self._every_s:
            self._printed = now
            sizes = f", {spell_bytes(self._bytes)} of {spell_bytes(self._size)}" if self._size else ""
            click.echo(f"{self._kind} {self._done} of {self._count}{sizes}", err=True)

    def wait(self, name: str) -> None:
        click.echo(f"{name}: waiting for another process that builds or pulls it ...", err=True)


class _BarDisplay(SilentDisplay):
    """Bars on a terminal, one for each kind."""

    def __init__(self, bars: Any) -> None:
        self._bars, self._task = bars, None

    def begin(self, kind: str, count: int, size: int) -> None:
        self._task = self._bars.add_task(KINDS[kind], total=count, moved=0, size=size, bytes="")

    def advance(self, size: int) -> None:
        task = next(task for task in self._bars.tasks if task.id == self._task)
        moved = task.fields["moved"] + size
        total = task.fields["size"]
        text = f"{spell_bytes(moved)} of {spell_bytes(total)}" if total else ""
        self._bars.update(self._task, advance=1, moved=moved, bytes=text)

    def wait(self, name: str) -> None:
        self._bars.console.print(f"{name}: waiting for another process that builds or pulls it ...")


@contextlib.contextmanager
def exchange_display(*, quiet: bool = False) -> Iterator[Display]:
    """Hold the display of an exchange."""
    if quiet:
        yield SilentDisplay()
    elif sys.stderr.isatty():
        with _exchange_bars() as live:
            yield live
    else:
        yield LineDisplay()


@contextlib.contextmanager
def _exchange_bars() -> Iterator[Display]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[bytes]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _BarDisplay(bars)

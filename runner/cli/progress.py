"""What work looks like: a moving display on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from runner.engine.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.batch.summary import Summary
    from runner.engine.pipeline import Result
    from runner.engine.run_state import RunState
    from runner.graph.types import StageSpec

    Progress = Callable[[str, str, float], None]

_PLAIN_EVERY_S = 10.0


@contextlib.contextmanager
def display(stages: int, *, quiet: bool = False) -> Iterator[Progress]:
    """A function (stage, state, seconds) for `build`, which shows what it is told."""
    if quiet:
        yield lambda _stage, _state, _seconds: None
    elif sys.stderr.isatty():
        with _live(stages) as tell:
            yield tell
    else:
        yield _say


def _say(stage: str, state: str, seconds: float) -> None:
    if state != "current":
        click.echo(f"{stage}: {_words(state, seconds)}", err=True)


def _words(state: str, seconds: float) -> str:
    return f"{state} in {seconds:.1f} s" if state == "built" else f"{state} ..."


@contextlib.contextmanager
def _live(stages: int) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("compiling", total=stages)
        at_work: list[str] = []

        def tell(stage: str, state: str, seconds: float) -> None:
            if state == "compiling":
                at_work.append(stage)
            elif stage in at_work:
                at_work.remove(stage)
            if state == "built":
                bars.console.print(f"{stage}: {_words(state, seconds)}")
                bars.advance(task)
            bars.update(task, description=f"compiling {', '.join(at_work)}")

        yield tell


class StageAtWork(Observer):
    """Knows which stage is running.

    Attributes:
        stage: its name; '' between two runs.
    """

    stage = ""

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:  # noqa: ARG002
        if not concurrent:
            self.stage = spec.name

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:  # noqa: ARG002
        self.stage = ""


class Speaking:
    """A `batch.bulk.Progress` that shows nothing but what is kept of a run that ends early."""

    def begin(self, origin: str) -> None:
        """Show that a line is about to be spoken."""

    def end(self, summary: Summary) -> None:
        """Show what has been done so far."""

    def keep(self, summary: Summary, condition: str = "") -> None:
        """Say that the run ends early, and that its finished lines are kept.

        Args:
            condition: on which the same command goes on from there; '' where it does in any case.
        """
        done = summary.done
        click.echo(
            f"{done} finished {'line is' if done == 1 else 'lines are'} kept: the same command goes on from there"
            f"{condition and ', ' + condition}",
            err=True,
        )


class PlainSpeaking(Speaking):
    """A line of text now and then."""

    def __init__(self, every_s: float = _PLAIN_EVERY_S) -> None:
        self._begin = self._told = time.perf_counter()
        self._every_s = every_s

    def end(self, summary: Summary) -> None:
        now = time.perf_counter()
        if now - self._told >= self._every_s:
            self._told = now
            click.echo(f"{summary.done} of {summary.total} utterances{_rate(summary, now - self._begin)}", err=True)


class _LiveSpeaking(Speaking):
    """A bar that moves; the stage at work is asked for whenever it is drawn."""

    def __init__(self, bars: Any, task: Any) -> None:
        self._bars, self._task = bars, task
        self._begin = time.perf_counter()

    def begin(self, origin: str) -> None:
        self._bars.update(self._task, line=origin)

    def end(self, summary: Summary) -> None:
        rate = _rate(summary, time.perf_counter() - self._begin)
        self._bars.update(self._task, completed=summary.done, rate=rate)


@contextlib.contextmanager
def speaking(total: int, stage: Callable[[], str], *, quiet: bool = False) -> Iterator[Speaking]:
    """Shows the speaking of `total` utterances: line, stage, audio made, real-time factor, time left.

    Args:
        stage: says which stage is at work.
    """
    if quiet:
        yield Speaking()
    elif sys.stderr.isatty():
        with _bar(total, stage) as live:
            yield live
    else:
        yield PlainSpeaking()


@contextlib.contextmanager
def _bar(total: int, stage: Callable[[], str]) -> Iterator[Speaking]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    class StageColumn(ProgressColumn):
        max_refresh = None

        def render(self, task: Any) -> Text:  # noqa: ARG002 - rich's signature
            return Text(f"{stage():<12}", style="cyan")

    columns = (
        TextColumn("{task.fields[line]}", markup=False),
        StageColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _LiveSpeaking(bars, bars.add_task("speaking", total=total, line="", rate=""))


def _rate(summary: Summary, elapsed: float) -> str:
    audio = summary.seconds_computed
    return f", {audio:.1f} s of audio, real-time factor {elapsed / audio:.3f}" if audio else ""

"""Shows progress on standard error: a live display on a terminal, lines of text elsewhere."""

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

_PLAIN_EVERY_S, _LIVE_EVERY_S = 10.0, 0.5
_CLEAR = "\x1b[K"  # erases what is right of the cursor


@contextlib.contextmanager
def build_display(stages: int, *, quiet: bool = False) -> Iterator[Progress]:
    """Hold a display of `stages` compilations: a function (stage, state, seconds) for `build`."""
    if quiet:
        yield lambda _stage, _state, _seconds: None
    elif sys.stderr.isatty():
        with _compiler_bar(stages) as show:
            yield show
    else:
        yield _print_state


def _print_state(stage: str, state: str, seconds: float) -> None:
    if state != "current":
        click.echo(f"{stage}: {_describe_state(state, seconds)}", err=True)


def _describe_state(state: str, seconds: float) -> str:
    if state == "waiting":
        return "waiting for another process that builds it ..."
    return f"{state} in {seconds:.1f} s" if state == "built" else f"{state} ..."


@contextlib.contextmanager
def _compiler_bar(stages: int) -> Iterator[Progress]:
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
        running: list[str] = []

        def show(stage: str, state: str, seconds: float) -> None:
            if state == "compiling":
                running.append(stage)
            elif state != "waiting" and stage in running:
                running.remove(stage)
            if state in ("built", "waiting"):
                bars.console.print(f"{stage}: {_describe_state(state, seconds)}")
            bars.advance(task, int(state in ("built", "current")))
            bars.update(task, description=f"compiling {', '.join(running)}")

        yield show


@contextlib.contextmanager
def count_display(done: str, *, quiet: bool = False, every_s: float | None = None) -> Iterator[Callable[[int], None]]:
    """Hold a display of how many lines are `done`, such as `checked`: a function to call after each line.

    A terminal shows the number in one line, which is removed at the end; elsewhere a line is printed now and then.

    Args:
        every_s: time between two numbers [s]; None for the default of a terminal or a file.
    """
    live = sys.stderr.isatty()
    wait_s = every_s if every_s is not None else _LIVE_EVERY_S if live else _PLAIN_EVERY_S
    due = time.perf_counter() + wait_s

    def show(count: int) -> None:
        nonlocal due
        now = time.perf_counter()
        if now >= due:
            due = now + wait_s
            text = f"{count} lines {done}"
            click.echo(f"\r{text}{_CLEAR}\r" if live else text, err=True, nl=not live)

    yield (lambda _count: None) if quiet else show
    if live and not quiet:
        click.echo(f"\r{_CLEAR}", err=True, nl=False)


class StageObserver(Observer):
    """An observer that knows the running stage.

    Attributes:
        stage: its name; '' between two runs.
    """

    stage = ""

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:  # noqa: ARG002
        if not concurrent:
            self.stage = spec.name

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:  # noqa: ARG002
        self.stage = ""


class ProgressDisplay:
    """A `batch.bulk.Progress` that is silent until a run ends early."""

    def begin(self, origin: str) -> None:
        """Show that a line begins."""

    def end(self, summary: Summary) -> None:
        """Show the summary after a line."""

    def keep(self, summary: Summary, condition: str = "") -> None:
        """Print that the run ends early and that its finished lines are kept.

        Args:
            condition: condition for the same command to go on from there; '' for none.
        """
        done = summary.done
        click.echo(
            f"{done} finished {'line is' if done == 1 else 'lines are'} kept: the same command goes on from there"
            f"{condition and ', ' + condition}",
            err=True,
        )


class ProgressLines(ProgressDisplay):
    """Prints a line of text every few seconds."""

    def __init__(self, every_s: float = _PLAIN_EVERY_S) -> None:
        self._begin = self._printed = time.perf_counter()
        self._every_s = every_s

    def end(self, summary: Summary) -> None:
        now = time.perf_counter()
        if now - self._printed >= self._every_s:
            self._printed = now
            click.echo(
                f"{summary.done} of {summary.total} utterances{_describe_rate(summary, now - self._begin)}", err=True
            )


class _ProgressBar(ProgressDisplay):
    """A bar on a terminal."""

    def __init__(self, bars: Any, task: Any) -> None:
        self._bars, self._task = bars, task
        self._begin = time.perf_counter()

    def begin(self, origin: str) -> None:
        self._bars.update(self._task, line=origin)

    def end(self, summary: Summary) -> None:
        rate = _describe_rate(summary, time.perf_counter() - self._begin)
        self._bars.update(self._task, completed=summary.done, rate=rate)


@contextlib.contextmanager
def run_display(total: int, stage: Callable[[], str], *, quiet: bool = False) -> Iterator[ProgressDisplay]:
    """Hold a display of `total` utterances: line, stage, seconds of audio, real-time factor, time left.

    Args:
        stage: gives the running stage; called each time the bar is drawn.
    """
    if quiet:
        yield ProgressDisplay()
    elif sys.stderr.isatty():
        with _utterance_bar(total, stage) as live:
            yield live
    else:
        yield ProgressLines()


@contextlib.contextmanager
def _utterance_bar(total: int, stage: Callable[[], str]) -> Iterator[ProgressDisplay]:
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
        yield _ProgressBar(bars, bars.add_task("speaking", total=total, line="", rate=""))


def _describe_rate(summary: Summary, elapsed: float) -> str:
    audio = summary.seconds_computed
    return f", {audio:.1f} s of audio, real-time factor {elapsed / audio:.3f}" if audio else ""

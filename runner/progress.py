"""What building looks like: a moving display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[str, str, float], None]


@contextlib.contextmanager
def display(stages: int, *, quiet: bool = False) -> Iterator[Progress]:
    """A function (stage, state, seconds) for `build`, which shows what it is told on standard error."""
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
    from rich.console import Console  # noqa: PLC0415 - 60 ms that a run without building need not pay
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("compiling", total=stages)

        def tell(stage: str, state: str, seconds: float) -> None:
            if state == "compiling":
                bars.update(task, description=f"compiling {stage}")
            elif state == "built":
                bars.console.print(f"{stage}: {_words(state, seconds)}")
                bars.advance(task)

        yield tell

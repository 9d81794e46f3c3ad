"""Runs many rows in bounded memory: all are checked first, then each is run, and failures are counted.

    rows --> check --> (stale stages are built) --> each row: finished before? --> run --> place --> Summary
               |                                                                    |
               +---- bad rows: one error lists them all, and nothing is run; with `keep_going` they are left out

The rows are read once for each arrow: what stays in memory is a few bytes a row, and the message of each bad one.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from runner.batch.summary import Summary
from runner.errors import LineError, RunError, SizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from runner.batch.rows import Row


class Part(Protocol):
    """One of the pieces that the output of a row comes in."""

    @property
    def timings(self) -> Mapping[str, float]:
        """Stage -> wall time [s], of the stages that ran."""


PartT = TypeVar("PartT", bound=Part)
PartT_co = TypeVar("PartT_co", bound=Part, covariant=True)
PartT_contra = TypeVar("PartT_contra", bound=Part, contravariant=True)


class RowRunner(Protocol[PartT_co]):
    """Runs a graph on one row after the other."""

    def check(self, row: Row) -> None:
        """Find out whether a row could be run.

        Raises:
            LineError: it could not.
        """

    def sum_up(self) -> None:
        """Log what the rows that were checked have in common, in place of a warning for each."""

    def run(self, row: Row, *, last: bool = False) -> Iterator[PartT_co]:
        """Run a row that has been checked, a part whenever the next one is asked for.

        Args:
            last: no other row follows.

        Raises:
            LineError: a stage refused what it got.
        """


class Place(Protocol[PartT_contra]):
    """Takes the output of rows in any order, each row once."""

    def resume(self, row: Row) -> bool:
        """Take over the output that an earlier run has made of the row; whether there is any."""

    def take(self, row: Row, parts: Iterable[PartT_contra]) -> int:
        """Write the output of a row; if `parts` raises, nothing of it stays. Returns its samples."""

    def finish(self, rows: Iterable[Row], *, failed: bool) -> tuple[int, bool]:
        """Complete the output of the rows that were taken.

        Args:
            failed: whether other rows have failed.

        Returns:
            the samples of the output, and whether a repetition of the run would have nothing to resume.
        """

    def close(self, *, complete: bool) -> bool:
        """Remove all but the output if `complete`; else, whether something is left to resume from."""


class Progress(Protocol):
    """Shows which row is run, and what has been done so far."""

    def begin(self, origin: str) -> None:
        """Show that a row is about to be run."""

    def end(self, summary: Summary) -> None:
        """Show what has been done, after a row was run, was resumed, or has failed."""

    def keep(self, summary: Summary, condition: str = "") -> None:
        """Show that the run ends early, and that its finished rows are kept.

        Args:
            condition: on which a repetition goes on from there; '' where it does in any case.
        """


@dataclass
class CheckResult:
    """The findings of a check of all rows.

    Attributes:
        total: rows, the bad ones included.
        last: the number of the last one.
        failed: number -> the error of each bad row.
    """

    total: int = 0
    last: int = 0
    failed: dict[int, LineError] = field(default_factory=dict)

    def passed(self, rows: Iterable[Row]) -> Iterable[Row]:
        """The good ones of `rows`, which were checked; each loop over them reads `rows` anew."""
        return _Passed(rows, self.failed)


class _Passed:
    def __init__(self, rows: Iterable[Row], failed: Collection[int]) -> None:
        self._rows, self._failed = rows, failed

    def __iter__(self) -> Iterator[Row]:
        return (row for row in self._rows if row.number not in self._failed)


def check(
    runner: RowRunner[Part],
    rows: Iterable[Row],
    *,
    keep_going: bool = False,
    show: Callable[[int], object] = lambda _count: None,
) -> CheckResult:
    """Check every row before the first is run.

    Args:
        keep_going: note bad rows, in place of raising an error.
        show: is called after each row with the number of rows so far.

    Raises:
        RunError: the errors of all bad rows, unless `keep_going`.
    """
    result = CheckResult()
    ids: dict[str, int] = {}  # in a spelling that is equal where a file system may take two names for one
    first: LineError | None = None
    for row in rows:
        result.total, result.last = result.total + 1, row.number
        try:
            if row.id is not None:
                _refuse_second(row, row.id, ids)
            runner.check(row)
        except LineError as error:
            result.failed[row.number] = error.copy()
            first = first or error
        show(result.total)
    runner.sum_up()
    if result.failed and not keep_going:
        raise RunError("\n".join(map(str, result.failed.values()))) from first
    return result


def _refuse_second(row: Row, id_: str, ids: dict[str, int]) -> None:
    number = ids.setdefault(unicodedata.normalize("NFC", id_).casefold(), row.number)
    if number != row.number:
        fact = f"id '{id_}' names line {number} already; ids differ by more than upper and lower case"
        raise LineError(row.origin, fact, id_)


def run(
    runner: RowRunner[PartT],
    rows: Iterable[Row],
    checked: CheckResult,
    place: Place[PartT],
    progress: Progress,
    *,
    rate_hz: int | None,
    keep_going: bool = False,
    against: Sequence[str] = (),
) -> Summary:
    """Run the rows that `check` has found good.

    Args:
        rate_hz: samples of output in a second; None for an output that is no signal.
        keep_going: leave out rows that a stage refuses.
        against: the options that were given for which the finished rows of an earlier run are not resumed.

    Raises:
        LineError: a stage refused a row.
        RunError: a file could not be written.
    """
    summary = Summary(checked.total, rate_hz)
    failed = dict(checked.failed)
    begin = time.perf_counter()
    complete = False
    try:
        for row in rows:
            if row.number in failed:
                continue
            progress.begin(row.label)
            try:
                _run_row(runner, row, place, summary, last=row.number == checked.last)
            except LineError as error:
                if not keep_going:
                    raise
                failed[row.number] = error.copy()
            progress.end(summary)
        summary.failed = [failed[number] for number in sorted(failed)]
        summary.samples, complete = place.finish(rows, failed=bool(failed))
    finally:
        kept = place.close(complete=complete)
        if kept and not complete and not isinstance(sys.exception(), SizeError):  # which says how to go on
            progress.keep(summary, _condition(against))
    summary.seconds = time.perf_counter() - begin
    return summary


def _run_row(runner: RowRunner[PartT], row: Row, place: Place[PartT], summary: Summary, *, last: bool) -> None:
    if place.resume(row):
        summary.resumed += 1
        return

    def parts() -> Iterator[PartT]:
        for part in runner.run(row, last=last):
            summary.timings.update(part.timings)
            yield part

    summary.samples_computed += place.take(row, parts())
    summary.computed += 1


def _condition(against: Sequence[str]) -> str:
    """The condition on which a repetition would go on: an error that has a cause would only come again."""
    conditions = [] if isinstance(sys.exception(), KeyboardInterrupt) else ["once the cause of the error is removed"]
    if against:
        conditions.append(f"without {' and '.join(against)}")
    return " and ".join(conditions)

"""Many lines in bounded memory: all are checked, then each is spoken, and what fails or is finished is kept count of.

    lines --> check --> (stale stages are built) --> for each: finished before? --> say --> place --> Summary
                |                                                                    |
                +---- bad lines: all are told, and nothing is spoken; or with --keep-going they are left out

Lines are read once for each arrow: what stays in memory is a few bytes a line, and the message of each bad one.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.batch.output import digest_of
from runner.batch.summary import Summary
from runner.errors import LineError, RunError, SizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from runner.batch.output import Destination, Place
    from runner.batch.rows import Utterance
    from runner.cli.progress import Speaking
    from runner.engine.pipeline import Result
    from runner.engine.run_state import Request
    from runner.speech.speaker import Part, Speaker


@dataclass
class Checked:
    """What a first look at all lines has found.

    Attributes:
        total: utterances, the bad ones included.
        failed: number (from 1) -> what is wrong.
    """

    total: int = 0
    failed: dict[int, LineError] = field(default_factory=dict)

    def well(self, utterances: Iterable[Utterance]) -> Well:
        """Those of `utterances`, which were checked, that are not among `failed`."""
        return Well(utterances, self.failed)


class Well:
    """The utterances that a check has found well; each loop over them reads them anew."""

    def __init__(self, utterances: Iterable[Utterance], failed: Collection[int]) -> None:
        self._utterances, self._failed = utterances, failed

    def __iter__(self) -> Iterator[Utterance]:
        """Give them in their order."""
        return (utterance for number, utterance in enumerate(self._utterances, 1) if number not in self._failed)


def check(speaker: Speaker, utterances: Iterable[Utterance], *, keep_going: bool = False) -> Checked:
    """Check every utterance before the first is spoken.

    Raises:
        RunError: the bad lines, all of them, unless `keep_going`.
    """
    checked = Checked()
    first: LineError | None = None
    for number, utterance in enumerate(utterances, 1):
        checked.total = number
        try:
            speaker.check(utterance)
        except LineError as error:
            checked.failed[number] = LineError(error.origin, error.fact)  # without the frames that it came through
            first = first or error
    if checked.failed and not keep_going:
        raise RunError("\n".join(map(str, checked.failed.values()))) from first
    return checked


def speak(
    speaker: Speaker,
    utterances: Iterable[Utterance],
    checked: Checked,
    destination: Destination,
    settings: str,
    progress: Speaking,
    *,
    keep_going: bool = False,
    against: Sequence[str] = (),
) -> Summary:
    """Speak what `check` has found well.

    Args:
        settings: `speaker.identity`: what finished lines of a run before must have been made with to be left alone.
        keep_going: leave out lines that a stage refuses.
        against: the options that were given for which what a run before has finished is not taken up.

    Raises:
        LineError: a stage refused a line.
        RunError: a file could not be written.
    """
    summary = Summary(checked.total)
    failed = dict(checked.failed)
    begin = time.perf_counter()
    with destination.open(checked.total, resume=not against) as place:
        complete = False
        try:
            for number, utterance in enumerate(utterances, 1):
                if number in failed:
                    continue
                progress.begin(utterance.origin)
                try:
                    _line(speaker, number, utterance, digest_of(utterance, settings, destination), place, summary)
                except LineError as error:
                    if not keep_going:
                        raise
                    failed[number] = LineError(error.origin, error.fact)
                progress.end(summary)
            summary.failed = [failed[number] for number in sorted(failed)]
            summary.samples, written = place.finish(utterances)
            complete = written and not (failed and destination.is_folder)
        finally:
            kept = place.close(complete=complete)
            if kept and not complete and not isinstance(sys.exception(), SizeError):  # which says how to go on
                progress.keep(summary, _condition(against))
    summary.seconds = time.perf_counter() - begin
    return summary


def _condition(against: Sequence[str]) -> str:
    """On what a repetition would go on from here: an error that has a cause would only come again."""
    conditions = [] if isinstance(sys.exception(), KeyboardInterrupt) else ["once the cause of the error is removed"]
    if against:
        conditions.append(f"without {' and '.join(against)}")
    return " and ".join(conditions)


def compute(
    speaker: Speaker,
    utterances: Iterable[Utterance],
    checked: Checked,
    tell: Callable[[str, Request, Result], object],
    *,
    keep_going: bool = False,
) -> Summary:
    """Run a part of the graph that gives no audio on what `check` has found well; a line that is run counts as spoken.

    Args:
        tell: is given where a line was written, and what came of it, part by part.
        keep_going: leave out lines that a stage refuses.

    Raises:
        LineError: a stage refused a line.
    """
    summary = Summary(checked.total)
    failed = dict(checked.failed)
    begin = time.perf_counter()
    for number, utterance in enumerate(utterances, 1):
        if number in failed:
            continue
        try:
            for request, result in speaker.compute(utterance):
                summary.timings.update(result.timings)
                tell(utterance.origin, request, result)
        except LineError as error:
            if not keep_going:
                raise
            failed[number] = LineError(error.origin, error.fact)
        else:
            summary.spoken += 1
    summary.failed = [failed[number] for number in sorted(failed)]
    summary.seconds = time.perf_counter() - begin
    return summary


def _line(speaker: Speaker, number: int, utterance: Utterance, digest: str, place: Place, summary: Summary) -> None:
    entry = place.finished(number, digest)
    if entry is not None:
        summary.resumed += 1
        return

    def parts() -> Iterator[Part]:
        for part in speaker.say(utterance, last=number == summary.total):
            summary.timings.update(part.timings)
            yield part

    entry = place.take(number, utterance, digest, parts())
    summary.spoken += 1
    summary.samples_spoken += entry.samples

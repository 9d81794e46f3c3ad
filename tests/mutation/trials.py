"""Mutants meet their tests, several at a time."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.mutation.copies import Copies, end, wait
from tests.mutation.mutants import Mutant
from tests.mutation.survey import PYTEST, Survey

_COLLECTION_S = 60
_MEMORY = 8 * 2**30
KILLED, TIMED_OUT, SURVIVED, NOT_EXECUTED = "killed", "timed out", "survived", "not executed"


@dataclass
class Trial:
    """A mutant, the tests that it meets, and what became of it.

    Attributes:
        by: the test that failed or ran out of time; '' where the mutant cannot even be imported.
    """

    mutant: Mutant
    tests: list[str]
    outcome: str = NOT_EXECUTED
    by: str = ""
    seconds: float = 0.0


@dataclass(eq=False)  # pytest keeps its plugins in sets
class _Watch:
    """A plugin for pytest: runs these tests alone and in this order, notes which one runs, and ends one that takes too
    long."""

    seconds: dict[str, float]
    note: Path
    failed: list[str] = field(default_factory=list)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The hook of pytest."""
        rank = {test: n for n, test in enumerate(self.seconds)}
        items[:] = sorted((item for item in items if item.nodeid in rank), key=lambda item: rank[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """The hook of pytest."""
        self.note.write_text(item.nodeid, "utf-8")
        _limit(5 + 10 * self.seconds[item.nodeid])
        result = yield
        _limit(_COLLECTION_S)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The hook of pytest."""
        if report.failed:
            self.failed.append(report.nodeid)


@dataclass(frozen=True)
class Bench:
    """Tries mutants of a checkout.

    Attributes:
        jobs: how many at a time.
        say: is told of each.
    """

    copies: Copies
    survey: Survey
    jobs: int
    say: Callable[[str], None]

    def try_all(self, trials: list[Trial]) -> None:
        """Try every mutant, and without them those again that tests have killed which fail without a mutant.

        Raises:
            SystemExit: the tests cannot be run here, with or without a mutant.
        """
        slowest_first = sorted(self.survey.seconds, key=lambda test: -self.survey.seconds[test])
        fastest = {test.partition("::")[0]: test for test in slowest_first}  # of each file, to see that all can be run
        pending, unreliable = trials, self._failing(set(fastest.values()))
        while pending:
            for trial in pending:
                trial.tests = [test for test in trial.tests if test not in unreliable]
                trial.outcome, trial.by = NOT_EXECUTED, ""
            self._try(pending)
            unreliable |= self._failing({trial.by for trial in trials if trial.outcome == KILLED and trial.by})
            pending = [trial for trial in trials if trial.by in unreliable]
        if unreliable:
            self.say(f"left out, because they fail without a mutant: {', '.join(sorted(unreliable))}")

    def _try(self, trials: list[Trial]) -> None:
        waiting = [trial for trial in trials if trial.tests]
        free = [self.copies.make(f"job-{n}") for n in range(min(self.jobs, len(waiting)))]
        running: dict[int, tuple[Trial, Path, float]] = {}
        try:
            while waiting or running:
                while waiting and free:
                    trial, tree = waiting.pop(0), free.pop()
                    running[self._start(trial, tree)] = trial, tree, time.monotonic()
                process, status = wait()
                trial, tree, begun = running.pop(process)
                trial.seconds = time.monotonic() - begun
                trial.outcome, trial.by = _outcome(status, tree)
                self.copies.restore(tree)
                free.append(tree)
                done = len(trials) - len(waiting) - len(running)
                self.say(f"[{done}/{len(trials)}] {trial.outcome} in {trial.seconds:.1f} s: {trial.mutant} {trial.by}")
        finally:
            for process in running:
                end(process)

    def _start(self, trial: Trial, tree: Path) -> int:
        (tree / trial.mutant.file).write_text(trial.mutant.code(self.copies.root), "utf-8")

        def task() -> int:
            sys.dont_write_bytecode = True  # what is compiled from this mutant must not be found by the next one
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            return self._run(trial.tests, tree, "-x")[0]

        return self.copies.start(tree, task)

    def _run(self, tests: Sequence[str], tree: Path, *options: str) -> tuple[int, list[str]]:
        """Run tests in this process; pytest's exit code and the tests that failed."""
        watch = _Watch({test: self.survey.seconds[test] for test in tests}, _note(tree))
        watch.note.write_text("", "utf-8")
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        _limit(_COLLECTION_S)
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        temporary = f"--basetemp={tree.with_suffix('.tmp')}"
        code = pytest.main([*PYTEST, temporary, "--tb=short", *options, *files], plugins=[watch])
        return int(code), watch.failed

    def _failing(self, tests: Collection[str]) -> set[str]:
        """Which of the tests fail without a mutant, where files have just been written as those of mutants are."""
        if not tests:
            return set()
        tree = self.copies.make("check")
        for path in tree.glob("runner/**/*.py"):
            path.touch()
        result = tree.with_suffix(".json")

        def task() -> int:
            code, failed = self._run(sorted(tests), tree)
            result.write_text(json.dumps(failed), "utf-8")
            return int(code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))

        _, status = wait(self.copies.start(tree, task))
        if status:
            sys.exit(f"the tests cannot be run without a mutant: {tree.with_suffix('.log')}")
        return set(json.loads(result.read_text("utf-8")))


def _limit(seconds: float) -> None:
    """End this process by a signal that nothing handles after `seconds` at work, or eight times as long if it waits."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 8 * seconds)


def _note(tree: Path) -> Path:
    return tree.with_suffix(".test")


def _outcome(status: int, tree: Path) -> tuple[str, str]:
    """What became of the mutant in `tree`, by the status of its process, and by which test."""
    last = _note(tree).read_text("utf-8")
    if os.WIFSIGNALED(status):
        return (TIMED_OUT if os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF) else KILLED), last
    code = os.WEXITSTATUS(status)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        sys.exit(f"no test is there where the survey had some: {tree.with_suffix('.log')}")
    if code == pytest.ExitCode.OK:
        return SURVIVED, ""
    return KILLED, last if code == pytest.ExitCode.TESTS_FAILED else ""

"""What the tests execute, measured once without a mutant, and hence which tests a mutant meets."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutation.copies import OURS, Copies, wait
from tests.mutation.mutants import Mutant

PYTEST = (
    *("-q", "-m", "not full", "--hypothesis-seed=0"),
    *(
        "-W",
        "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
    ),  # a plugin's, by the process forked from
)
_SETUP_S = 2.0  # of a test's setup, what counts: a fixture that builds a model does so once, and the copies keep it


@dataclass
class Survey:
    """What the tests execute.

    Attributes:
        seconds: of each test that passed.
        failed: the tests that did not, which are left out: some look into processes that are now measured.
        lines: file -> line -> the tests that execute it.
        modules: what the tests import from elsewhere, in that order.
    """

    seconds: dict[str, float]
    failed: list[str]
    lines: dict[str, dict[int, set[str]]]
    modules: list[str]

    def tests(self, mutant: Mutant, text: str, budget: float) -> list[str]:
        """The tests for a mutant of the file that holds `text`, in the order in which they are to run.

        Args:
            budget: seconds after which no more are taken.
        """
        room = f"tests/{Path(mutant.file).parent}/"
        found = self._executing(mutant, text, room) & self.seconds.keys()
        chosen: list[str] = []
        for test in sorted(found, key=lambda name: (not name.startswith(room), self.seconds[name], name)):
            budget -= self.seconds[test]
            if budget < 0 and chosen:
                break
            chosen.append(test)
        return chosen

    def _executing(self, mutant: Mutant, text: str, room: str) -> set[str]:
        lines = self.lines.get(mutant.file, {})
        own, later = statement_lines(text, mutant.line)
        found = [{test for line in each for test in lines.get(line, ())} for each in (own, *later)]
        if not later:
            return found[0]
        return next(filter(None, found[1:]), set()) | {test for test in self.seconds if test.startswith(room)}


def statement_lines(text: str, line: int) -> tuple[set[int], list[set[int]]]:
    """The lines of the innermost statement at `line`, without what it holds, and what its effect shows in.

    Returns:
        Its lines; and for one that runs on import, the lines of functions in each statement around it, the innermost
        first, and in the file.
    """
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    within = {line for node in functions for line in range(_first_line(node.body[0]), (node.end_lineno or 0) + 1)}
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    around = sorted((lines for node in statements if line in (lines := _lines(node))), key=len)
    innermost = next(node for node in statements if _lines(node) == around[0])
    body = getattr(innermost, "body", [])
    own = {line, *range(around[0].start, _first_line(body[0]) if body else around[0].stop)}
    return own, [] if line in within else [within.intersection(lines) for lines in around] + [within]


def _lines(node: ast.stmt) -> range:
    return range(_first_line(node), (node.end_lineno or 0) + 1)


def _first_line(node: Any) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def survey(copies: Copies, files: Sequence[str], tests: Sequence[str]) -> Survey:
    """Run `tests` and measure what they execute of `files`; or what was measured for the same checkout.

    Raises:
        SystemExit: the tests cannot be run, or there is none.
    """
    digest = hashlib.sha256(json.dumps([PYTEST, list(files), list(tests), sys.version]).encode())
    for name in copies.sources():
        digest.update(f"{name}\n{hashlib.sha256((copies.root / name).read_bytes()).hexdigest()}\n".encode())
    kept = copies.work / "survey.json"
    known = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    if known.get("digest") != digest.hexdigest():
        kept.unlink(missing_ok=True)
        copies.refresh()
        known = {"digest": digest.hexdigest(), **_measure(copies, files, tests)}
        kept.write_text(json.dumps(known), "utf-8")
    lines = {file: {int(line): set(names) for line, names in each.items()} for file, each in known["lines"].items()}
    return Survey(known["seconds"], known["failed"], lines, known["modules"])


def _measure(copies: Copies, files: Sequence[str], tests: Sequence[str]) -> dict[str, Any]:
    for old in copies.work.glob("coverage*"):
        old.unlink()
    config, told = copies.work / "survey.ini", copies.work / "told.json"
    included = "".join(f"\n    {copies.plain / file}" for file in files)
    config.write_text(
        f"[run]\ncore = ctrace\nparallel = true\ndata_file = {copies.work / 'coverage'}\ninclude ={included}\n"
        # A test's processes are measured too. No word about those in which nothing was: tests read what they print.
        "context = ${PYTEST_CURRENT_TEST-}\ndisable_warnings = no-data-collected, module-not-measured\n",
        "utf-8",
    )

    def task() -> int:
        os.environ.pop("PYTEST_CURRENT_TEST", None)  # of a test that runs this
        os.environ["COVERAGE_PROCESS_START"] = str(config)
        measured = coverage.Coverage(config_file=str(config))
        surveyor = _Surveyor(measured)
        measured.start()
        code = pytest.main([*PYTEST, *tests], plugins=[surveyor])
        measured.stop()
        measured.save()
        seconds = {test: took for test, took in surveyor.seconds.items() if test not in surveyor.unfit}
        told.write_text(json.dumps({"seconds": seconds, "failed": surveyor.failed, "modules": _imported()}), "utf-8")
        return int(code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))

    _, status = wait(copies.start(copies.plain, task))
    if status:
        sys.exit(f"the tests cannot be run, or there is none: {copies.plain.with_suffix('.log')}")
    for path in copies.work.glob("coverage*"):
        if not path.stat().st_size:
            path.unlink()  # of a process that a test has killed
    combined = coverage.Coverage(config_file=str(config))
    combined.combine()
    lines = {}
    for file in files:
        contexts = combined.get_data().contexts_by_lineno(str(copies.plain / file))
        lines[file] = {line: sorted({_test(name) for name in names} - {""}) for line, names in contexts.items()}
    return {**json.loads(told.read_text("utf-8")), "lines": lines}


def _test(context: str) -> str:
    """The test of a context; a process of a test has pytest's own name for it, `TEST (call)`."""
    test, _, phase = context.rpartition(" (")
    return test if phase in ("setup)", "call)", "teardown)") else context


def _imported() -> list[str]:
    """The modules imported from elsewhere than the checkout."""
    left_out = {*OURS, "__main__", "coverage"}
    found = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None) is not None]
    return [name for name in found if name.partition(".")[0] not in left_out]


@dataclass(eq=False)  # pytest keeps its plugins in sets
class _Surveyor:
    """A plugin for pytest: tells coverage which test runs, and notes how long each takes."""

    measured: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)  # failed or skipped

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """The hook of pytest."""
        self.measured.switch_context(item.nodeid)
        result = yield
        self.measured.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The hook of pytest."""
        if report.failed:
            self.failed.append(report.nodeid)
        if not report.passed:
            self.unfit.add(report.nodeid)
        took = min(report.duration, _SETUP_S) if report.when == "setup" else report.duration
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + took

"""`make mutate`: which places of a file get a mutant, which tests meet it, and what is said of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="mutants are not installed: `make mutate` installs them")

from tests.conftest import ROOT
from tests.mutation import mutants
from tests.mutation.copies import Copies
from tests.mutation.survey import statement_lines

PLACES = {
    "if a in b and c: d()": {"AddNot", "SwapMembership", "ReplaceAndWithOr", "DeleteStatement"},
    "if a not in b: raise E": {"AddNot", "SwapMembership", "DeleteStatement"},
    "self.a = b": {"DeleteStatement"},
    "a[0] = b": {"DeleteStatement", "NumberReplacer"},
    "a += b": {"DeleteStatement"},
    "a = b + c": {"ReplaceBinaryOperator"},
    "a: int | None = b": set(),
    "a = int | None": set(),
    "a = {**b}": set(),
    "def f(a: A | B, *, é: A | B = not c) -> A | B: pass": {"ReplaceUnaryOperator"},
    "if TYPE_CHECKING:\n    a()": set(),
    "@dataclass(frozen=True, order=True)\nclass A: pass": {"RemoveDecorator", "ReplaceTrueWithFalse"},
    "a: int = field(repr=False)": set(),
    "@functools.cache\ndef f(): return b": set(),
    '"""Docstring."""\n__all__ = ["a", "b"]': set(),
}
CHANGES = {
    "x = a in b": {"x = a not in b"},
    "x = a not in b": {"x = a in b"},
    "x = a is b": {"x = a is not b"},
    "def f():\n    # why\n    g(1)": {
        "def f():\n    # why\n    pass",
        "def f():\n    # why\n    g( 2)",
        "def f():\n    # why\n    g( 0)",
    },
    "a.b = c": {"pass"},
}
CODE = """
def is_large(n: int) -> bool:
    return n > 3


def count(n: int) -> int:
    done = 0
    while done < n:
        done += 1
    return done


def is_new(name: str, known: list[str]) -> bool:
    return name not in known
"""
TESTS = """
from runner.graph import toy

def test_is_large():
    assert toy.is_large(9) and not toy.is_large(0)

def test_count():
    assert toy.count(4) == 4
"""
FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    "runner/__init__.py": "",
    "runner/graph/__init__.py": "",
    "runner/graph/toy.py": CODE,
    "tests/runner/graph/conftest.py": "",
    "tests/runner/graph/test_toy.py": TESTS,
    "tests/runner/test_all.py": "def test_nothing(): ...",
}


@pytest.mark.parametrize("code", PLACES)
def test_a_place_gets_the_mutants_that_can_matter(tmp_path: Path, code: str) -> None:
    (tmp_path / "a.py").write_text(f"{code}\n", "utf-8")
    found = mutants.sites(tmp_path, "a.py")
    assert {mutant.name.partition("_")[0] for site in found for mutant in site} == PLACES[code]


LINES = {
    3: ({3}, []),
    8: ({8}, []),
    9: ({9}, []),
    2: ({2}, [{3}, {3, 7, 8, 9, 10, 14}]),
    13: ({13}, [{14}, {3, 7, 8, 9, 10, 14}]),
}


@pytest.mark.parametrize("line", LINES)
def test_a_statement_has_lines_and_one_that_runs_on_import_has_those_that_show_it(line: int) -> None:
    assert statement_lines(CODE, line) == LINES[line]


@pytest.mark.parametrize("code", CHANGES)
def test_a_mutant_differs_in_its_place_alone(tmp_path: Path, code: str) -> None:
    (tmp_path / "a.py").write_text(f"{code}\n", "utf-8")
    found = {mutant.code(tmp_path) for site in mutants.sites(tmp_path, "a.py") for mutant in site}
    assert found == {f"{text}\n" for text in CHANGES[code]}


def test_a_sample_is_of_different_places_and_repeatable(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE, "utf-8")
    every = len(mutants.sites(tmp_path, "a.py"))
    drawn = mutants.draw(tmp_path, ["a.py"], 4, seed=1)
    assert len(set(drawn)) == 4
    assert drawn == mutants.draw(tmp_path, ["a.py"], 4, seed=1) != mutants.draw(tmp_path, ["a.py"], 4, seed=2)
    assert len(mutants.draw(tmp_path, ["a.py"], 100, seed=1)) == every


def test_survivors_are_shown_and_too_many_fail(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    code, told = mutate(tmp_path, "--tests", "tests", "--seed", "1", "--at-least", "90")
    assert "runner/graph/toy.py:9: DeleteStatement tests/runner/graph/test_toy.py::test_count\n" in told
    assert "timed out in " in told
    assert "runner/graph/toy.py:14: SwapMembership not executed, 0 tests\n" in told
    _, _, shown = told.partition("runner/graph/toy.py:3: NumberReplacer survived, 1 tests\n")
    assert shown.startswith("""\
    @@ -2,3 +2,3 @@
     def is_large(n: int) -> bool:
    -    return n > 3
""")
    assert told.endswith(": 3 survived, 2 killed, 2 timed out, 1 not executed; 50.0 % killed\n")
    assert code == 1


def test_the_runner_can_be_mutated(tmp_path: Path) -> None:
    for name in Copies(ROOT).sources():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    options = ("--files", "runner/cache/keys.py", "--tests", "tests/runner/cache/test_keys.py", "--sample", "6")
    code, told = mutate(tmp_path, *options, "--at-least", "50")
    assert code == 0, told
    assert "\n6 mutants of seed 1 in " in told


def mutate(root: Path, *options: str) -> tuple[int, str]:
    """The command in the checkout at `root`: its exit status and what it prints."""
    program = (
        "import sys, pathlib, tests.mutation.__main__ as m; sys.exit(m.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(root), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout

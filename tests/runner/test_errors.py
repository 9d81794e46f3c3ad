"""The tree of errors and how mistakes are listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.errors import GraphError, Mistake, Origin, SpecError, report, snippet, suggest

TEXT = "graph: 1\nstages:\n  bért: {x: 1}\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def test_report_sorts_by_file_and_line_and_lists_each_once(file: str) -> None:
    late, early = Mistake(Origin(file, 3, 3), "late"), Mistake(Origin(file, 1, 8), "early")
    option = Mistake(Origin("set a=1"), "first")
    lines = str(report([late, early, option, late])).split("\n")
    assert lines[:2] == ["set a=1: first", f"{file}:1:8: early"]
    assert [line for line in lines if line.endswith("late")] == [f"{file}:3:3: late"]


def test_report_shows_the_line_with_a_caret(file: str) -> None:
    shown = str(report([Mistake(Origin(file, 3, 3), "no such stage")])).split("\n")
    assert shown == [f"{file}:3:3: no such stage", "    3 |   bért: {x: 1}", "      |   ^"]


@pytest.mark.parametrize(
    ("of_fit", "kind"), [((True, True), GraphError), ((True, False), SpecError), ((False,), SpecError)]
)
def test_report_is_a_spec_error_when_any_mistake_is_against_the_schema(of_fit: tuple[bool, ...], kind: type) -> None:
    mistakes = [Mistake(Origin("f", line + 1, 1), "m", fit) for line, fit in enumerate(of_fit)]
    assert type(report(mistakes)) is kind


@pytest.mark.parametrize("origin", [Origin("set a=1"), Origin("absent.yaml", 1, 1), Origin(__file__, 99999, 1)])
def test_snippet_is_empty_where_there_is_no_line(origin: Origin) -> None:
    assert snippet(origin) == []


@pytest.mark.parametrize(("content", "line"), [(b"\xff\n", 1), (b"a\x1b[31m: 1\n", 1), (b"a: " + b"x" * 500, 1)])
def test_snippet_is_empty_for_lines_a_terminal_cannot_show(tmp_path: Path, content: bytes, line: int) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    assert snippet(Origin(str(tmp_path / "a.yaml"), line, 1)) == []


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("textmask", ["length", "text_mask"], "; did you mean 'text_mask'?"),
        ("zzz", ["length", "text_mask"], "; known: length, text_mask"),
        ("zzz", [], "; there is none"),
        (
            "zz",
            [f"run{number}" for number in range(21)],
            f"; known: {', '.join(f'run{n}' for n in range(20))}, ... (21 in all)",
        ),
    ],
)
def test_suggest(name: str, known: list[str], expected: str) -> None:
    assert suggest(name, known) == expected


def test_escape_codes_of_a_terminal_are_escaped() -> None:
    assert str(Mistake(Origin("set a=\n"), "no '\x1b[31m'")) == "set a=\\n: no '\\x1b[31m'"


def test_errors_import_neither_pydantic_nor_networkx_nor_yaml() -> None:
    code = (
        "import sys, runner.errors; sys.exit(any(m in sys.modules for m in ('pydantic', 'networkx', 'yaml', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

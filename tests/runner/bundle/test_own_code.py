"""The code that a bundle carries: all that a run imports, and no builder, command or kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner.bundle import own_code
from runner.bundle.own_code import find_modules, list_own_code
from runner.graph.load import load_graph

STAGES = [spec.module for spec in load_graph("text").stages.values() if not spec.is_library]


@pytest.fixture(scope="module")
def carried() -> set[str]:
    return {entry.path for entry in list_own_code(STAGES)}


@pytest.mark.parametrize(
    "path",
    [
        "python/runner/__init__.py",
        "python/runner/bundle/machine.py",
        "python/runner/speech/ssml.py",  # imported within a function
        "python/stages/lexicon.py",
        "python/stages/text/english.lexicon",
        "LICENSE",
        "NOTICE",
    ],
)
def test_what_a_run_reads_is_carried(carried: set[str], path: str) -> None:
    assert path in carried


@pytest.mark.parametrize("room", ["runner/build", "runner/cli", "runner/serve", "stages/kernels", "stages/layers"])
def test_what_a_run_does_not_import_is_not(carried: set[str], room: str) -> None:
    assert len(carried) > 100
    assert [path for path in carried if path.startswith(f"python/{room}/")] == []


def test_a_graph_of_phonemes_carries_no_lexicon() -> None:
    assert "python/stages/text/english.lexicon" not in {entry.path for entry in list_own_code(["stages.tokenize"])}


def test_imports_for_type_checkers_alone_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_code, "_FOLDERS", {"stages": tmp_path})
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / f"{name}.py").write_text("", encoding="utf-8")
    (tmp_path / "__init__.py").touch()
    (tmp_path / "a.py").write_text(
        "if TYPE_CHECKING:\n    import stages.b\nelse:\n    from stages import c\n\n"
        "def f():\n    from stages.d import g\n    import stages.nowhere, json\n",
        encoding="utf-8",
    )
    assert find_modules(["stages.a"]).keys() == {"stages", "stages.a", "stages.c", "stages.d"}


def test_every_module_that_the_program_imports_at_once_is_found() -> None:
    code = "import sys, runner.bundle.program; print(*(name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = {name for name in done.stdout.split() if name.partition(".")[0] in ("runner", "stages")}
    assert len(own) > 50
    assert own - find_modules(["runner.bundle.program"]).keys() == set()

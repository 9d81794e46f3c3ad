"""Rules about what the runner names, beyond those of import-linter."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from runner.graph.contracts import stage_names
from tests.conftest import ROOT


def test_runner_names_no_stage_outside_speech() -> None:
    """Stages are found by the graph: a dotted name in a string would tie the runner to one model."""
    names = set(stage_names())
    paths = [path for path in (ROOT / "runner").rglob("*.py") if "speech" not in path.relative_to(ROOT).parts]
    assert len(paths) > 50
    assert [f"{path.relative_to(ROOT)}:{at}" for path in paths for at, text in strings(path) if text in names] == []


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a file with their lines, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    ignored = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in ignored:
            yield node.lineno, node.value

"""The tasks and settings of the editor: commands that exist, the schema, and the places of mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from runner.cli.main import cli
from tests.conftest import ROOT
from tests.console import run_command

BROKEN = """graph: 1
name: broken
devices: {host: cpu:0}
inputs: {x: "float32[]"}
outputs: {y: half.z}
stages:
  half:
    module: stages.tokenise
    device: hots
    inputs:
      x: float33[] <- input.x
    outputs:
      y: float32[]
"""


def tasks() -> dict[str, dict[str, Any]]:
    table = json.loads((ROOT / ".vscode" / "tasks.json").read_text("utf-8"))
    return {task["label"]: task for task in table["tasks"]}


def test_every_task_runs_a_command_that_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    known = {"kokoro-run": set(cli.list_commands(None)), "make": set(targets)}  # type: ignore[arg-type]
    commands = {label: (Path(task["command"]).name, task["args"][0]) for label, task in tasks().items()}
    assert set(commands) == {"check this graph", "build this graph", "run this graph", "test", "lint"}
    assert [label for label, (program, first) in commands.items() if first not in known[program]] == []


def test_problem_matcher_finds_every_mistake_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, "utf-8")
    code, _, err = run_command(monkeypatch, capsys, "check", path)
    assert code == 2
    pattern = tasks()["check this graph"]["problemMatcher"]["pattern"]
    groups = [pattern[name] for name in ("file", "line", "column", "message")]
    matches = [found for found in (re.match(pattern["regexp"], line) for line in err.splitlines()) if found]
    told = [tuple(found.group(*groups)) for found in matches]
    code, out, _ = run_command(monkeypatch, capsys, "check", path, "--json")
    mistakes = json.loads(out)["mistakes"]
    assert told == [(each["file"], str(each["line"]), str(each["column"]), each["message"]) for each in mistakes]
    assert {(path, line) for path, line, _, _ in told} >= {(str(path), "8"), (str(path), "9"), (str(path), "11")}


def test_settings_tie_every_graph_to_the_schema() -> None:
    ties = json.loads((ROOT / ".vscode" / "settings.json").read_text("utf-8"))["yaml.schemas"]
    assert list(ties) == ["./graphs/graph.schema.json"]
    (patterns,) = ties.values()
    assert all(list(ROOT.glob(pattern)) for pattern in patterns)
    assert (ROOT / "graphs" / "graph.schema.json").is_file()

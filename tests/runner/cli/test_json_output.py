"""`run --json`: one object on standard output, whatever happens."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from runner.batch import bulk
from runner.cli import main

Run = Callable[..., tuple[int, dict[str, Any]]]
KEYS = {
    *("format", "status", "utterances", "failed", "sample_rate", "audio_seconds", "wall_seconds"),
    *("real_time_factor", "stages", "graph", "output", "outputs", "timestamps"),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, timed_graph: Path) -> Run:
    """The console script with --json, in an empty folder: exit code, and the object."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def call(*args: object, graph: Path = timed_graph) -> tuple[int, dict[str, Any]]:
        argv = ["kokoro-run", str(graph), "--no-cache", "--json", *map(str, args)]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main.main()
        out = capsys.readouterr()[0]
        assert out.count("\n") == 1
        return int(ended.value.code or 0), json.loads(out)

    return call


def test_a_run_that_went_well(run: Run, timed_graph: Path) -> None:
    Path("ipa.txt").write_text("h\nhh\n", encoding="utf-8")
    code, table = run("--input", "ipa.txt", "--timestamps", "t.vtt")
    assert code == 0
    assert table.keys() == KEYS
    assert table["status"] == "ok"
    assert table["format"] == 1
    assert table["utterances"] == {"total": 2, "spoken": 2, "resumed": 0, "failed": 0}
    assert table["failed"] == []
    assert (table["sample_rate"], table["audio_seconds"]) == (24_000, 0.475)
    assert (table["graph"], table["output"], table["timestamps"]) == (str(timed_graph), "ipa.wav", "t.vtt")
    assert table["outputs"] == {"audio": "ipa.wav"}
    assert list(table["stages"]) == ["tokenize", "tones"]
    assert table["real_time_factor"] > 0
    assert sum(table["stages"].values()) < table["wall_seconds"]


def test_a_run_with_failed_lines(run: Run) -> None:
    Path("ipa.txt").write_text("h\n%\nhh\n", encoding="utf-8")
    code, table = run("--input", "ipa.txt", "-o", "out/", "--keep-going")
    assert code == 1
    assert table["status"] == "failed"
    (failed,) = table["failed"]
    assert failed["line"] == "ipa.txt:2"
    assert failed["error"].startswith("stage 'tokenize': column 1: unknown symbol '%'")
    assert (table["output"], table["timestamps"]) == ("out", None)


def test_a_run_that_wrote_nothing(run: Run) -> None:
    Path("ipa.txt").write_text("%\n", encoding="utf-8")
    code, table = run("--input", "ipa.txt", "--keep-going")
    assert (code, table["output"], table["audio_seconds"], table["real_time_factor"]) == (1, None, 0.0, None)


def test_an_error(run: Run) -> None:
    code, table = run("--phonemes", "%")
    assert code == 2
    assert table.keys() == {"format", "status", "error"}
    assert table["status"] == "error"
    assert "unknown symbol '%'" in table["error"]


def test_a_part_without_audio(run: Run) -> None:
    code, table = run("--phonemes", "h", "--until", "tokenize")
    assert (code, {*table}) == (0, KEYS | {"rows"})
    assert table["rows"][0]["outputs"]["tokenize.length"] == [3]
    assert table["utterances"] == {"total": 1, "spoken": 1, "resumed": 0, "failed": 0}
    assert (table["status"], table["output"], table["audio_seconds"]) == ("ok", None, 0.0)
    assert list(table["stages"]) == ["tokenize"]


def test_a_part_without_audio_and_failed_lines(run: Run) -> None:
    Path("ipa.txt").write_text("h\n%\n", encoding="utf-8")
    code, table = run("--input", "ipa.txt", "--until", "tokenize", "--keep-going")
    assert (code, table["status"], table["utterances"]["spoken"]) == (1, "failed", 1)
    assert [failed["line"] for failed in table["failed"]] == ["ipa.txt:2"]


def test_a_fault_of_the_program(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "run", lambda *_given, **_how: {"a": 1}["gain"])
    code, table = run("--phonemes", "h")
    assert (code, table["status"]) == (2, "error")
    assert table["error"] == "internal error: KeyError: 'gain'"


def test_names_that_are_not_utf_8(run: Run, timed_graph: Path) -> None:
    name, graph = os.fsdecode(b"caf\xe9"), timed_graph.with_name(os.fsdecode(b"\xe9")) / "timed.yaml"
    shutil.copytree(timed_graph.parent / "libraries", graph.parent / "libraries")
    shutil.copy(timed_graph, graph)
    Path(f"{name}.txt").write_text("h\n%\n", encoding="utf-8")
    options = ["--input", f"{name}.txt", "--timestamps", f"{name}.json", "--trace", f"{name}.trace", "--keep-going"]
    code, table = run("-q", *options, graph=graph)
    assert (code, table["graph"], table["output"]) == (1, str(graph), f"{name}.wav")
    assert table["failed"][0]["line"] == r"caf\udce9.txt:2"
    assert json.loads(Path(f"{name}.json").read_text("utf-8"))["utterances"][0]["line"] == r"caf\udce9.txt:1"
    assert soundfile.info(os.fsencode(f"{name}.wav")).frames == 3 * 600


def test_the_documented_schema_names_every_key(repository: Path) -> None:
    text = (repository / "docs" / "bulk.md").read_text(encoding="utf-8")
    table = text[text.index("## One object a run") :]
    assert {*re.findall(r"^\| `(\w+)`", table, re.MULTILINE)} >= KEYS | {"error"}

"""Corpora of a few rows of the default model, whose libraries are built once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.build.build import build
from runner.graph.load import load_graph
from runner.speech.speaker import with_durations
from tests.conftest import ROOT

WORDS = ("wˈʌn", "tˈu", "θɹˈi", "fˈɔɹ", "fˈIv")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def build_dir(cache_folder: Path) -> Path:
    """A build root that holds the libraries of the default graph."""
    build(with_durations(load_graph("default")), cache_folder / "build")
    return cache_folder / "build"


def make_rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows of some words each, with two voices."""
    return [
        {
            "id": f"row{number:04d}",
            "phonemes": " ".join(WORDS[: 1 + number % len(WORDS)]),
            "voice": ("low", "high")[number % 2],
            "chapter": number // 10,
        }
        for number in range(start, start + count)
    ]


def write_rows(path: Path, rows: Iterable[dict[str, Any] | str]) -> Path:
    """Write rows as JSON lines; a text is a line as it is."""
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def command(build_dir: Path, rows: Path, out: Path, *options: str, graph: str = "default") -> list[str]:
    """The command that makes a corpus of shards of 8 rows."""
    given = ["--input", str(rows), "-o", str(out), "--build-dir", str(build_dir), "--shard-rows", "8", "-q", *options]
    return [sys.executable, "-m", "runner", "corpus", graph, *given]


@pytest.fixture
def make(build_dir: Path) -> Run:
    """`make(rows, out, "--layout", "nemo")`: makes a corpus by the command line."""

    def made(rows: Path, out: Path, *options: str, graph: str = "default") -> subprocess.CompletedProcess[str]:
        words = command(build_dir, rows, out, *options, graph=graph)
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env=_environment())

    return made


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def list_data(out: Path) -> dict[str, bytes]:
    """All files of a corpus that do not depend on time: the data set, and what is told of its rows."""
    timed = {"summary.json", "summary.html", "manifest.jsonl", "lock"}
    paths = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in timed)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def read_entries(out: Path) -> list[dict[str, Any]]:
    """The entries of all shards, in the order of their names."""
    files = sorted((out / ".kokoro-run" / "rows").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()[1:]]


def read_shards(out: Path) -> Sequence[dict[str, Any]]:
    """The lines of the manifest that are of shards."""
    text = (out / ".kokoro-run" / "manifest.jsonl").read_text("utf-8")
    return [table for line in text.splitlines() if "shard" in (table := json.loads(line))]

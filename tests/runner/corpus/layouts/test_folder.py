"""A folder of audio files with JSON lines, loaded by `datasets` as `audiofolder`, and by pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.corpus.layouts.folder import FolderLayout
from tests.runner.corpus.layouts.checks import assert_audio, assert_records
from tests.runner.corpus.layouts.readers import load
from tests.runner.corpus.layouts.rows import write_output

ROWS = 1_000
Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Entries]:
    out = tmp_path_factory.mktemp("folder")
    return out, write_output("folder", "flac", out, ROWS)


@pytest.mark.usefixtures("torchcodec")
def test_datasets_loads_and_decodes_every_row(output: tuple[Path, Entries], tmp_path: Path) -> None:
    out, entries = output
    rows = load("datasets", str(out), tmp_path)
    assert [row["record"]["id"] for row in rows] == [entry["id"] for entry in entries]
    assert_records(rows, entries)
    assert_audio(rows, entries, "flac")
    assert [Path(row["file"]).relative_to(out).as_posix() for row in rows] == [entry["file"] for entry in entries]


def test_pandas_reads_the_lines(output: tuple[Path, Entries], tmp_path: Path) -> None:
    out, entries = output
    rows = load("pandas-lines", str(out / "metadata.jsonl"), tmp_path)
    assert_records(rows, entries)
    assert [row["file"] for row in rows] == [entry["file"] for entry in entries]


def test_words_for_splits_are_escaped(output: tuple[Path, Entries]) -> None:
    names = {Path(entry["file"]).stem: entry["id"] for entry in output[1]}
    assert names["%74est-1"] == "test-1"
    assert names["%64ev"] == "dev"
    assert names["%65%76al 2"] == "eval 2"
    assert names["%74rain.%76alidation"] == "train.validation"
    assert max(len(name.encode()) for name in names) <= 200


def test_a_row_is_read_back(output: tuple[Path, Entries]) -> None:
    out, entries = output
    assert FolderLayout().read_audio(out, entries[5]) == (out / entries[5]["file"]).read_bytes()
    assert entries[5]["file"] == f"audio/00000-9f3c0a1b2c3d4e5f/{'v' * 200}.flac"

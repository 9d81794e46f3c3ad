"""Corpora that are verified, whole and damaged ones, by the libraries that made them and by others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.runner.corpus.conftest import Run, make_rows, read_shards, write_rows


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", make_rows(12))


def verify(out: Path, build_dir: Path, *options: str) -> tuple[int, dict[str, Any]]:
    words = [sys.executable, "-m", "runner", "corpus", "verify", str(out), "--build-dir", str(build_dir), "--json"]
    done = subprocess.run([*words, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    "layout",
    [("folder", "flac"), ("ljspeech", "wav"), ("nemo", "mp3"), ("webdataset", "opus"), ("parquet", "flac")],
    ids="-".join,
)
def test_whole_corpus_is_equal_to_the_bit(
    make: Run, build_dir: Path, rows: Path, tmp_path: Path, layout: tuple[str, str]
) -> None:
    if layout[0] == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra corpus)")
    made = make(rows, tmp_path / "out", "--layout", layout[0], "--format", layout[1])
    assert made.returncode == 0, made.stderr
    code, found = verify(tmp_path / "out", build_dir, "--sample", "12")
    assert (code, found["rows"], found["equal"], found["near"], found["faults"]) == (0, 12, 12, 0, [])


def test_damaged_and_missing_files_are_found(make: Run, build_dir: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert make(rows, out).returncode == 0
    flipped, lost, *_ = sorted((out / "audio").rglob("*.flac"))
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    lost.unlink()
    code, found = verify(out, build_dir, "--sample", "0")
    assert code == 1
    again = "`kokoro-run corpus` with the same options makes what is missing"
    assert set(found["faults"]) == {
        f"{flipped}: is damaged: its digest is not the one that was noted; remove it, and {again}",
        f"{lost}: is missing; {again}",
    }
    assert found["files"] == 13
    flipped.unlink()
    assert make(rows, out).returncode == 0
    assert verify(out, build_dir, "--sample", "0") == (0, {**found, "status": "ok", "faults": []})


def test_other_files_and_a_corpus_that_is_not_finished_are_found(
    make: Run, build_dir: Path, rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert make(rows, out).returncode == 0
    (out / "audio" / "extra.flac").write_bytes(b"x")
    metadata = out / "metadata.jsonl"
    metadata.write_text("garbage\n")
    told = next((out / ".kokoro-run" / "rows").glob("*.jsonl"))
    told.write_text("garbage\n")
    code, found = verify(out, build_dir, "--sample", "0")
    assert code == 1
    assert [fault.partition(";")[0] for fault in found["faults"]] == [
        f"{told}: is damaged",
        f"{metadata}: is damaged: its digest is not the one that was noted",
    ]
    assert make(rows, out).returncode == 0
    _, found = verify(out, build_dir, "--sample", "0")
    assert found["faults"] == [f"{out / 'audio' / 'extra.flac'}: is no file of the corpus"]
    manifest = out / ".kokoro-run" / "manifest.jsonl"
    manifest.write_text("".join(manifest.read_text("utf-8").splitlines(keepends=True)[:-1]) + '{"torn": 1}\n', "utf-8")
    _, found = verify(out, build_dir, "--sample", "0")
    assert next(fault.partition(":")[2] for fault in found["faults"]).startswith(" is not finished")


def test_rows_that_other_libraries_made_are_compared_with_their_files(
    make: Run, build_dir: Path, rows: Path, tmp_path: Path
) -> None:
    """The manifest is changed as if another processor's libraries had made a shard, and a row of it is another's."""
    out = tmp_path / "out"
    assert make(rows, out).returncode == 0
    manifest = out / ".kokoro-run" / "manifest.jsonl"
    manifest.write_text(manifest.read_text("utf-8").replace(str(read_shards(out)[0]["libraries"]), "0" * 64), "utf-8")
    digests = [json.loads(line).get("audio_sha256") for line in read_lines(out)]
    for file in (out / ".kokoro-run" / "rows").glob("*.jsonl"):
        text = file.read_text("utf-8")
        for digest in filter(None, digests):
            text = text.replace(digest, "1" * 64)  # the bits were others there
        note(out, file, text)
    code, found = verify(out, build_dir, "--sample", "12")
    assert (code, found["rows"], found["equal"], found["near"]) == (0, 12, 0, 12)
    first, second, *_ = sorted((out / "audio").rglob("*.flac"))
    shutil.copyfile(second, first)
    code, found = verify(out, build_dir, "--sample", "12")
    assert code == 1
    damaged, other = found["faults"]
    assert "is damaged" in damaged
    assert f"row '{first.stem}'" in other
    assert "spoken by other libraries, it" in other


def read_lines(out: Path) -> list[str]:
    return [line for file in (out / ".kokoro-run" / "rows").glob("*.jsonl") for line in file.read_text().splitlines()]


def note(out: Path, file: Path, text: str) -> None:
    """Replace a file of rows, and its digest in the manifest."""
    import hashlib  # noqa: PLC0415

    manifest = out / ".kokoro-run" / "manifest.jsonl"
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(text, "utf-8")
    new = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text("utf-8").replace(old, new), "utf-8")


def test_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "runner", "corpus", "verify", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{tmp_path}: has no corpus" in done.stderr
    assert list(tmp_path.iterdir()) == []

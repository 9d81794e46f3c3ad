"""Corpora on disks that are full, and in folders that cannot be written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runner.corpus.conftest import Run, command, list_data, make_rows, write_rows


def test_full_disk_says_so_and_what_is_finished_is_kept(build_dir: Path, make: Run, tmp_path: Path) -> None:
    rows, out = write_rows(tmp_path / "rows.jsonl", make_rows(60)), tmp_path / "disk" / "out"
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=1200k none "$0" && "$@"; status=$?; cp -r "$0/out" "$0.kept"; exit $status'
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(tmp_path / "disk")]
    if shutil.which("unshare") is None or subprocess.run([*words, "mkdir", str(out)], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    shutil.rmtree(tmp_path / "disk.kept")
    full = [*words, *command(build_dir, rows, out)]
    done = subprocess.run(full, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    kept = tmp_path / "disk.kept"
    finished = (kept / ".kokoro-run" / "manifest.jsonl").read_text("utf-8").count("\n") - 1
    assert finished > 0
    again = make(rows, kept, "--json")
    assert again.returncode == 0, again.stderr
    assert f'"resumed_shards": {finished}' in again.stdout
    assert make(rows, tmp_path / "whole").returncode == 0
    assert list_data(kept) == list_data(tmp_path / "whole")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_cannot_be_written_is_refused(make: Run, tmp_path: Path) -> None:
    rows, folder = write_rows(tmp_path / "rows.jsonl", make_rows(1)), tmp_path / "folder"
    folder.mkdir(mode=0o500)
    done = make(rows, folder / "out")
    assert done.returncode == 2
    assert f"{folder / 'out'}: cannot be written: Permission denied" in done.stderr


def test_disk_that_is_mounted_to_be_read_is_refused(build_dir: Path, tmp_path: Path) -> None:
    rows, out = write_rows(tmp_path / "rows.jsonl", make_rows(1)), tmp_path / "disk" / "out"
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o ro none "$0" && "$@"'
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(tmp_path / "disk")]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    done = subprocess.run(
        [*words, *command(build_dir, rows, out)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"{out}: cannot be written: Read-only file system" in done.stderr

"""Corpora that a Ray cluster of two nodes makes, both on this machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.runner.corpus.conftest import Run, command, list_data, make_rows, write_rows

pytest.importorskip("ray", reason="ray is not installed (extra ray)")

from benchmarks.corpora.ray_nodes import Nodes, running_nodes


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with running_nodes(2) as started:
        yield started


def test_a_cluster_makes_the_same_bytes_also_when_a_node_is_killed(
    nodes: Nodes, make: Run, build_dir: Path, tmp_path: Path
) -> None:
    rows, out = write_rows(tmp_path / "rows.jsonl", make_rows(40)), tmp_path / "out"
    ray = ["--ray", str(nodes.address)]
    with subprocess.Popen(command(build_dir, rows, out, *ray), cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not list((out / ".kokoro-run" / "tmp").glob("*-*.*")) and process.poll() is None:
            assert time.monotonic() < deadline  # no shard is begun
            time.sleep(0.05)
        nodes.kill_one(0)
        _, told = process.communicate(timeout=240)
    assert process.returncode == 0, told
    assert make(rows, tmp_path / "local").returncode == 0
    assert list_data(out) == list_data(tmp_path / "local")


def test_address_without_a_cluster_is_an_error(make: Run, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", make_rows(1))
    done = make(rows, tmp_path / "out", "--ray", "127.0.0.1:1")
    assert done.returncode == 2
    assert "--ray 127.0.0.1:1: no cluster answers there" in done.stderr

"""Tar files of rows, loaded by `webdataset` and by `datasets`."""

from __future__ import annotations

import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from runner.corpus.layouts.encoding import encode
from runner.corpus.layouts.webdataset import WebDatasetLayout
from runner.errors import RunError
from tests.runner.corpus.layouts.checks import assert_audio, assert_records, escape_halves
from tests.runner.corpus.layouts.readers import load
from tests.runner.corpus.layouts.rows import RATE_HZ, hash_files, make_audio, write_output

ROWS = 1_000
Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Entries]:
    out = tmp_path_factory.mktemp("webdataset")
    return out, write_output("webdataset", "opus", out, ROWS)


def test_webdataset_loads_every_row(output: tuple[Path, Entries], tmp_path: Path) -> None:
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    out, entries = output
    rows = load("webdataset", str(out), tmp_path)
    assert [row["record"]["id"] for row in rows] == [entry["id"] for entry in entries]
    assert_records(rows, entries)
    assert_audio(rows, entries, "opus")
    texts = [escape_halves(entry["text"] or entry["phonemes"] or "") for entry in entries]
    assert [row["record"]["txt"] for row in rows] == texts


@pytest.mark.usefixtures("torchcodec")
def test_datasets_loads_and_decodes_every_row(output: tuple[Path, Entries], tmp_path: Path) -> None:
    """The first rows have no words and no seed: without the card, `datasets` would take both for empty ones."""
    out, entries = output
    rows = load("datasets", str(out), tmp_path)
    assert_records(rows, entries)
    assert_audio(rows, entries, "opus")
    assert {row["rate"] for row in rows} == {RATE_HZ}


def test_keys_have_no_dots_and_are_unique(output: tuple[Path, Entries]) -> None:
    extensions = defaultdict(list)
    for file in sorted({entry["file"] for entry in output[1]}):
        with tarfile.open(output[0] / file) as tar:
            for name in tar.getnames():
                extensions[name.partition(".")[0]].append(name.partition(".")[2])
    assert len(extensions) == ROWS
    assert {tuple(each) for each in extensions.values()} == {("opus", "json", "txt")}
    assert {"a%2Eb%2Ec", "%252E", "%5F_init__", "a b"} <= set(extensions)


def test_members_are_of_nobody_and_no_time(output: tuple[Path, Entries]) -> None:
    with tarfile.open(output[0] / output[1][0]["file"]) as tar:
        about = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar}
    assert about == {(0, 0, 0, "", "", 0o644)}


def test_the_files_are_two_shards_and_a_card(output: tuple[Path, Entries]) -> None:
    names = ["README.md", *(f"shards/0000{shard}-9f3c0a1b2c3d4e5f.tar" for shard in (0, 1))]
    assert list(hash_files(output[0])) == names
    assert {entry["file"] for entry in output[1]} == set(names[1:])


def test_a_row_is_read_back(output: tuple[Path, Entries]) -> None:
    out, entries = output
    for number in (0, 2, 999):
        assert WebDatasetLayout().read_audio(out, entries[number]) == encode(make_audio(number), RATE_HZ, "opus")
    with pytest.raises(RunError, match=r"\.tar: has no audio of the row 'nobody'; write the shard anew$"):
        WebDatasetLayout().read_audio(out, entries[0] | {"id": "nobody"})


def test_a_damaged_file_is_refused(output: tuple[Path, Entries], tmp_path: Path) -> None:
    (tmp_path / "cut.tar").write_bytes((output[0] / output[1][0]["file"]).read_bytes()[:700])
    with pytest.raises(RunError, match=r"cut\.tar: is not a whole tar file .*; write the shard anew$"):
        WebDatasetLayout().read_audio(tmp_path, output[1][0] | {"file": "cut.tar"})


def test_a_card_of_no_rows_names_no_columns(tmp_path: Path) -> None:
    WebDatasetLayout().finish(tmp_path, lambda: iter(()))
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "shards/*.tar" in card
    assert "dataset_info" not in card

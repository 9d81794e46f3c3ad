"""Parquet files with audio in them, loaded by `datasets` and pandas."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.corpus.layouts.parquet import ParquetLayout
from runner.errors import RunError
from tests.runner.corpus.layouts.checks import assert_audio, assert_records
from tests.runner.corpus.layouts.readers import load
from tests.runner.corpus.layouts.rows import RATE_HZ, hash_files, make_audio, make_entry, write_output

parquet = pytest.importorskip("pyarrow.parquet", reason="the extra [corpus] is not installed")
ROWS = 1_000
Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Entries]:
    out = tmp_path_factory.mktemp("parquet")
    return out, write_output("parquet", "flac", out, ROWS)


@pytest.mark.usefixtures("torchcodec")
def test_datasets_loads_and_decodes_every_row(output: tuple[Path, Entries], tmp_path: Path) -> None:
    out, entries = output
    rows = load("datasets", str(out), tmp_path)
    assert [row["record"]["id"] for row in rows] == [entry["id"] for entry in entries]
    assert_records(rows, entries)
    assert_audio(rows, entries, "flac")


def test_datasets_gives_the_bytes_without_a_decoder(output: tuple[Path, Entries], tmp_path: Path) -> None:
    out, entries = output
    rows = load("datasets-encoded", "parquet", tmp_path, data_dir=str(out))
    assert_records(rows, entries)
    assert_audio(rows, entries, "flac")


def test_pandas_loads_every_row(output: tuple[Path, Entries], tmp_path: Path) -> None:
    out, entries = output
    rows = load("pandas", str(out / "data"), tmp_path)
    assert_records(rows, entries)
    assert_audio(rows, entries, "flac")


def test_the_files_are_two_shards_and_a_card(output: tuple[Path, Entries]) -> None:
    names = ["README.md", *(f"data/train-0000{shard}-9f3c0a1b2c3d4e5f.parquet" for shard in (0, 1))]
    assert list(hash_files(output[0])) == names
    assert {entry["file"] for entry in output[1]} == set(names[1:])


def test_a_row_is_read_back(output: tuple[Path, Entries]) -> None:
    out, entries = output
    for number in (0, 7, 999):
        data = ParquetLayout().read_audio(out, entries[number])
        table = parquet.read_table(out / entries[number]["file"], filters=[("id", "==", entries[number]["id"])])
        assert table.column("audio").to_pylist()[0]["bytes"] == data
    with pytest.raises(RunError, match=r"\.parquet: has no audio of the row 'nobody'; write the shard anew$"):
        ParquetLayout().read_audio(out, entries[0] | {"id": "nobody"})


def test_a_damaged_file_is_refused(output: tuple[Path, Entries], tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes((output[0] / output[1][0]["file"]).read_bytes()[:-9])
    with pytest.raises(RunError, match=r"cut\.parquet: is not a whole Parquet file .*; write the shard anew$"):
        ParquetLayout().read_audio(tmp_path, output[1][0] | {"file": "cut.parquet"})


def test_groups_of_rows_are_bounded_by_rows_and_by_bytes(tmp_path: Path) -> None:
    """A group is held in memory: 100 rows, or 32 MB of audio and the row that is more."""
    writer = ParquetLayout().open_shard(tmp_path, "0", RATE_HZ, "wav")
    for number in range(201):
        writer.add(make_entry(number), make_audio(number))
    for number in range(201, 204):
        writer.add(make_entry(number), np.zeros(6 << 20, np.float32))
    [file] = writer.close()
    metadata = parquet.read_metadata(tmp_path / file)
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [100, 100, 4]
    writer = ParquetLayout().open_shard(tmp_path, "1", RATE_HZ, "wav")
    for number in range(4):
        writer.add(make_entry(number), np.zeros(6 << 20, np.float32))
    metadata = parquet.read_metadata(tmp_path / writer.close()[0])
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [3, 1]


def test_audio_is_not_compressed_again(output: tuple[Path, Entries]) -> None:
    group = parquet.read_metadata(output[0] / output[1][0]["file"]).row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    assert {column.path_in_schema for column in columns if column.compression != "ZSTD"} == {"audio.bytes"}


def test_an_empty_shard_is_a_file_without_rows(tmp_path: Path) -> None:
    [file] = ParquetLayout().open_shard(tmp_path, "0", RATE_HZ, "wav").close()
    assert parquet.read_table(io.BytesIO((tmp_path / file).read_bytes())).num_rows == 0


def test_absent_pyarrow_is_told(tmp_path: Path, without_package: Callable[[str], None]) -> None:
    without_package("pyarrow")
    with pytest.raises(RunError, match=r"^parquet: pyarrow, which writes it, is not installed: pip install .*corpus\]"):
        ParquetLayout().open_shard(tmp_path, "0", RATE_HZ, "wav")

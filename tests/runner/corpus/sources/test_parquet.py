"""Reading Parquet."""

from __future__ import annotations

import datetime as dt
import decimal
import logging
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from runner.corpus.sources.sources import Sources
from runner.errors import RunError
from runner.files.locate import install_command


def write(path: Path, columns: dict[str, object], **options: int) -> Path:
    parquet.write_table(pa.table(columns), path, **options)
    return path


def read(path: Path) -> list[object]:
    return [record.fault or dict(record.values) for record in Sources([str(path)])]


def test_values_become_those_of_json(tmp_path: Path) -> None:
    day = dt.datetime(2026, 1, 2, 3, 4, 5, 6)
    columns: dict[str, object] = {
        "text": pa.array(["a", None], pa.large_string()),
        "speed": pa.array([1.5, float("nan")]),
        "n": pa.array([1 << 60, -1]),
        "yes": [True, None],
        "voice": pa.array(["x", "x"]).dictionary_encode(),
        "day": pa.array([day.date(), None]),
        "time": pa.array([day, day], pa.timestamp("us")),
        "zone": pa.array([day, None], pa.timestamp("ms", "UTC")),
        "price": pa.array([decimal.Decimal("1.20"), None]),
        "words": [[{"text": "a", "end": 0.5}], []],
        "a.b": [1, 2],
    }
    first, second = read(write(tmp_path / "rows.parquet", columns))
    assert first == {
        "text": "a",
        "speed": 1.5,
        "n": 1 << 60,
        "yes": True,
        "voice": "x",
        "day": "2026-01-02",
        "time": "2026-01-02T03:04:05.000006",
        "zone": "2026-01-02T03:04:05+00:00",
        "price": "1.20",
        "words": [{"text": "a", "end": 0.5}],
        "a.b": 1,
    }
    assert isinstance(second, dict)
    assert (second["text"], second["speed"], second["yes"], second["words"]) == (None, None, None, [])


def test_rows_are_numbered_from_one_across_groups_and_batches(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", {"n": list(range(5000))}, row_group_size=1700)
    found = list(Sources([str(path)]))
    assert [record.origin for record in found] == [f"{path}:{number}" for number in range(1, 5001)]
    assert [record.values["n"] for record in found] == list(range(5000))


def test_a_bad_value_is_a_fault_of_its_row(tmp_path: Path) -> None:
    texts = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a", b"\xfc", b"c"]).buffers())
    snr = [1.0, 2.0, float("inf")]
    assert read(write(tmp_path / "rows.parquet", {"text": texts, "snr": snr})) == [
        {"text": "a", "snr": 1.0},
        "the column 'text' cannot be read: 'utf-8' codec can't decode byte 0xfc in position 0: invalid start byte",
        "the column 'snr' is inf, which JSON has no number for; leave it out",
    ]


def test_columns_of_bytes_are_left_out_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    audio = pa.array([{"bytes": b"RIFF", "path": "a.wav"}])
    for name in ("a", "b"):
        write(tmp_path / f"{name}.parquet", {"text": ["a"], "audio": audio, "raw": [[b"x"]], "fixed": pa.array([b"x"])})
    with caplog.at_level(logging.WARNING, "kokoro_run"):
        found = list(Sources([str(tmp_path / "*.parquet")]))
    assert [record.values for record in found] == [{"text": "a"}, {"text": "a"}]
    fact = "the column '{}' holds bytes, which are not carried over; it is left out, here and in the files that follow"
    names = ("audio", "raw", "fixed")
    assert caplog.messages == [f"{tmp_path / 'a.parquet'}: {fact.format(name)}" for name in names]


def test_a_file_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", {"text": ["a" * 1000]})
    data = path.read_bytes()
    for bad in (data[:-20], b"no parquet file", b""):
        path.write_bytes(bad)
        with pytest.raises(RunError, match=rf"^{path}: cannot be read as Parquet: .*Parquet"):
            read(path)
    parquet.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["x", "x"]), path)
    with pytest.raises(RunError, match=r"has the column 'x' more than once; rename one"):
        read(path)


def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    texts = [f"{number:09} " * 20 for number in range(100_000)]
    path = write(tmp_path / "rows.parquet", {"text": texts, "audio": [text.encode() for text in texts]})
    assert parquet.ParquetFile(path).num_row_groups == 1
    del texts
    before, most, count = pa.total_allocated_bytes(), 0, 0
    for count, _ in enumerate(Sources([str(path)]), 1):
        if count % 500 == 0:
            most = max(most, pa.total_allocated_bytes() - before)
    assert count == 100_000
    assert most < 8 << 20, most  # of 20 MB of texts


def test_without_pyarrow_the_install_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "rows.parquet", {"text": ["a"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RunError) as error:
        read(path)
    fact = "a Parquet file, and the package pyarrow, which reads it, is not installed"
    assert str(error.value) == f"{path}: {fact}: {install_command('corpus')}"

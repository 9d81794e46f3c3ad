"""Files of the whole: written in one step, in bounded memory, and told where they cannot be written."""

from __future__ import annotations

import functools
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.corpus.layouts.layouts import LAYOUTS
from runner.corpus.layouts.writing import encode_json, write_whole
from runner.errors import RunError
from tests.runner.corpus.layouts.rows import RATE_HZ, hash_files, list_files, make_audio, make_entry
from tests.systems import needs_full_device

FULL = Path("/dev/full")
WHOLES = {"ljspeech": "metadata.csv", "nemo": "manifest.json", "folder": "metadata.jsonl"}


def give_entries(rows: int) -> Iterator[dict[str, Any]]:
    for number in range(rows):
        yield make_entry(number % 1000) | {"id": f"{number:08}", "file": f"audio/{number:08}.wav"}


@pytest.mark.parametrize("name", WHOLES)
def test_finish_takes_no_more_memory_for_more_rows(name: str, tmp_path: Path) -> None:
    LAYOUTS[name].finish(tmp_path, lambda: give_entries(10))
    peaks = []
    for rows in (500, 5_000):
        tracemalloc.start()
        LAYOUTS[name].finish(tmp_path, functools.partial(give_entries, rows))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / WHOLES[name]).read_bytes().count(b"\n") == 5_000
    assert peaks[1] < peaks[0] + 100_000 < 2_000_000


@pytest.mark.parametrize("name", WHOLES)
def test_interrupted_finish_leaves_the_old_file(name: str, tmp_path: Path) -> None:
    LAYOUTS[name].finish(tmp_path, lambda: give_entries(10))
    before = {path: path.read_bytes() for path in list_files(tmp_path)}

    def interrupted() -> Iterator[dict[str, Any]]:
        yield from give_entries(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LAYOUTS[name].finish(tmp_path, interrupted)
    assert {path: path.read_bytes() for path in list_files(tmp_path)} == before


@pytest.mark.parametrize("name", WHOLES)
def test_leftover_of_a_killed_run_is_overwritten(name: str, tmp_path: Path) -> None:
    left = tmp_path / f".{WHOLES[name]}.tmp"
    left.write_bytes(b"half a line")
    LAYOUTS[name].finish(tmp_path, lambda: give_entries(10))
    assert not left.exists()
    assert (tmp_path / WHOLES[name]).read_bytes().count(b"\n") == 10


@needs_full_device
@pytest.mark.parametrize("name", WHOLES)
def test_full_disk_leaves_the_old_file_and_is_told(name: str, tmp_path: Path) -> None:
    LAYOUTS[name].finish(tmp_path, lambda: give_entries(10))
    old = (tmp_path / WHOLES[name]).read_bytes()
    (tmp_path / f".{WHOLES[name]}.tmp").symlink_to(FULL)
    with pytest.raises(RunError, match=rf"{WHOLES[name]}: cannot be written: No space left on device$"):
        LAYOUTS[name].finish(tmp_path, lambda: give_entries(3_000))
    assert (tmp_path / WHOLES[name]).read_bytes() == old
    assert FULL.exists()


@needs_full_device
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ljspeech", "wavs/first.wav"),
        ("nemo", "audio/0/first.wav"),
        ("folder", "audio/0/first.wav"),
        ("webdataset", "shards/0.tar"),
        ("parquet", "data/train-0.parquet"),
    ],
)
def test_full_disk_under_a_shard_is_told(name: str, file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.symlink_to(FULL)

    def write() -> None:
        writer = LAYOUTS[name].open_shard(tmp_path, "0", RATE_HZ, "wav")
        for number in range(200):
            writer.add(make_entry(number), make_audio(number))
        writer.close()

    with pytest.raises(RunError, match=rf"{path}: cannot be written: .*No space left on device"):
        write()


@pytest.mark.parametrize("name", LAYOUTS)
def test_folder_that_cannot_be_written_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match=r"/file/.*: cannot be written: Not a directory$"):
        LAYOUTS[name].open_shard(tmp_path / "file", "0", RATE_HZ, "wav")


@pytest.mark.parametrize("name", LAYOUTS)
def test_writer_may_be_left_and_its_leftover_is_written_over(name: str, tmp_path: Path) -> None:
    """An interrupt leaves it so; nothing is open then, and nothing is written when it goes."""
    left = LAYOUTS[name].open_shard(tmp_path, "0", RATE_HZ, "wav")
    for number in range(150):
        left.add(make_entry(number), make_audio(number))
    before = hash_files(tmp_path)
    del left
    assert hash_files(tmp_path) == before
    writer = LAYOUTS[name].open_shard(tmp_path, "0", RATE_HZ, "wav")
    writer.add(make_entry(0), make_audio(0))
    files = writer.close()
    (tmp_path / "fresh").mkdir()
    fresh = LAYOUTS[name].open_shard(tmp_path / "fresh", "0", RATE_HZ, "wav")
    fresh.add(make_entry(0), make_audio(0))
    assert fresh.close() == files
    assert [(tmp_path / "fresh" / file).read_bytes() == (tmp_path / file).read_bytes() for file in files] == [True]


def test_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_whole(path, [b"a", b"b"])
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"ab", 0o640)


def test_json_has_no_line_break_in_it_and_says_what_was_meant() -> None:
    value = {"text": "a\nb\rc\x85d\u2028e\u2029f 日本 \ud800 \x0b\x1c"}
    line = encode_json(value)
    assert len(line.decode().splitlines()) == 1
    assert "日本" in line.decode()
    assert json.loads(line) == value


def test_number_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json({"speed": float("nan")})


@pytest.mark.parametrize("name", ["parquet", "webdataset", "folder"])
def test_changed_card_is_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    LAYOUTS[name].finish(tmp_path, lambda: iter(()))
    assert (tmp_path / "README.md").read_text() == "mine"

"""A cache that is killed, shared, full, read-only or damaged gives no wrong result and no traceback. At worst a stage
runs again, with a warning if something was lost."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runner.cache import keys
from runner.cache.cache import Cache, Entry
from tests.conftest import ROOT
from tests.runner.cache_faults import classify, components_of, outputs_of, put
from tests.runner.conftest import Show

NOBODY = 65534
SMALL = {"en": np.arange(24, dtype=np.float32).reshape(1, 24)}
KEY = keys.key(components_of(0))
REGION = 64  # bytes


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Run the block as a user who may not write everywhere; root may."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that every user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def faults(task: str, root: Path, count: int) -> Counter[str]:
    """Run a program of `cache_faults`; gives the counts that it prints, and nothing else may be printed."""
    root.mkdir()
    command = [sys.executable, "-W", "error", "-m", "tests.runner.cache_faults", task, str(root), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    return Counter(json.loads(done.stdout))


def tensor_file(cache: Cache, entry: Entry, port: str = "en") -> Path:
    digest = entry.outputs[port].digest
    return cache.root / "tensors" / digest[:2] / f"{digest}.npy"


def record_file(cache: Cache, entry: Entry) -> Path:
    return cache.root / "records" / f"{entry.key}.json"


def put_small(cache: Cache) -> Entry:
    return cache.store(KEY, components_of(0), SMALL, 0.1)


def test_killed_writers_leave_nothing_wrong(tmp_path: Path, full: bool, show: Show) -> None:
    found = faults("kill", tmp_path / "cache", 1000 if full else 50)
    show("writers killed", found)
    assert found["wrong"] == 0
    assert found["damaged"] == 0
    assert found["right"] > 0


def test_processes_that_share_a_cache_find_nothing_wrong(tmp_path: Path, full: bool, show: Show) -> None:
    found = faults("share", tmp_path / "cache", 1000 if full else 40)
    show("processes sharing a cache", found)
    assert found["wrong"] == found["failed"] == found["damaged"] == 0
    assert found["right"] > 0
    assert found["evicted"] > 0


def damages(size: int, full: bool) -> Iterator[tuple[str, int]]:
    """List all damages of a file of `size` bytes: each byte altered (one of each region of a large file), the file cut
    at each byte, or made longer."""
    step = 1 if size < 1024 or full else REGION
    for at in range(0, size, step):
        yield "altered", at
        yield "cut", at
    yield "longer", size


def damaged(whole: bytes, what: str, at: int) -> bytes:
    if what == "altered":
        return whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
    return whole[:at] if what == "cut" else whole + b"\0"


@pytest.mark.parametrize("port", ["frame_count", "asr"])
def test_a_damaged_array_is_found_removed_and_reported(
    cache: Cache, port: str, full: bool, caplog: pytest.LogCaptureFixture, show: Show
) -> None:
    entry = put(cache, 0)
    path = tensor_file(cache, entry, port)
    whole, before = path.read_bytes(), path.stat()
    counts: Counter[str] = Counter()
    for what, at in damages(len(whole), full):
        path.write_bytes(damaged(whole, what, at))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        caplog.clear()
        assert cache.load(entry, port) is None
        assert not path.exists()
        assert caplog.messages[0].startswith(f"cache: {path} is damaged: ")
        assert caplog.messages[0].endswith("; removed, and align runs again")
        path.write_bytes(whole)
        counts[what] += 1
    show(f"damages of an array's file of {len(whole)} bytes, all found", counts)
    assert classify(cache, 0) == "right"


def test_a_damaged_record_is_found_removed_and_reported(
    cache: Cache, caplog: pytest.LogCaptureFixture, show: Show
) -> None:
    entry = put_small(cache)
    path = record_file(cache, entry)
    whole = path.read_bytes()
    counts: Counter[str] = Counter()
    for what, at in damages(len(whole), full=True):
        path.write_bytes(damaged(whole, what, at))
        caplog.clear()
        found = cache.lookup(KEY)
        assert found in (None, entry), "a space for another changes nothing"
        if found is None:
            assert not path.exists()
            assert caplog.messages[0].startswith(f"cache: {path} is damaged: ")
        counts[f"{what}, {'lost' if found is None else 'whole'}"] += 1
    show(f"damages of a record of {len(whole)} bytes", counts)
    assert counts["altered, whole"] + counts["cut, whole"] < 30


def test_a_damaged_array_is_healed_by_storing_it_again(cache: Cache) -> None:
    entry = put_small(cache)
    path = tensor_file(cache, entry)
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))  # as after a loss of power
    assert cache.load(entry, "en") is None
    assert cache.load(put_small(cache), "en") is not None
    path.write_bytes(whole[:100])
    assert cache.load(put_small(cache), "en") is not None, "its size shows that it is not the array"


def test_verify_removes_what_is_damaged_and_nothing_else(cache: Cache) -> None:
    entries = [put(cache, number) for number in range(4)]
    torn = [tensor_file(cache, entries[1], "asr"), record_file(cache, entries[2])]
    for path in torn:
        path.write_bytes(path.read_bytes()[:-3])
    checked = cache.verify()
    assert [path for path, _ in checked.damaged] == torn
    assert (checked.tensors, checked.records) == (12, 4)
    assert [classify(cache, number) for number in range(4)] == ["right", "gone", "unknown", "right"]
    assert cache.verify().damaged == []


def test_verify_removes_a_damaged_file_at_once(cache: Cache) -> None:
    path = tensor_file(cache, put_small(cache))
    path.write_bytes(b"")
    assert [found for found, _ in cache.verify().damaged] == [path]
    assert not path.exists()


def test_an_array_that_becomes_shorter_while_it_is_mapped_is_not_used(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def shorter(*_: object, **__: object) -> None:
        raise ValueError("mmap length is greater than file size")

    entry = put_small(cache)
    monkeypatch.setattr(np, "memmap", shorter)
    assert cache.load(entry, "en") is None
    assert "mmap length is greater than file size" in caplog.messages[0]


def test_an_array_under_another_ones_name_is_not_taken_for_it(cache: Cache) -> None:
    first, second = put(cache, 0), put(cache, 1)
    shutil.copyfile(tensor_file(cache, first), tensor_file(cache, second))
    shutil.copyfile(record_file(cache, first), record_file(cache, second))
    assert classify(cache, 0) == "right"
    assert cache.load(second, "en") is None
    assert cache.lookup(second.key) is None


@pytest.mark.parametrize("place", ["array", "record", "array's folder", "records"])
def test_a_folder_in_the_place_of_a_file_is_reported_and_harmless(
    cache: Cache, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    entry = put_small(cache)
    path = {
        "array": tensor_file(cache, entry),
        "record": record_file(cache, entry),
        "array's folder": tensor_file(cache, entry).parent,
        "records": cache.root / "records",
    }[place]
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if place in ("array", "record"):
        path.mkdir()
    else:
        path.write_text("")
    again = Cache(cache.root)
    found = again.lookup(KEY)
    assert found is None or again.load(found, "en") is None
    assert put_small(again).outputs == entry.outputs
    again.evict({KEY})
    again.verify()
    assert any("cannot be" in message for message in caplog.messages)


def assert_full(root: Path, caplog: pytest.LogCaptureFixture, reason: int) -> None:
    """Fill a cache that has no room for 100 entries, and check what it reports and keeps."""
    cache = Cache(root)
    for number in range(100):
        entry = put(cache, number)
        assert set(entry.outputs) == set(outputs_of(number)), "the run has what it computed"
        cache.evict({entry.key})
    assert caplog.messages == [
        f"cache {root} is full ({os.strerror(reason)}): further results of this run are not kept",
    ]
    states = Counter(classify(cache, number) for number in range(100))
    assert states["right"] > 0
    assert states["unknown"] > 0
    assert states["wrong"] == states["gone"] == 0
    assert list(root.rglob("*.tmp")) == []
    assert cache.verify().damaged == []


def test_a_full_disk_is_reported_once_and_leaves_no_part_of_a_file(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert_full(small_disk / "cache", caplog, errno.ENOSPC)


def test_a_full_disk_takes_results_again_after_an_eviction(small_disk: Path) -> None:
    root = small_disk / "cache"
    for number in range(100):
        put(Cache(root), number)
    assert classify(Cache(root), 99) == "unknown"
    Cache(root, max_bytes=200_000).evict(now=True)
    put(Cache(root), 99)
    assert classify(Cache(root), 99) == "right"


def test_a_file_that_may_not_grow_is_reported_once_and_leaves_no_part_of_a_file(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    """A quota, without the right to mount a disk: the largest of the three arrays does not fit."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        entry = put(cache, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert entry.outputs.keys() == outputs_of(0).keys()
    assert [message.partition(" (")[0] for message in caplog.messages] == [f"cache {cache.root} is full"]
    assert classify(cache, 0) == "unknown"
    assert list(cache.root.rglob("*.tmp")) == []


def test_a_read_only_cache_is_read_and_reported_once(open_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = open_folder / "cache"
    known = put(Cache(root), 0)
    for folder in [path for path in (root, *root.rglob("*")) if path.is_dir()]:
        folder.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    with unprivileged():
        cache = Cache(root, max_bytes=0)
        assert classify(cache, 0) == "right"
        cache.evict({known.key})
        assert caplog.messages == []
        for number in (1, 2, 3):
            assert put(cache, number).outputs.keys() == outputs_of(number).keys()
        cache.evict(now=True)
        assert classify(cache, 0) == "right"
    assert caplog.messages == [
        f"cache {root} cannot be written (Permission denied): further results of this run are not kept",
    ]
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    for folder in [path for path in (root, *root.rglob("*")) if path.is_dir()]:
        folder.chmod(0o755)


def test_a_damaged_array_of_a_read_only_cache_is_not_used(open_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = open_folder / "cache"
    entry = put_small(Cache(root))
    path = tensor_file(Cache(root), entry)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    for folder in (root, path.parent):
        folder.chmod(0o555)
    with unprivileged():
        assert Cache(root).load(entry, "en") is None
    assert caplog.messages[0].endswith("its content is not what was written; not used, and align runs again")
    path.parent.chmod(0o755)


def test_a_cache_that_may_not_be_read_is_reported_once(open_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = open_folder / "cache"
    put(Cache(root), 0)
    root.chmod(0)
    with unprivileged():
        cache = Cache(root)
        assert [classify(cache, number) for number in range(3)] == ["unknown"] * 3
        put(cache, 0)
        cache.evict({KEY})
    assert [message.partition(" (")[0] for message in caplog.messages] == [
        f"cache {root} cannot be read",
        f"cache {root} cannot be written",
    ]


def test_a_folder_that_is_a_file_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "file"
    root.write_text("not a folder")
    cache = Cache(root)
    for number in range(3):
        assert classify(cache, number) == "unknown"
        put(cache, number)
    cache.evict({KEY}, now=True)
    assert len(caplog.messages) == 2
    assert root.read_text() == "not a folder"


def test_warnings_of_the_cache_differ_from_logs_of_other_packages(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    entry = put_small(cache)
    tensor_file(cache, entry).write_bytes(b"")
    cache.load(entry, "en")
    assert [(record.name, record.levelno) for record in caplog.records] == [("kokoro_run", logging.WARNING)]

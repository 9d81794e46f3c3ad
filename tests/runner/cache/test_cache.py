"""The cache: stored arrays come back, those used last stay, and entries keep the digests of removed ones."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.cache import keys
from runner.cache.cache import MAX_AGE_S, Cache, Entry, default_root
from runner.cache.digest import array_digest
from runner.cache.eviction import Limits, Removal, Usage
from runner.cache.tensors import TensorStore, header
from runner.errors import RunError
from runner.runtime.values import Array
from tests.systems import count_open_files

Outputs = dict[str, Array]

KIB = np.zeros(1024 - 128, np.uint8)  # with its header
ARRAYS: Outputs = {
    "samples": np.linspace(-1, 1, 2400, dtype=np.float32),
    "d_en": np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4),
    "transposed": np.arange(12, dtype=np.int64).reshape(3, 4).T,
    "strided": np.arange(12, dtype=np.float64)[::3],
    "mask": np.array([[True, False]]),
    "seed": np.array(-3, np.int64),
    "flag": np.array(True),
    "empty": np.zeros((1, 0, 5), np.float32),
    "half": np.array([0.5, -0.0], np.float16),
    "not_a_number": np.array([np.nan, np.inf], np.float32),
}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def components(stage: str = "align", **given: Any) -> dict[str, Any]:
    return {"format": 1, "stage": stage, "code": {"stages/align.py": "0"}, "params": {}, "inputs": {}, **given}


def put(cache: Cache, outputs: Outputs, stage: str = "align", **given: Any) -> Entry:
    made = components(stage, **given)
    return cache.store(keys.key(made), made, outputs, 0.25)


def fill(cache: Cache, count: int) -> list[Entry]:
    """Store entries of 1 KiB each, whose arrays were last used an hour ago, a minute apart."""
    entries = []
    for at in range(count):
        entry = put(cache, {"en": KIB + np.uint8(at + 1)}, params={"at": at})
        used = time.time() - 3600 + 60 * at
        os.utime(tensor_file(cache, entry, "en"), (used, used))
        entries.append(entry)
    return entries


def tensor_file(cache: Cache, entry: Entry, port: str) -> Path:
    digest = entry.outputs[port].digest
    return cache.root / "tensors" / digest[:2] / f"{digest}.npy"


def kept(cache: Cache, entries: list[Entry]) -> list[bool]:
    return [cache.present(entry, "en") for entry in entries]


def assert_same(found: Array | None, expected: Array) -> None:
    assert found is not None
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("port", ARRAYS)
def test_an_array_comes_back_as_it_was(cache: Cache, port: str) -> None:
    entry = put(cache, {port: ARRAYS[port]})
    assert_same(cache.load(entry, port), ARRAYS[port])


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(0, 5), max_size=4),
    dtype=st.sampled_from(["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]),
)
def test_a_file_is_the_one_that_numpy_writes(shape: list[int], dtype: str) -> None:
    array: Array = np.zeros(shape, dtype)
    saved = io.BytesIO()
    np.save(saved, array, allow_pickle=False)
    assert header(array.dtype, array.shape) + array.tobytes() == saved.getvalue()


def test_bfloat16_comes_back_as_it_was(cache: Cache) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="comes with TVM")
    array: Array = np.array([0.5, -3], ml_dtypes.bfloat16)
    entry = put(cache, {"en": array})
    assert_same(cache.load(entry, "en"), array)
    assert entry.outputs["en"].dtype == "bfloat16"


def test_an_array_of_another_byte_order_comes_back_in_ours(cache: Cache) -> None:
    entry = put(cache, {"en": np.array([1, 2], ">f4")})
    assert_same(cache.load(entry, "en"), np.array([1, 2], np.float32))


def test_an_entry_says_what_is_known_of_it(cache: Cache) -> None:
    made = components(params={"speed": 1.2})
    stored = cache.store(keys.key(made), made, {"en": ARRAYS["d_en"], "mask": ARRAYS["mask"]}, 0.25)
    found = cache.lookup(keys.key(made))
    assert found == stored
    assert found.components == made
    assert found.stage == "align"
    assert found.seconds == 0.25
    assert abs(found.created - time.time()) < 60
    assert list(found.outputs) == ["en", "mask"]
    output = found.outputs["en"]
    assert (output.dtype, output.shape, output.bytes) == ("float32", (2, 3, 4), 96)
    assert output.digest == array_digest(ARRAYS["d_en"])


def test_what_was_never_stored_is_not_found(cache: Cache) -> None:
    put(cache, {"en": KIB})
    assert cache.lookup(keys.key(components(params={"speed": 2.0}))) is None
    assert cache.lookup(keys.key(components("decoder"))) is None


def test_looking_into_a_cache_makes_none(cache: Cache) -> None:
    key = keys.key(components())
    assert cache.lookup(key) is None
    assert cache.nearest(components()) is None
    assert not cache.has_entries("align")
    assert cache.evict([key]) == Removal(tensors=0, bytes=0, records=0)
    assert not cache.root.exists()


def test_a_key_that_is_none_is_refused(cache: Cache) -> None:
    with pytest.raises(ValueError, match=r"'\.\./\.\./etc/passwd' is no key of a stage"):
        cache.lookup("../../etc/passwd")


def test_one_array_is_kept_once(cache: Cache) -> None:
    entries = [put(cache, {"en": KIB, "asr": KIB.copy()}, stage) for stage in ("align", "trim")]
    assert cache.tensor_bytes() == (1, 1024)
    assert_same(cache.load(entries[1], "asr"), KIB)


def test_a_loaded_array_can_be_written_to_and_stays_as_it_was_kept(cache: Cache) -> None:
    entry = put(cache, {"en": ARRAYS["samples"]})
    first = cache.load(entry, "en")
    assert first is not None
    assert first.flags.writeable
    assert first.flags.c_contiguous
    assert first.ctypes.data % 64 == 0
    first[:] = 0
    assert_same(cache.load(entry, "en"), ARRAYS["samples"])


def test_a_loaded_array_outlives_its_file(cache: Cache) -> None:
    entry = put(cache, {"en": ARRAYS["samples"]})
    found = cache.load(entry, "en")
    cache.clear()
    assert_same(found, ARRAYS["samples"])


def test_a_stage_that_ran_again_replaces_its_entry(cache: Cache) -> None:
    put(cache, {"en": KIB})
    entry = put(cache, {"en": KIB + np.uint8(1)})
    assert cache.lookup(entry.key) == entry
    assert (cache.has_entries("align"), cache.has_entries("decoder")) == (True, False)
    assert len(list(cache.entries())) == 1


def test_nearest_is_the_entry_with_the_fewest_changes(cache: Cache) -> None:
    put(cache, {"en": KIB}, params={"speed": 1.0, "seed": 0}, inputs={"d": "1", "t_en": "1"})
    wanted = put(cache, {"en": KIB}, params={"speed": 1.0, "seed": 7}, inputs={"d": "2", "t_en": "2"})
    put(cache, {"en": KIB}, "decoder", params={"speed": 1.2, "seed": 7}, inputs={"d": "2", "t_en": "2"})
    asked = components(params={"speed": 1.2, "seed": 7}, inputs={"d": "2", "t_en": "2"})
    found = cache.nearest(asked)
    assert found == wanted
    assert keys.describe_difference(found.components, asked) == "params.speed 1.0 -> 1.2"


def test_nearest_of_equals_is_the_one_used_last(cache: Cache) -> None:
    first, second = (put(cache, {"en": KIB}, params={"speed": speed}) for speed in (1.0, 2.0))
    for entry, used in ((first, 2e9), (second, 1e9)):
        os.utime(cache.root / "records" / f"{entry.key}.json", (used, used))
    assert cache.nearest(components(params={"speed": 3.0})) == first


def test_eviction_within_the_limits_removes_nothing(cache: Cache) -> None:
    entries = fill(cache, 3)
    assert cache.evict(now=True).tensors == 0
    assert kept(cache, entries) == [True] * 3


def test_eviction_removes_what_was_unused_longest(cache: Cache) -> None:
    entries = fill(cache, 4)
    evicted = Cache(cache.root, max_bytes=2 * 1024).evict(now=True)
    assert (evicted.tensors, evicted.bytes) == (2, 2 * 1024)
    assert kept(cache, entries) == [False, False, True, True]


def test_eviction_removes_what_is_too_old(cache: Cache) -> None:
    entries = fill(cache, 4)
    Cache(cache.root, max_age_s=3600 - 60 * 1.5).evict(now=True)
    assert kept(cache, entries) == [False, False, True, True]


def test_eviction_spares_what_the_run_used_whatever_the_limits(cache: Cache) -> None:
    entries = fill(cache, 4)
    Cache(cache.root, max_bytes=0, max_age_s=0).evict({entries[0].key, entries[2].key})
    assert kept(cache, entries) == [True, False, True, False]


def test_what_a_run_used_counts_as_used_now(cache: Cache) -> None:
    entries = fill(cache, 3)
    cache.evict({entries[0].key})
    Cache(cache.root, max_bytes=1024).evict(now=True)
    assert kept(cache, entries) == [True, False, False]


def test_the_entry_that_a_run_used_is_the_one_used_last(cache: Cache) -> None:
    entries = fill(cache, 3)
    for at, entry in enumerate(entries):
        os.utime(cache.root / "records" / f"{entry.key}.json", (1e9 + at, 1e9 + at))
    cache.evict({entries[0].key})
    assert [entry for _, entry in cache.entries()] == [entries[0], entries[2], entries[1]]


def test_an_evicted_result_is_known_but_gone(cache: Cache) -> None:
    entry = put(cache, {"en": KIB})
    Cache(cache.root, max_bytes=0).evict(now=True)
    assert cache.lookup(entry.key) == entry
    assert not cache.present(entry, "en")
    assert cache.load(entry, "en") is None
    assert_same(cache.load(put(cache, {"en": KIB}), "en"), KIB)


def test_the_end_of_a_run_keeps_the_size_limit(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=64 * 1024)
    for at in range(100):
        entry = put(cache, {"en": np.full(8192, at, np.uint8)}, params={"at": at})
        cache.evict({entry.key})
        assert cache.tensor_bytes()[1] <= 64 * 1024
        assert cache.present(entry, "en")


def test_the_end_of_a_run_looks_at_the_files_only_when_they_may_be_too_many(cache: Cache) -> None:
    entries = fill(cache, 2)
    cache.evict()  # has never looked: does, and finds nothing to remove
    used = time.time() - 2 * MAX_AGE_S
    os.utime(tensor_file(cache, entries[0], "en"), (used, used))
    assert cache.evict().tensors == 0, "it has just looked"
    assert cache.evict(now=True).tensors == 1


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\0" * 200, b"1e999".ljust(24)])
def test_a_damaged_estimate_of_the_size_costs_a_look(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=1024)
    entries = fill(cache, 3)
    (cache.root / "usage").write_bytes(damage)
    cache.evict()
    assert sum(kept(cache, entries)) <= 1


def test_eviction_removes_what_a_killed_writer_left(cache: Cache) -> None:
    entry = put(cache, {"en": KIB})
    old, new = (tensor_file(cache, entry, "en").with_name(f".{name}.npy.1-2.tmp") for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    cache.evict(now=True)
    assert not old.exists()
    assert new.exists(), "its writer may be alive"


def test_records_do_not_grow_without_end(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.cache.eviction.MAX_RECORDS", 3)
    entries = fill(cache, 5)
    for at, entry in enumerate(entries):
        os.utime(cache.root / "records" / f"{entry.key}.json", (1e9 + at, 1e9 + at))
    assert cache.evict(now=True).records == 2
    assert [cache.lookup(entry.key) is not None for entry in entries] == [False, False, True, True, True]


def test_clear_removes_results_and_nothing_else(cache: Cache) -> None:
    put(cache, {"en": KIB})
    others = [cache.root / "runs" / "1.json", cache.root / "notes.txt", cache.root / "tensors" / "ab" / "mine.npy"]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    gone = cache.clear()
    assert (gone.tensors, gone.records) == (1, 1)
    assert all(path.exists() for path in others)
    assert list(cache.entries()) == []


def test_an_entry_that_is_forgotten_leaves_the_others(cache: Cache) -> None:
    first, second = fill(cache, 2)
    cache.forget(first)
    assert cache.lookup(first.key) is None
    assert cache.lookup(second.key) == second


def test_clear_forgets_how_much_there_was(cache: Cache) -> None:
    fill(cache, 2)
    cache.evict()
    cache.clear()
    assert not (cache.root / "usage").exists()


def test_the_limits_are_those_that_the_docs_name(cache: Cache) -> None:
    assert cache.limits == Limits(bytes=2_147_483_648, age_s=2_592_000.0)


def test_the_end_of_a_run_saves_the_digests_of_files(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.cache.digest._FRESH_NS", 0)
    (tmp_path / "library.so").write_bytes(b"abc")
    put(cache, {"en": KIB})
    digest = cache.memo.file(tmp_path / "library.so")
    cache.evict()
    assert digest in (cache.root / "files.json").read_text("utf-8")


def test_files_of_a_cache_are_no_programs(cache: Cache) -> None:
    put(cache, {"en": KIB})
    files = [path for path in cache.root.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert [path for path in files if path.stat().st_mode & 0o111] == []


def test_an_array_is_written_once_and_marked_as_used_while_it_is_there(tmp_path: Path) -> None:
    store, digest = TensorStore(tmp_path), array_digest(KIB)
    assert not store.touch(digest)
    assert store.write(KIB, digest) == 1024
    assert store.write(KIB, digest) == 0
    assert store.touch(digest)


def test_counting_leaves_no_file_open(tmp_path: Path) -> None:
    before = count_open_files()
    for _ in range(10):
        Usage(tmp_path).add(1)
    assert count_open_files() == before


@pytest.mark.parametrize(("size", "exceeds"), [(0, False), (8191, False), (8192, False), (8193, True)])
def test_an_estimate_counts_every_4_kib_that_is_begun(tmp_path: Path, size: int, exceeds: bool) -> None:
    usage = Usage(tmp_path)
    usage.set(0)
    usage.add(size)
    assert usage.may_exceed(Limits(8192, 3600.0)) == exceeds
    usage.set(size)
    assert usage.may_exceed(Limits(8192, 3600.0)) == exceeds


def test_the_folder_can_be_given_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOKORO_RUN_CACHE", "/somewhere")
    assert default_root() == Path("/somewhere")
    monkeypatch.delenv("KOKORO_RUN_CACHE")
    assert default_root().name == "stages"


def test_home_folder_in_the_environment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("KOKORO_RUN_CACHE", "~/x")
    assert default_root() == Path("/home/somebody/x")
    monkeypatch.setenv("KOKORO_RUN_CACHE", "~no-such-user/x")
    with pytest.raises(RunError, match=r"KOKORO_RUN_CACHE=~no-such-user/x: there is no such home folder"):
        default_root()

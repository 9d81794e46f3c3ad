"""Results that are sent to a store and taken from it: only what is missing, only what is whole, within the limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from runner.build.build import build
from runner.build.staleness import stale
from runner.cache import keys, sharing
from runner.cache.cache import Cache, Entry
from runner.cache.digest import value_digest
from runner.cache.exchange import ARRAY, GONE, RECORD, Exchange, Tally
from runner.cache.sharing import Choice, pull_results, push_results
from runner.cache.tensors import TensorStore
from runner.cli.exchange_display import SilentDisplay
from runner.errors import RunError
from runner.files.stores import FolderStore, ObjectStore, open_store
from runner.runtime.values import Array
from tests.conftest import ROOT
from tests.runner import killed_sharing, small_model
from tests.runner.cache_faults import classify, put

ALL = Choice()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model, which no test changes."""
    return small_model.write(tmp_path_factory.mktemp("model"), small_model.weights()).parent


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A build root with the model's library, which no test changes."""
    root = tmp_path_factory.mktemp("built")
    build(small_model.load(model), root)
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache of three entries, of three arrays each."""
    cache = Cache(tmp_path / "cache")
    for number in range(3):
        put(cache, number)
    return cache


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty place of each kind."""
    urls = {"folder": f"{tmp_path}/store", "file": f"file://{tmp_path}/store", "memory": f"memory://{uuid.uuid4()}"}
    return open_store(urls[request.param])


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def push(cache: Cache, store: ObjectStore, choice: Choice = ALL, *, dry_run: bool = False) -> Tally:
    exchange = Exchange(SilentDisplay(), dry_run=dry_run)
    push_results(cache, store, exchange, choice)
    return exchange.tally


def pull(
    cache: Cache,
    store: ObjectStore,
    choice: Choice = ALL,
    unusable: dict[str, str] | None = None,
    *,
    dry_run: bool = False,
) -> Tally:
    exchange = Exchange(SilentDisplay(), dry_run=dry_run)
    pull_results(cache, store, exchange, choice, unusable or {})
    return exchange.tally


def put_of(cache: Cache, stage: str, array: Array, **more: object) -> Entry:
    """Store an entry of one array."""
    made = {"format": 1, "stage": stage, "params": {}, "inputs": {}, **more}
    return cache.store(keys.key(made), made, {"y": array}, 0.1)


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_pulled_results_are_those_that_were_pushed(cache: Cache, store: ObjectStore, tmp_path: Path) -> None:
    sent = push(cache, store)
    assert sent == Tally({ARRAY: 9, RECORD: 3}, cache.tensor_bytes()[1])  # type: ignore[arg-type]
    there = Cache(tmp_path / "there")
    assert pull(there, store) == sent
    assert [classify(there, number) for number in range(4)] == ["right", "right", "right", "unknown"]
    assert (there.verify().damaged, there.tensor_bytes()) == ([], cache.tensor_bytes())


def test_what_is_there_is_not_moved_again(cache: Cache, store: ObjectStore, tmp_path: Path) -> None:
    push(cache, store)
    put(cache, 3)
    assert push(cache, store).moved == {ARRAY: 3, RECORD: 1}
    there = Cache(tmp_path / "there")
    put(there, 1)
    taken = pull(there, store)
    assert (taken.moved, taken.present) == ({ARRAY: 9, RECORD: 3}, {ARRAY: 3, RECORD: 1})
    for tally in (push(there, store), pull(there, store), pull(cache, store)):
        assert (tally.moved, tally.bytes, tally.present) == ({}, 0, {ARRAY: 12, RECORD: 4})


def test_every_dtype_and_shape_arrives(folder: FolderStore, tmp_path: Path) -> None:
    import ml_dtypes  # noqa: PLC0415 - gives NumPy the name bfloat16

    cache, there = Cache(tmp_path / "cache"), Cache(tmp_path / "there")
    arrays: list[Array] = [
        np.zeros(0, np.float32),
        np.zeros((3, 0), np.int64),
        np.array(True),
        np.array([1.5, -2.5], ml_dtypes.bfloat16),
        np.arange(5, dtype=np.uint8),
    ]
    made = {"format": 1, "stage": "align", "params": {}, "inputs": {}}
    ports = {f"p{at}": array for at, array in enumerate(arrays)}
    cache.store(keys.key(made), made, ports, 0.1)
    push(cache, folder)
    assert pull(there, folder).damaged == []
    entry = there.lookup(keys.key(made))
    assert entry is not None
    for port, array in ports.items():
        found = there.load(entry, port)
        assert found is not None
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_dry_run_counts_and_writes_nothing(cache: Cache, folder: FolderStore, tmp_path: Path) -> None:
    said = push(cache, folder, dry_run=True)
    assert not folder.root.exists()
    assert said == push(cache, folder)
    there = Cache(tmp_path / "there")
    said = pull(there, folder, dry_run=True)
    assert not there.root.exists()
    assert said == pull(there, folder)


def test_only_the_stages_and_the_ages_asked_for_are_moved(folder: FolderStore, tmp_path: Path) -> None:
    cache, there = Cache(tmp_path / "cache"), Cache(tmp_path / "there")
    old, new, other = (
        put_of(cache, stage, np.full(4, at, np.float32)) for at, stage in enumerate(("trim", "f0n", "align"))
    )
    an_hour_ago = time.time() - 3600
    os.utime(cache.root / "records" / f"{old.key}.json", (an_hour_ago, an_hour_ago))
    assert push(cache, folder, Choice(max_age_s=60)).moved == {ARRAY: 2, RECORD: 2}
    assert push(cache, folder, Choice(["trim"])).moved == {ARRAY: 1, RECORD: 1}
    assert pull(there, folder, Choice(["trim", "f0n"])).moved == {ARRAY: 2, RECORD: 2}
    assert [there.lookup(entry.key) is not None for entry in (old, new, other)] == [True, True, False]


@pytest.mark.parametrize("at", [0, 70, 500, -1])
def test_flipped_byte_of_an_array_is_found_named_and_not_taken(
    cache: Cache, folder: FolderStore, tmp_path: Path, at: int
) -> None:
    push(cache, folder)
    path = max((folder.root / "tensors").rglob("*.npy"), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    there = Cache(tmp_path / "there")
    tally = pull(there, folder)
    assert tally.moved == {ARRAY: 8, RECORD: 3}
    [fault] = tally.damaged
    assert fault.startswith(f"{folder.root}/tensors/{path.parent.name}/{path.name}: its ")
    assert not (there.root / "tensors" / path.parent.name / path.name).exists()
    assert there.verify().damaged == []


@pytest.mark.parametrize("at", [0, 30, 120, -3])
def test_flipped_byte_of_a_record_is_found_named_and_not_taken(
    cache: Cache, folder: FolderStore, tmp_path: Path, at: int
) -> None:
    push(cache, folder)
    path = next((folder.root / "records").rglob("*.json"))
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    there = Cache(tmp_path / "there")
    tally = pull(there, folder)
    assert tally.moved == {ARRAY: 6, RECORD: 2}
    assert [fault.partition(": ")[0] for fault in tally.damaged] == [str(path)]
    assert len(list(there.entries())) == 2


def test_half_of_an_object_is_not_taken_and_sent_again(cache: Cache, folder: FolderStore, tmp_path: Path) -> None:
    """Where a place shows an object before it is whole, a killed push may leave a part."""
    push(cache, folder)
    path = max((folder.root / "tensors").rglob("*.npy"), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:1000])
    assert "it has 1000 bytes, but its header needs" in pull(Cache(tmp_path / "there"), folder).damaged[0]
    assert push(cache, folder).moved == {ARRAY: 1}
    assert pull(Cache(tmp_path / "there"), folder).moved == {ARRAY: 1}


def test_record_under_the_key_of_another_is_not_taken(cache: Cache, folder: FolderStore, tmp_path: Path) -> None:
    """Its own digest is right, but a lookup would take it for the result of other inputs."""
    push(cache, folder)
    path = next((folder.root / "records").rglob("*.json"))
    fields = json.loads(path.read_bytes())
    del fields["sha256"]
    fields["components"]["params"] = {"number": 77}
    path.write_text(json.dumps({**fields, "sha256": value_digest(fields)}))
    tally = pull(Cache(tmp_path / "there"), folder)
    assert tally.damaged == [f"{path}: its key is not the digest of its components"]


def test_damaged_file_is_named_and_not_sent(cache: Cache, folder: FolderStore) -> None:
    first, second = (entry for _, entry in list(cache.entries())[:2])
    record = cache.root / "records" / f"{first.key}.json"
    digest = second.outputs["en"].digest
    array = cache.root / "tensors" / digest[:2] / f"{digest}.npy"
    record.write_text("{")
    array.write_bytes(array.read_bytes()[:-1] + b"x")
    tally = push(cache, folder)
    assert tally.damaged == [f"{record}: it is no record", f"{array}: its content is not what was written"]
    assert tally.moved == {ARRAY: 5, RECORD: 2}
    assert record.exists()  # a push changes nothing here
    assert f"{digest}.npy" not in str(files_of(folder.root))


def test_arrays_that_were_evicted_are_counted_and_their_records_sent(
    cache: Cache, folder: FolderStore, tmp_path: Path
) -> None:
    Cache(cache.root, max_bytes=0).evict(now=True)
    tally = push(cache, folder)
    assert (tally.moved, tally.left_out) == ({RECORD: 3}, {(ARRAY, sharing.EVICTED): 9})
    there = Cache(tmp_path / "there")
    assert pull(there, folder).moved == {RECORD: 3}
    assert [classify(there, number) for number in range(3)] == ["gone"] * 3


def test_arrays_are_taken_up_to_the_limit_of_the_cache_the_newest_first(folder: FolderStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    entries = []
    for value in range(4):
        entries.append(put_of(cache, "trim", np.full(1000, value, np.float32), params={"n": value}))
        time.sleep(0.01)
    push(cache, folder)
    there = Cache(tmp_path / "there", max_bytes=9000)
    tally = pull(there, folder)
    assert (tally.moved, tally.left_out) == ({ARRAY: 2, RECORD: 4}, {(ARRAY, sharing.SIZE_LIMIT): 2})
    assert [there.present(entry, "y") for entry in entries] == [False, False, True, True]
    assert there.tensor_bytes()[1] <= 9000
    assert pull(there, folder).moved == {}


def test_what_is_here_is_not_evicted_for_what_is_pulled(cache: Cache, folder: FolderStore, tmp_path: Path) -> None:
    push(cache, folder)
    there = Cache(tmp_path / "there", max_bytes=40_000)
    mine = put_of(there, "trim", np.zeros(9000, np.float32))
    tally = pull(there, folder)
    assert sum(tally.moved.values()) - tally.moved[RECORD] + sum(tally.left_out.values()) == 9
    assert there.present(mine, "y")
    assert there.tensor_bytes()[1] <= 40_000


def test_records_are_taken_up_to_the_limit(
    cache: Cache, folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(cache, folder)
    monkeypatch.setattr(sharing, "MAX_RECORDS", 2)
    tally = pull(Cache(tmp_path / "there"), folder)
    assert (tally.moved[RECORD], tally.left_out) == (2, {(RECORD, sharing.RECORD_LIMIT): 1})


def test_arrays_that_no_run_here_can_ask_for_stay_there(folder: FolderStore, tmp_path: Path) -> None:
    """Those of a library for another CPU; what another stage gave the same is taken."""
    cache, there = Cache(tmp_path / "cache"), Cache(tmp_path / "there")
    shared, own = np.arange(4, dtype=np.float32), np.arange(5, dtype=np.float32)
    foreign = {"code": {"bert.so": "1" * 64}}
    put_of(cache, "bert", own, **foreign)
    put_of(cache, "bert", shared, **foreign, params={"n": 1})
    put_of(cache, "align", shared)
    push(cache, folder)
    tally = pull(there, folder, unusable={"1" * 64: "results of a library for another CPU"})
    assert tally.moved == {ARRAY: 1, RECORD: 3}
    assert tally.left_out == {(ARRAY, "results of a library for another CPU"): 1}


def test_what_another_process_removes_meanwhile_is_no_fault(
    cache: Cache, folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(cache, folder)
    gone = next((folder.root / "tensors").rglob("*.npy"))
    sizes = folder.list_objects("tensors")
    gone.unlink()
    listed = folder.list_objects
    monkeypatch.setattr(folder, "list_objects", lambda prefix: sizes if prefix == "tensors" else listed(prefix))
    tally = pull(Cache(tmp_path / "there"), folder)
    assert (tally.damaged, tally.moved, tally.left_out) == ([], {ARRAY: 8, RECORD: 3}, {(ARRAY, GONE): 1})


def test_damaged_record_that_is_here_is_taken_again(cache: Cache, folder: FolderStore) -> None:
    push(cache, folder)
    record = next((cache.root / "records").rglob("*.json"))
    record.write_text("{")
    assert pull(cache, folder).moved == {RECORD: 1}
    assert [classify(cache, number) for number in range(3)] == ["right"] * 3


def test_error_of_the_place_ends_the_exchange(
    cache: Cache, folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, data: bytes) -> None:
        raise RunError(f"{name}: cannot be written: {len(data)} bytes, and the disk is full")

    monkeypatch.setattr(folder, "write", fail)
    with pytest.raises(RunError, match="and the disk is full"):
        push(cache, folder)


def test_array_that_this_user_may_not_read_is_an_error(
    cache: Cache, folder: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_store: TensorStore, _digest: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(TensorStore, "read_file", refuse)
    with pytest.raises(RunError, match=r"\.npy: cannot be read: Permission denied"):
        push(cache, folder)


def test_full_disk_of_this_machine_is_an_error_and_leaves_nothing_half(
    cache: Cache, folder: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(cache, folder)
    there, write, left = Cache(tmp_path / "there"), os.write, [60_000]

    def write_until_full(handle: int, data: bytes) -> int:
        left[0] -= len(data)
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return write(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_until_full)
        with pytest.raises(RunError, match=r"\.npy: cannot be written: No space left on device"):
            pull(there, folder)
    assert there.verify().damaged == []
    pull(there, folder)
    assert [classify(there, number) for number in range(3)] == ["right"] * 3


def test_a_folder_that_was_pushed_to_is_a_cache(cache: Cache, folder: FolderStore) -> None:
    push(cache, folder)
    assert [classify(Cache(folder.root), number) for number in range(3)] == ["right"] * 3


def run_program(*words: object) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.runner.killed_sharing", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_killed_pushes_leave_no_half_object_and_are_gone_on_with(cache: Cache, built: Path, tmp_path: Path) -> None:
    """A process dies before each of the 15 files of the store, and the next one sends what is missing."""
    assert run_program("push", tmp_path / "stores", cache.root, built) == {"kills": 15, "damaged": []}
    whole = FolderStore(tmp_path / "whole")
    killed_sharing.push(cache, built, whole)
    for number in range(1, 17):
        found = files_of(tmp_path / "stores" / str(number))
        assert {name: data for name, data in found.items() if not Path(name).name.startswith(".")} == files_of(
            whole.root
        )


def test_killed_pulls_leave_no_half_file_and_are_gone_on_with(
    cache: Cache, model: Path, built: Path, folder: FolderStore, tmp_path: Path
) -> None:
    """A process dies before each step, and the next one takes what is missing."""
    killed_sharing.push(cache, built, folder)
    # 12 files of results; of a library three, and the manifest that is removed before; the file `usage`.
    assert run_program("pull", folder.root, tmp_path / "caches", tmp_path / "roots") == {"kills": 17, "damaged": []}
    for number in map(str, range(1, 19)):
        assert [classify(Cache(tmp_path / "caches" / number), n) for n in range(3)] == ["right"] * 3
        assert stale(small_model.load(model), tmp_path / "roots" / number) == []
    assert [path for path in (tmp_path / "roots").rglob("*") if path.is_dir() and path.name.startswith(".")] == []


def at_once(verb: str, first: tuple[Path, str], second: tuple[Path, str]) -> list[tuple[int, str, str]]:
    """Run two commands at once, each with a cache and a place; gives what each ended with."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "runner", "cache", verb, url, "--only", "results", "--cache-dir", str(root)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for root, url in (first, second)
    ]
    said = [process.communicate(timeout=100) for process in started]
    return [(process.returncode, *words) for process, words in zip(started, said, strict=True)]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_two_pushes_at_once_and_two_pulls_into_one_cache(tmp_path: Path, scheme: str) -> None:
    first, second = Cache(tmp_path / "first"), Cache(tmp_path / "second")
    for number in range(60):
        put(first, number)
        put(second, number + 30)
    url = f"{scheme}{tmp_path}/store"
    for code, _, err in at_once("push", (first.root, url), (second.root, url)):
        assert (code, err) == (0, "")
    assert not [name for name in files_of(tmp_path / "store") if Path(name).name.startswith(".")]
    there = tmp_path / "there"
    ends = at_once("pull", (there, url), (there, url))
    assert [(code, err) for code, _, err in ends] == [(0, ""), (0, "")]
    assert [classify(Cache(there), number) for number in range(90)] == ["right"] * 90
    assert Cache(there).verify().damaged == []


def test_two_places_are_pulled_into_one_cache_at_once(tmp_path: Path) -> None:
    there, urls = tmp_path / "there", [str(tmp_path / name) for name in "ab"]
    for url, start in zip(urls, (0, 20), strict=True):
        cache = Cache(tmp_path / f"cache-{start}")
        for number in range(start, start + 30):
            put(cache, number)
        push(cache, open_store(url))
    ends = at_once("pull", (there, urls[0]), (there, urls[1]))
    assert [(code, err) for code, _, err in ends] == [(0, ""), (0, "")]
    assert [classify(Cache(there), number) for number in range(50)] == ["right"] * 50

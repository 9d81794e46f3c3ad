"""Libraries that are sent to a store and taken from it by another machine: whole, usable, and of the same sources."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from runner.build.locks import build_lock
from runner.build.offers import OTHER_FORMAT, read_offers
from runner.build.sharing import ANOTHER_BUILD, OTHER_SOURCES, pull_libraries, push_libraries
from runner.build.staleness import stale
from runner.cache.exchange import LIBRARY, Exchange, Tally
from runner.cache.sharing import Choice
from runner.errors import RunError
from runner.files.stores import FolderStore
from runner.runtime import devices, tvm_runtime
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from tests.runner import small_model
from tests.runner.build.building import speak
from tests.runner.small_model import STAGE, library


class Waits:
    """A display that notes what is waited for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def begin(self, kind: str, count: int, size: int) -> None:
        pass

    def advance(self, size: int) -> None:
        pass

    def wait(self, name: str) -> None:
        self.names.append(name)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def mine(built: Path, tmp_path: Path) -> Path:
    """A copy of the build root, which the test may change."""
    shutil.copytree(built, tmp_path / "mine")
    return tmp_path / "mine"


def push(root: Path, store: FolderStore, *stages: str, dry_run: bool = False) -> Tally:
    exchange = Exchange(Waits(), dry_run=dry_run)
    push_libraries(root, store, exchange, Choice(stages))
    return exchange.tally


def pull(root: Path, store: FolderStore, *stages: str, dry_run: bool = False, display: Waits | None = None) -> Tally:
    exchange = Exchange(display or Waits(), dry_run=dry_run)
    pull_libraries(root, read_offers(store, exchange, Choice(stages)), store, exchange)
    return exchange.tally


def rewrite(root: Path, **fields: object) -> None:
    """Change the manifest of the stage."""
    path = manifests.manifest_path(library(root))
    dataclasses.replace(Manifest.read(path), **fields).write(path)  # type: ignore[arg-type]


def objects(store: FolderStore, prefix: str) -> list[Path]:
    return sorted(path for path in (store.root / prefix).rglob("*") if path.is_file())


def test_library_is_not_built_where_it_was_pulled(model: Path, built: Path, store: FolderStore, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(model, tmp_path / "another" / "folder")
    sent = push(built, store)
    assert (sent.moved, sent.bytes) == ({LIBRARY: 1}, sum(path.stat().st_size for path in objects(store, "files")))
    assert stale(small_model.load(elsewhere), tmp_path / "there") == [(STAGE, "not built yet")]
    assert pull(tmp_path / "there", store).moved == {LIBRARY: 1}
    assert stale(small_model.load(elsewhere), tmp_path / "there") == []
    np.testing.assert_array_equal(speak(elsewhere, tmp_path / "there"), speak(model, built))


def test_what_is_there_is_not_moved_again(built: Path, store: FolderStore, tmp_path: Path) -> None:
    push(built, store)
    pull(tmp_path / "there", store)
    files = {path: path.stat().st_mtime_ns for path in [*objects(store, "."), *(tmp_path / "there").rglob("*.*")]}
    for tally in (push(built, store), push(tmp_path / "there", store), pull(tmp_path / "there", store)):
        assert (tally.moved, tally.bytes, tally.present) == ({}, 0, {LIBRARY: 1})
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert len(objects(store, "libraries")) == 1  # equal builds of two machines are one object


def test_what_is_sent_names_no_path_of_this_machine(built: Path, store: FolderStore, tmp_path: Path) -> None:
    push(built, store)
    for path in objects(store, "."):
        assert str(tmp_path.parent).encode() not in path.read_bytes()
    [manifest] = objects(store, "libraries")
    assert json.loads(manifest.read_bytes())["weights"]["stamp"] is None


def test_dry_run_counts_and_writes_nothing(built: Path, store: FolderStore, tmp_path: Path) -> None:
    said = push(built, store, dry_run=True)
    assert not store.root.exists()
    assert said == push(built, store)
    said = pull(tmp_path / "there", store, dry_run=True)
    assert not (tmp_path / "there").exists()
    assert said == pull(tmp_path / "there", store)


def test_a_killed_push_goes_on_with_what_is_missing(built: Path, store: FolderStore) -> None:
    push(built, store)
    [manifest] = objects(store, "libraries")
    manifest.unlink()
    sizes = sorted((path.stat().st_size, path) for path in objects(store, "files"))
    sizes[0][1].unlink()
    tally = push(built, store)
    assert (tally.moved, tally.bytes) == ({LIBRARY: 1}, sizes[0][0])
    assert (manifest.is_file(), sizes[0][1].is_file()) == (True, True)


@pytest.mark.parametrize("prefix", ["files", "libraries"])
def test_flipped_byte_is_found_named_and_not_taken(
    prefix: str, built: Path, store: FolderStore, tmp_path: Path
) -> None:
    push(built, store)
    for path in objects(store, prefix):
        whole = path.read_bytes()
        path.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
        tally = pull(tmp_path / "there", store)
        assert tally.moved == {}
        [fault] = tally.damaged
        assert path.name in fault
        assert not list((tmp_path / "there").rglob("*.so"))
        path.write_bytes(whole)
    assert pull(tmp_path / "there", store).moved == {LIBRARY: 1}


def test_damaged_library_is_not_sent(mine: Path, store: FolderStore) -> None:
    whole = library(mine).read_bytes()
    library(mine).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    tally = push(mine, store)
    assert tally.moved == {}
    assert tally.damaged[0].startswith(f"{manifests.manifest_path(library(mine))}: the content of text_encoder.so ")
    assert objects(store, "libraries") == []


def test_damaged_library_that_is_here_is_replaced(model: Path, built: Path, mine: Path, store: FolderStore) -> None:
    push(built, store)
    library(mine).write_bytes(b"half")
    assert pull(mine, store).moved == {LIBRARY: 1}
    assert stale(small_model.load(model), mine) == []


def test_library_for_another_cpu_stays_there_with_the_reason(mine: Path, store: FolderStore, tmp_path: Path) -> None:
    rewrite(mine, cpu_features=("warp-drive",))
    push(mine, store)
    tally = pull(tmp_path / "there", store)
    fact = "each was built for a CPU with warp-drive, which this one lacks"
    assert (tally.moved, tally.left_out) == ({}, {(LIBRARY, fact): 1})
    assert not (tmp_path / "there").exists()


def test_library_of_another_tvm_stays_there(mine: Path, store: FolderStore, tmp_path: Path) -> None:
    rewrite(mine, tvm="0.1")
    push(mine, store)
    fact = f"each was built by TVM 0.1, this is {tvm_runtime.version()}"
    assert pull(tmp_path / "there", store).left_out == {(LIBRARY, fact): 1}


def test_library_of_other_sources_is_neither_sent_nor_taken(
    built: Path, mine: Path, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Manifest.read(manifests.manifest_path(library(built))).sources
    rewrite(mine, sources={**known, "stages/text_encoder.py": "0" * 64})
    assert push(mine, store).left_out == {(LIBRARY, OTHER_SOURCES): 1}
    assert not store.root.exists()
    with monkeypatch.context() as patch:  # a machine with these sources
        patch.setattr("runner.build.sharing.list_changed", lambda _manifest, _digest: [])
        push(mine, store)
    push(built, store)
    tally = pull(tmp_path / "there", store)
    assert (tally.moved, tally.left_out) == ({LIBRARY: 1}, {(LIBRARY, OTHER_SOURCES): 1})
    assert Manifest.read(manifests.manifest_path(library(tmp_path / "there"))).sources == known


def test_library_of_other_sources_that_is_here_is_replaced(built: Path, mine: Path, store: FolderStore) -> None:
    known = Manifest.read(manifests.manifest_path(library(built))).sources
    push(built, store)
    rewrite(mine, sources={**known, "stages/text_encoder.py": "0" * 64})
    assert pull(mine, store).moved == {LIBRARY: 1}
    assert Manifest.read(manifests.manifest_path(library(mine))).sources == known


def test_library_that_is_current_here_stays_though_another_was_sent(
    built: Path, mine: Path, store: FolderStore
) -> None:
    push(built, store)
    rewrite(mine, checkpoint="1" * 64)
    assert pull(mine, store).present == {LIBRARY: 1}
    assert Manifest.read(manifests.manifest_path(library(mine))).checkpoint == "1" * 64


def test_of_several_builds_the_one_for_all_that_this_cpu_has_is_taken_then_the_latest(
    built: Path, mine: Path, store: FolderStore, tmp_path: Path
) -> None:
    push(built, store)
    time.sleep(0.05)
    rewrite(mine, checkpoint="1" * 64)
    push(mine, store)
    time.sleep(0.05)
    rewrite(mine, checkpoint="2" * 64, host_features=tuple(sorted(devices.cpu_features() - devices.VECTORS)))
    push(mine, store)
    tally = pull(tmp_path / "there", store)
    assert (tally.moved, tally.left_out) == ({LIBRARY: 1}, {(LIBRARY, ANOTHER_BUILD): 2})
    assert Manifest.read(manifests.manifest_path(library(tmp_path / "there"))).checkpoint == "1" * 64
    assert pull(mine, store).moved == {LIBRARY: 1}  # what is here was built for less than this CPU has
    assert Manifest.read(manifests.manifest_path(library(mine))).checkpoint == "1" * 64


def test_one_stage_alone_is_moved(built: Path, store: FolderStore, tmp_path: Path) -> None:
    assert push(built, store, "decoder") == Tally()
    push(built, store, STAGE)
    assert pull(tmp_path / "there", store, "decoder") == Tally()
    assert pull(tmp_path / "there", store, "decoder", STAGE).moved == {LIBRARY: 1}


def put_manifest(store: FolderStore, change: dict[str, object]) -> None:
    """Add a manifest with the right digest, as somebody would who means harm or has another version."""
    [path] = objects(store, "libraries")
    text = json.dumps({**json.loads(path.read_bytes()), **change}).encode()
    path.unlink()
    store.write(f"libraries/small/cpu/{STAGE}.{hashlib.sha256(text).hexdigest()}.json", text)


def test_manifest_of_another_version_is_left_out(built: Path, store: FolderStore, tmp_path: Path) -> None:
    push(built, store)
    put_manifest(store, {"format": 99})
    assert pull(tmp_path / "there", store).left_out == {(LIBRARY, OTHER_FORMAT): 1}


@pytest.mark.parametrize(
    "name", ["../../evil/text_encoder.so", "/tmp/text_encoder.so", "decoder.so", "text_encoder.json"]
)
def test_manifest_that_names_other_files_is_refused(name: str, built: Path, store: FolderStore, tmp_path: Path) -> None:
    push(built, store)
    [path] = objects(store, "libraries")
    put_manifest(store, {"library": {**json.loads(path.read_bytes())["library"], "file": name}})
    tally = pull(tmp_path / "there", store)
    assert tally.moved == {}
    assert f"it names the files {name} and text_encoder.weights" in tally.damaged[0]


def test_names_of_other_objects_are_not_looked_at(built: Path, store: FolderStore, tmp_path: Path) -> None:
    push(built, store)
    [path] = objects(store, "libraries")
    store.write(f"libraries/../cpu/{path.name}", path.read_bytes())
    store.write("libraries/readme.txt", b"")
    assert pull(tmp_path / "there", store).moved == {LIBRARY: 1}


def test_library_that_another_process_builds_is_waited_for(built: Path, store: FolderStore, tmp_path: Path) -> None:
    push(built, store)
    display, root = Waits(), tmp_path / "there"
    found: list[Tally] = []
    with build_lock(library(root)):
        thread = threading.Thread(target=lambda: found.append(pull(root, store, display=display)))
        thread.start()
        while not display.names:
            time.sleep(0.01)
        for path in library(built).parent.glob(f"{STAGE}.*"):
            shutil.copy(path, library(root).parent)
        inode = library(root).stat().st_ino
    thread.join(60)
    assert display.names == [STAGE]
    assert (found[0].moved, found[0].present) == ({}, {LIBRARY: 1})
    assert library(root).stat().st_ino == inode


def test_build_root_that_cannot_be_written_is_an_error(built: Path, store: FolderStore, tmp_path: Path) -> None:
    push(built, store)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "small").touch()
    with pytest.raises(RunError, match=r"there/small/cpu: cannot be written: "):
        pull(tmp_path / "there", store)

"""Places of objects: a folder, and URLs by fsspec; what is read, written, listed, and said when it fails."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from runner.errors import RunError
from runner.files import stores, url_store
from runner.files.stores import FolderStore, ObjectStore, open_store
from runner.files.url_store import UrlStore, hide_credentials
from tests.runner.cache.test_faults import unprivileged


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty place of each kind, which need not exist yet."""
    urls = {
        "folder": f"{tmp_path}/to/store",
        "file": f"file://{tmp_path}/to/store",
        "memory": f"memory://{uuid.uuid4()}",
    }
    return open_store(urls[request.param])


def test_what_was_written_is_listed_with_its_size_and_read(store: ObjectStore) -> None:
    assert store.list_objects("tensors") == {}
    before = time.time() - 1
    store.write("tensors/ab/abc.npy", b"12345")
    store.write("tensors/ab/abc.npy", b"12345")  # by another machine
    store.write("records/trim/1.json", b"{}")
    assert store.list_objects("tensors") == {"tensors/ab/abc.npy": 5}
    assert store.list_objects("records") == {"records/trim/1.json": 2}
    assert store.read("tensors/ab/abc.npy") == b"12345"
    assert before < store.find_time("records/trim/1.json") < time.time() + 1


def test_object_that_is_not_there_is_missing_and_no_error_of_the_place(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("tensors/ab/abc.npy")
    assert store.find_time("tensors/ab/abc.npy") == 0
    store.remove_abandoned()


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_unfinished_objects_are_not_listed_and_removed_when_they_are_old(tmp_path: Path, scheme: str) -> None:
    store = open_store(f"{scheme}{tmp_path}")
    store.write("files/ab/abc", b"1")
    old, new = (tmp_path / "files" / "ab" / f".abc.{name}.tmp" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    long_ago = time.time() - 2 * 86400
    os.utime(old, (long_ago, long_ago))
    assert store.list_objects("files") == {"files/ab/abc": 1}
    store.remove_abandoned()
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_object_that_cannot_be_written_whole_is_not_there(
    tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step, the renaming, fails as it does on a file system that breaks down."""

    def fail(*_paths: object) -> None:
        raise OSError(5, "Input/output error")

    store = open_store(f"{scheme}{tmp_path}")
    monkeypatch.setattr("shutil.move", fail)
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(RunError, match=r"files/ab/abc: cannot be written: .*Input/output error"):
        store.write("files/ab/abc", b"12345")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_writers_of_one_object_where_a_file_is_not_renamed_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a server of SMB: the second one finds the same content there, which is no error."""
    store = open_store(f"file://{tmp_path}")
    store.write("files/ab/abc", b"12345")

    def refuse(_old: str, _new: str) -> None:
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr("shutil.move", refuse)
    store.write("files/ab/abc", b"12345")
    assert [path.name for path in (tmp_path / "files" / "ab").iterdir()] == ["abc"]


def test_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file: is no folder; give a folder or a URL"):
        open_store(str(tmp_path / "file"))


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own, with one that is this user's own."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    (root / "tensors").mkdir(mode=0o700)
    yield root
    shutil.rmtree(root)


def test_folder_that_this_user_may_not_read_or_write_is_an_error(open_root: Path) -> None:
    store = FolderStore(open_root)
    with unprivileged():
        with pytest.raises(RunError, match=r"tensors: cannot be read: Permission denied"):
            store.list_objects("tensors")
        with pytest.raises(RunError, match=r"tensors/ab/abc\.npy: cannot be written: Permission denied"):
            store.write("tensors/ab/abc.npy", b"1")


def test_url_without_fsspec_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(RunError, match=r"memory://x: URLs need fsspec\. Install it with: pip install .*corpus"):
        open_store("memory://x")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://bucket", r"nonsense://bucket: cannot be opened: Protocol not known: nonsense"),
        ("s3://key:secret@bucket/x", r"s3://\*\*\*@bucket/x: cannot be opened: Install s3fs"),
    ],
)
def test_url_that_nothing_here_opens_is_an_error(url: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(RunError, match=message) as error:
        open_store(url)
    assert "secret" not in str(error.value)


def test_errors_of_a_place_are_told_without_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that are no OSError, and name the whole URL."""

    class ClientError(Exception):
        pass

    store = UrlStore("memory://user:pass%2Fword@host/x?token=t0psecret")
    fake = ModuleType("botocore.exceptions")
    fake.ClientError = fake.BotoCoreError = ClientError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "botocore.exceptions", fake)

    def fail(*_given: object, **_options: object) -> None:
        raise ClientError("no such bucket at\n memory://user:pass%2Fword@host/x?token=t0psecret (pass/word t0psecret)")

    for name in ("find", "cat_file", "pipe_file"):
        monkeypatch.setattr(store._files, name, fail)
    tries: dict[str, Callable[[], object]] = {
        "listed": lambda: store.list_objects("files"),
        "read": lambda: store.read("files/a"),
        "written": lambda: store.write("files/a", b""),
    }
    for verb, attempt in tries.items():
        with pytest.raises(RunError) as error:
            attempt()
        assert f"cannot be {verb}: no such bucket at *** (*** ***)" in str(error.value)
        assert str(error.value).startswith("memory://***@host/x?***")
        assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("s3://bucket/team", "s3://bucket/team"),
        ("s3://AKIA:sec/ret@bucket/team", "s3://***@bucket/team"),
        ("https://t0ken@host/x?sig=abcd#part", "https://***@host/x?***"),
        ("file:///mnt/team", "file:///mnt/team"),
    ],
)
def test_credentials_of_a_url_are_hidden(url: str, spelled: str) -> None:
    shown, secrets = hide_credentials(url)
    assert shown == spelled
    assert bool(secrets) == ("***" in spelled)
    assert [secret for secret in secrets if secret in shown] == []


def test_object_stores_take_an_object_as_one_and_no_folder_is_made_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a folder in one of them may make a bucket."""
    store = UrlStore("memory://whole")
    monkeypatch.delattr(type(store._files), "makedirs")
    store.write("files/ab/abc", b"12345")
    assert store.read("files/ab/abc") == b"12345"
    assert "memory" in url_store._OBJECT_STORES
    assert stores.FolderStore.threads > 1

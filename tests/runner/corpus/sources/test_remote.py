"""Reading remote files by fsspec."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from runner.corpus.sources.locations import conceal, is_address, is_glob
from runner.corpus.sources.sources import Sources
from runner.errors import RunError
from runner.files.locate import install_command


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def texts(*patterns: str, kind: str | None = None) -> list[str]:
    return [str(record.fault or record.values["text"]) for record in Sources(patterns, kind)]


def refusal(*patterns: str, kind: str | None = None) -> str:
    with pytest.raises(RunError) as error:
        list(Sources(patterns, kind))
    return str(error.value)


def test_addresses_globs_and_folders_are_read(memory: fsspec.AbstractFileSystem) -> None:
    for name, data in {
        "/bucket/b.jsonl": b'{"text": "b"}\n[]\n',
        "/bucket/a.jsonl": b'{"text": "a"}\n',
        "/bucket/c.csv.gz": gzip.compress(b"text\nc\n"),
        "/bucket/set/train/metadata.jsonl": b'{"text": "d"}\n',
        "/bucket/set/x.txt": b"",
    }.items():
        memory.pipe(name, data)
    expected = 'is an array, expected an object such as {"text": "Hello."}'
    assert texts("memory://bucket/*.jsonl") == ["a", "b", expected]
    assert texts("memory://bucket/c.csv.gz", "memory://bucket/a.jsonl") == ["c", "a"]
    assert texts("memory://bucket/set") == texts("memory://bucket/set/", kind="folder") == ["d"]
    assert texts("memory://bucket/s*/") == ["d"]
    sources = Sources(["memory://bucket/b.jsonl", "memory://bucket/c*"])
    assert sources.files == ["memory://bucket/b.jsonl", "memory:///bucket/c.csv.gz"]
    assert [record.origin for record in sources][1] == "memory://bucket/b.jsonl:2"


def test_parquet_is_read_from_where_it_lies(memory: fsspec.AbstractFileSystem) -> None:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    with memory.open("/d/data/train.parquet", "wb") as file:
        parquet.write_table(pa.table({"text": ["a", "b"]}), file)
    assert texts("memory://d") == texts("memory://d/**/*.parquet") == ["a", "b"]


def test_what_cannot_be_found_is_refused(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/a.txt", b"a")
    assert refusal("memory://b.txt") == "memory://b.txt: no such file or folder"
    assert refusal("memory://*.csv") == "memory://*.csv: matches no file"
    twice = "memory:///a.txt: is given twice, by 'memory://a.txt' and 'memory://*.txt'; give each file once"
    assert refusal("memory://a.txt", "memory://*.txt") == twice
    assert refusal("nope://a.txt") == "nope://a.txt: is no address of files: Protocol not known: nope"


def test_a_file_that_disappears_is_refused_by_the_loop(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/a.txt", b"a")
    sources = Sources(["memory://a.txt"])
    memory.rm("/a.txt")
    with pytest.raises(RunError, match=r"^memory://a\.txt: cannot be read: /a\.txt$"):
        list(sources)


def test_addresses_of_local_files_and_archives_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")
    assert texts(f"file://{tmp_path}/*.txt") == ["a"]
    with zipfile.ZipFile(tmp_path / "kaggle.zip", "w") as archive:
        archive.writestr("deep/rows.csv", "text\nb\n")
    assert texts(f"zip://deep/rows.csv::{tmp_path}/kaggle.zip") == ["b"]
    assert texts(f"zip://*/*.csv::file://{tmp_path}/kaggle.zip") == ["b"]
    (tmp_path / "kaggle.zip").write_bytes(b"x")
    address = f"zip://deep/rows.csv::{tmp_path}/kaggle.zip"
    assert refusal(address) == f"{address}: cannot be read: File is not a zip file"


def test_without_fsspec_the_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    fact = "the address of a remote file, and the package fsspec, which reads it, is not installed"
    assert refusal("s3://k:s@b/a.csv") == f"s3://***@b/a.csv: {fact}: {install_command('corpus')}"


def test_a_protocol_whose_package_is_absent_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("s3fs", "aiohttp"):
        monkeypatch.setitem(sys.modules, name, None)
    assert refusal("s3://key:secret@bucket/a.csv") == "s3://***@bucket/a.csv: cannot be read: Install s3fs to access S3"
    assert "secret" not in refusal("https://me:secret@host/a.csv?sig=secret")


CONCEALED = {
    "https://me:pw@host/a.csv?X-Amz-Signature=abc&b=c": "https://***@host/a.csv?***",
    "s3://KEY:se/cr/et@bucket/a.csv": "s3://***@bucket/a.csv",
    "s3://KEY@bucket/a.csv": "s3://***@bucket/a.csv",
    "https://host:8080/u@v/a.csv": "https://host:8080/u@v/a.csv",
    "hf://datasets/me/set@main/data/*.parquet": "hf://datasets/me/set@main/data/*.parquet",
    "s3://bucket/a?.csv": "s3://bucket/a?.csv",
    "403, url='https://h/a?sig=x' 'https://a:b@h'": "403, url='https://h/a?***' 'https://***@h'",
    "zip://a.csv::https://me:pw@host/a.zip": "zip://a.csv::https://***@host/a.zip",
    "s3://b/\x1b[31m": "s3://b/\\x1b[31m",
}


@pytest.mark.parametrize("address", CONCEALED)
def test_credentials_are_never_shown(address: str) -> None:
    assert conceal(address) == CONCEALED[address]


def test_what_is_an_address_and_what_a_glob() -> None:
    addresses, others = ["s3://a", "zip::a.zip"], ["a/b.csv", "a:b", "C:\\a", "-"]
    assert list(filter(is_address, addresses + others)) == addresses
    globs, plain = ["https://h/*.csv", "s3://b/a?.csv", "a[0].csv"], ["https://h/a.csv?raw=1", "a"]
    assert list(filter(is_glob, globs + plain)) == globs


SECRET = "403, url='https://me:secret@host/a.csv?sig=secret'"


class Refusing(MemoryFileSystem):
    """A file system that says why it refuses a file only in the cause of its error, as that of the web does."""

    def info(self, path: str, **_: object) -> dict[str, object]:
        raise FileNotFoundError(path) from ConnectionError(SECRET)


class Breaking(MemoryFileSystem):
    """A file system whose connection breaks in the middle of a file."""

    def info(self, path: str, **_: object) -> dict[str, object]:
        return {"name": path, "size": 9, "type": "file"}

    def open(self, path: str, mode: str = "rb", **_: object) -> io.RawIOBase:
        assert (path, mode) == (self._strip_protocol("breaking://a.txt"), "rb")
        return BreakingFile()


class BreakingFile(io.RawIOBase):
    """A file of one line, and an error."""

    def __init__(self) -> None:
        self._parts = iter((b"a\n", None))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        part = next(self._parts)
        if part is None:
            raise ConnectionResetError(SECRET)
        memoryview(buffer)[: len(part)] = part  # type: ignore[arg-type]
        return len(part)


def test_errors_of_a_file_system_are_told_without_credentials() -> None:
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    fsspec.register_implementation("breaking", Breaking, clobber=True)
    reason = "cannot be read: 403, url='https://***@host/a.csv?***'"
    assert refusal("refusing://me:pw@host/a.txt") == f"refusing://***@host/a.txt: {reason}"
    found: list[str] = []
    with pytest.raises(RunError) as error:
        found += (record.values["text"] for record in Sources(["breaking://a.txt"]))
    assert (found, str(error.value), error.value.__cause__) == (["a"], f"breaking://a.txt: {reason}", None)

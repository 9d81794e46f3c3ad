"""Finding the files of an input, and reading them one after the other."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from runner.corpus.sources.sources import Sources
from runner.errors import RunError
from runner.files.locate import install_command


def texts(*patterns: str | Path, kind: str | None = None) -> list[str]:
    return [str(record.fault or record.values["text"]) for record in Sources([str(path) for path in patterns], kind)]


def write(folder: Path, **files: str) -> None:
    """Write files with a text each: `b="x"` is b.txt; a double underscore stands for a slash."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def refusal(*patterns: str | Path, kind: str | None = None) -> str:
    with pytest.raises(RunError) as error:
        list(Sources([str(path) for path in patterns], kind))
    return str(error.value)


def test_files_are_read_in_the_order_given_and_those_of_a_glob_by_name(tmp_path: Path) -> None:
    write(tmp_path, b="b", a="a", c10="c10", c9="c9", deep__er__d="d")
    assert texts(tmp_path / "c*.txt", tmp_path / "b.txt", tmp_path / "[a].txt") == ["c10", "c9", "b", "a"]
    assert texts(tmp_path / "**" / "d.txt") == ["d"]
    assert Sources([f"{tmp_path}/?.txt"]).files == [f"{tmp_path}/a.txt", f"{tmp_path}/b.txt"]


def test_a_file_whose_name_is_a_glob_is_itself(tmp_path: Path) -> None:
    write(tmp_path, a="a")
    (tmp_path / "[a].txt").write_text("b", "utf-8")
    assert texts(tmp_path / "[a].txt") == ["b"]


def test_a_glob_finds_files_and_one_with_a_slash_finds_folders(tmp_path: Path) -> None:
    write(tmp_path, a="a", deep__b="b")
    for name in ("one", "two"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        (tmp_path / "sets" / name / "metadata.jsonl").write_text(f'{{"text": "{name}"}}\n', "utf-8")
    assert texts(tmp_path / "*.txt", f"{tmp_path}/sets/*/") == ["a", "one", "two"]
    assert refusal(tmp_path / "sets" / "*") == (
        f"{tmp_path}/sets/*: matches only folders; end it with a slash to read them as data sets"
    )


def test_what_cannot_be_found_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "*.jsonl") == f"{tmp_path}/*.jsonl: matches no file"
    assert refusal(tmp_path / "a.jsonl") == f"{tmp_path}/a.jsonl: no such file or folder"
    assert refusal("") == "the name of a file is empty; give a file"
    assert refusal() == "no file is given; give one at least"
    assert refusal("a", kind="jsnl") == "no kind of files is called 'jsnl'; did you mean 'jsonl'?"


def test_a_file_is_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a="a", b="b")
    monkeypatch.chdir(tmp_path)
    assert refusal("*.txt", "./a.txt") == "./a.txt: is given twice, by '*.txt' and './a.txt'; give each file once"


EXTENSIONS = {
    "rows.xlsx": "the extension '.xlsx' names no kind of files; save it as 'CSV UTF-8'",
    "rows.zip": "the extension '.zip' names no kind of files; unpack it, or name a file in it: zip://FILE::ARCHIVE",
    "rows.md.gz": "the extension '.md' names no kind of files; give the kind (jsonl, csv, tsv, parquet, text, ids, "
    "ljspeech), or name the file by one of .jsonl, .ndjson, .json, .csv, .tsv, .parquet, .txt",
    "rows": "no extension names its kind; give the kind (jsonl, csv, tsv, parquet, text, ids, ljspeech), or name the "
    "file by one of .jsonl, .ndjson, .json, .csv, .tsv, .parquet, .txt",
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_an_extension_names_the_kind(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{"text": "a"}\n', "utf-8")
    assert refusal(path) == f"{path}: {EXTENSIONS[name]}"
    assert texts(path, kind="jsonl") == ["a"]


def test_a_file_that_cannot_be_opened_is_refused_before_any_is_read(tmp_path: Path) -> None:
    write(tmp_path, a="a")
    (tmp_path / "z.txt").symlink_to("nowhere")
    with pytest.raises(RunError, match=r"z\.txt: cannot be read: No such file or directory"):
        Sources([str(tmp_path / "*.txt")])


def test_a_file_that_disappears_is_refused_by_the_loop(tmp_path: Path) -> None:
    write(tmp_path, a="a")
    sources = Sources([str(tmp_path / "a.txt")])
    assert len(list(sources)) == 1
    (tmp_path / "a.txt").unlink()
    with pytest.raises(RunError, match=r"a\.txt: cannot be read: No such file or directory"):
        list(sources)


def test_files_without_rows_are_refused_together(tmp_path: Path) -> None:
    write(tmp_path, a="", b="\n", c="")
    (tmp_path / "d.csv").write_text("id,text\n", "utf-8")
    (tmp_path / "e.csv").write_text("", "utf-8")
    (tmp_path / "f.tsv").write_text("", "utf-8")
    expected = f"{tmp_path}/a.txt, {tmp_path}/b.txt, {tmp_path}/c.txt, ... (6 files): no rows are there"
    assert refusal(tmp_path / "*") == expected
    (tmp_path / "g.txt").write_text("x", "utf-8")
    assert texts(tmp_path / "*") == ["x"]


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    "": lambda data: data,
}


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_compressed_files_are_unpacked(tmp_path: Path, suffix: str) -> None:
    data = "".join(f'{{"text": "line {number}"}}\n' for number in range(100_000)).encode()
    path = tmp_path / f"rows.jsonl{suffix}"
    packed = COMPRESSIONS[suffix](data[:1_000_020]) + COMPRESSIONS[suffix](data[1_000_020:])  # two streams, as `cat`
    path.write_bytes(packed)
    assert texts(path) == [f"line {number}" for number in range(100_000)]
    path.write_bytes(COMPRESSIONS[suffix](b""))
    assert refusal(path) == f"{path}: no rows are there"


def test_a_file_that_has_been_unpacked_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(b"a\n")
    (tmp_path / "b.txt").write_bytes(gzip.compress(b"BZh1 is text\nb"))
    (tmp_path / "c.txt").write_bytes(b"BZh1 is text")
    assert texts(tmp_path / "*") == ["a", "BZh1 is text", "b", "BZh1 is text"]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_a_file_that_is_cut_off_or_damaged_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows.txt{suffix}"
    packed = COMPRESSIONS[suffix](os.urandom(40_000).hex().encode())
    path.write_bytes(packed[:-100])
    assert refusal(path).startswith(f"{path}: cannot be ")
    if suffix == ".zst":
        return  # what is written here has no checksum
    flipped = bytearray(packed)
    for place in range(len(packed) // 2, len(packed) // 2 + 99):
        flipped[place] ^= 255
    path.write_bytes(flipped)
    assert refusal(path).startswith(f"{path}: cannot be ")


FOREIGN = {
    "a\n".encode("utf-16"): "is UTF-16, expected UTF-8; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')",
    b"\xfe\xff\0a": "is UTF-16, expected UTF-8; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')",
    b"PK\x03\x04abc": "is a ZIP archive or a spreadsheet, expected text; unpack it, or save it as 'CSV UTF-8'",
    b"\xd0\xcf\x11\xe0abc": "is a spreadsheet, expected text; save it as 'CSV UTF-8'",
    b"PAR1abc": "is a Parquet file, expected text; name it .parquet, or read it as kind 'parquet'",
}


@pytest.mark.parametrize("data", FOREIGN)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.tsv", "rows.txt"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert refusal(tmp_path / name) == f"{tmp_path / name}: {FOREIGN[data]}"


def test_without_pyarrow_zstandard_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.txt.zst"
    path.write_bytes(COMPRESSIONS[".zst"](b"a"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    fact = "is compressed by Zstandard, which the package pyarrow unpacks, and that is not installed"
    assert refusal(path) == f"{path}: {fact}: {install_command('corpus')}"


def test_standard_input_is_read_as_often_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b'{"text": "a"}\n7\n'))))
    sources = Sources(["-"], "jsonl")
    assert sources.files == ["standard input"]
    loops = [iter(sources), iter(sources)]
    assert [next(loop).origin for loop in loops] == ["standard input:1"] * 2
    assert [next(loop).origin for loop in loops] == ["standard input:2"] * 2


def test_standard_input_needs_a_kind_and_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
    assert refusal("-").startswith("standard input: no extension names its kind; give the kind (jsonl, ")
    assert refusal("-", "-", kind="text").startswith("standard input: is given twice, by '-' and '-';")
    monkeypatch.setattr(sys, "stdin", None)
    assert refusal("-", kind="text") == "standard input is closed; give a file"


def test_a_pipe_is_read_as_often_as_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.txt")
    writer = threading.Thread(target=(tmp_path / "rows.txt").write_bytes, args=(b"a\nb\n",))
    writer.start()
    sources = Sources([str(tmp_path / "rows.txt")])
    writer.join()
    assert [[record.values["text"] for record in sources] for _ in range(2)] == [["a", "b"], ["a", "b"]]


def test_a_copy_of_standard_input_is_closed_with_its_records_and_nothing_of_the_extra_is_imported() -> None:
    code = (
        "import os, sys; from runner.corpus.sources.sources import Sources\n"
        "s = Sources(['-'], 'text'); assert [r.values['text'] for r in s] == ['a']\n"
        "assert not {'fsspec', 'pyarrow'} & sys.modules.keys()\n"
        "n = len(os.listdir('/dev/fd')); del s; print(n - len(os.listdir('/dev/fd')))"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    ran = subprocess.run(command, input=b"a\n", capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"1\n", b"")


FOLDERS: dict[str, dict[str, str]] = {
    "a": {"metadata.jsonl": '{"text": "a"}', "data/x.parquet": "", "notes.csv": ""},
    "b c": {"train/metadata.csv": "file_name,text\n1.wav,c", "test/metadata.jsonl": '{"text": "b"}'},
    "d": {"metadata.csv": "text\nd", ".cache/metadata.csv": "text\nx", "sub/.x.parquet": ""},
}


@pytest.mark.parametrize("expected", FOLDERS)
@pytest.mark.parametrize("kind", [None, "folder"])
def test_a_folder_of_a_data_set_is_read(tmp_path: Path, expected: str, kind: str | None) -> None:
    for name, text in FOLDERS[expected].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert texts(tmp_path, kind=kind) == expected.split()
    assert texts(f"{tmp_path}/", kind=kind) == expected.split()


def test_a_folder_of_parquet_files_is_read(tmp_path: Path) -> None:
    from pyarrow import parquet  # noqa: PLC0415

    for name in ("other/z", "data/train-00001-of-00002", "data/en/test", "data/train-00000-of-00002"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table({"text": [name]}), tmp_path / f"{name}.parquet")
    data = ["data/en/test", "data/train-00000-of-00002", "data/train-00001-of-00002"]
    assert texts(tmp_path) == data
    assert texts(tmp_path / "other") == ["other/z"]


def test_a_folder_of_ljspeech_is_read(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("LJ1|a|b\n", "utf-8")
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "LJ1.wav").touch()
    assert texts(tmp_path, kind="ljspeech") == ["a"]
    assert "is read as kind 'ljspeech'" in refusal(tmp_path)


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    write(tmp_path, a="a")
    expected = "metadata.jsonl, metadata.csv, metadata.parquet, or Parquet files under data/"
    assert (
        refusal(tmp_path)
        == f"{tmp_path}: is a folder without records, expected {expected}; or give files: {tmp_path}/*"
    )
    kind = f"{tmp_path}: is a folder, expected a file of kind 'text'; give its files: {tmp_path}/*"
    assert refusal(tmp_path, kind="text") == kind
    assert (
        refusal(tmp_path / "a.txt", kind="folder") == f"{tmp_path}/a.txt: is a file, expected the folder of a data set"
    )
    for name in ("metadata.csv", "metadata.jsonl"):
        (tmp_path / name).touch()
    both = "metadata.csv and metadata.jsonl, which are read as different rows"
    assert refusal(tmp_path) == f"{tmp_path}: has {both}; give one of them as a file"


@pytest.mark.parametrize(
    ("name", "rows", "size"),
    [
        ("rows.jsonl", 200_000, 100),
        *((name, 10_000, 1000) for name in ("rows.csv", "rows.tsv", "rows.txt", "rows.jsonl.gz")),
    ],
)
def test_memory_does_not_grow_with_a_file(tmp_path: Path, name: str, rows: int, size: int) -> None:
    header = {"rows.csv": "text,n\n", "rows.tsv": "text\tn\n"}.get(name, "")
    form = {"rows.csv": '"{0} {1}",{0}\n', "rows.tsv": "{0} {1}\t{0}\n", "rows.txt": "{0} {1}\n"}
    row = form.get(name, '{{"n": {0}, "text": "{0} {1}"}}\n')
    path = tmp_path / name
    with gzip.open(path, "wt") if name.endswith(".gz") else path.open("w", encoding="utf-8") as file:
        file.write(header)
        for number in range(rows):
            file.write(row.format(number, "x" * size))
    sources = Sources([str(path)])
    tracemalloc.start()
    try:
        count = sum(record.fault == "" for record in sources)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == rows
    assert most < 2 << 20, most  # of 10 MB and more

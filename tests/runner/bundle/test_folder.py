"""The folder of a bundle is written whole, and takes no place that is not its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.bundle import folder
from runner.bundle.folder import write_folder
from runner.bundle.layout import Entry
from runner.errors import RunError
from runner.files.digest import file_sha256

ENTRIES = [
    Entry("run", b"#!", executable=True),
    Entry("libraries/a.json", b"{}"),
    Entry("python/a.py", b"A = 1\n"),
    Entry("voices/low.npy", b"12"),
]
ABOUT = {"graph": "kokoro", "python": "cpython-311", "machine": "x86_64", "tvm": "0.27"}


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_has_its_entries_bytecode_and_a_list_of_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"copied")
    size = write_folder(tmp_path / "new" / "out", [*ENTRIES, Entry("lib/x.so", source)], ABOUT)
    out = tmp_path / "new" / "out"
    tag = next((out / "python" / "__pycache__").iterdir()).relative_to(out).as_posix()
    assert names(out) == sorted(
        ["run", "libraries/a.json", "python/a.py", "voices/low.npy", "lib/x.so", "bundle.json", tag]
    )
    assert (out / "run").stat().st_mode & 0o777 == (out / "python" / "a.py").stat().st_mode & 0o777 | 0o111
    assert (out / "lib" / "x.so").read_bytes() == b"copied"
    table = json.loads((out / "bundle.json").read_text("utf-8"))
    assert (table["format"], table["graph"], table["files"]["run"]["size"]) == (1, "kokoro", 2)
    assert size == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_two_folders_of_the_same_entries_are_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_folder(tmp_path / name, ENTRIES, ABOUT)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_an_empty_folder_and_an_earlier_bundle_are_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_folder(out, ENTRIES, ABOUT)
    (out / "libraries" / "a.json").write_bytes(b"stamped by a run")
    (out / "voices" / "low.npy").unlink()
    write_folder(out, [Entry("other", b"1")], ABOUT)
    assert names(out) == ["bundle.json", "other"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("damage", [{}, {"format": 2}, {"tvm": None}, {"files": ["run"]}, {"files": {"run": 1}}])
def test_a_folder_with_another_bundle_json_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run").write_bytes(b"mine")
    if damage:
        files = {"run": {"size": 4, "sha256": file_sha256(out / "run")}}
        (out / "bundle.json").write_text(json.dumps({"format": 1, **ABOUT, "files": files} | damage), "utf-8")
    with pytest.raises(RunError, match="has files that are no bundle's, or were changed: "):
        write_folder(out, ENTRIES, ABOUT)
    assert (out / "run").read_bytes() == b"mine"


def test_a_file_that_a_user_has_changed_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, ENTRIES, ABOUT)
    (out / "voices" / "low.npy").write_bytes(b"21")
    with pytest.raises(RunError, match=r"or were changed: voices/low\.npy;"):
        write_folder(out, ENTRIES, ABOUT)
    assert (out / "voices" / "low.npy").read_bytes() == b"21"


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_file_that_comes_while_a_bundle_is_written_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | None
) -> None:
    out = tmp_path / "out"
    write_folder(out, ENTRIES, ABOUT)
    check, calls = folder.check_folder, []

    def check_and_interrupt(*args: Path) -> None:
        calls.append(args)
        if len(calls) == 2 and error is not None:  # the earlier bundle has been moved aside
            raise error
        check(*args)

    def put() -> Iterator[Entry]:
        yield from ENTRIES
        if error is None:
            (out / "mine.txt").write_bytes(b"mine")

    monkeypatch.setattr(folder, "check_folder", check_and_interrupt)
    with pytest.raises(error or RunError, match=r"^$" if error else r"out: has files that are .* changed: mine\.txt;"):
        write_folder(out, put(), ABOUT)
    assert "voices/low.npy" in names(out)
    assert ("mine.txt" in names(out)) == (error is None)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_to_a_folder_stays_and_its_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    write_folder(tmp_path / "out", ENTRIES, ABOUT)
    assert (tmp_path / "out").is_symlink()
    assert "run" in names(tmp_path / "real")


@pytest.mark.parametrize(
    ("path", "of_bundle"), [("notes.txt", False), ("notes.txt", True), ("python/mine.py", True), ("bundle.json", False)]
)
def test_a_folder_with_files_of_a_user_s_is_refused(tmp_path: Path, path: str, *, of_bundle: bool) -> None:
    out = tmp_path / "out"
    if of_bundle:
        write_folder(out, ENTRIES, ABOUT)
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_text("{}", encoding="utf-8")
    before = names(out)
    with pytest.raises(
        RunError, match=rf"out: has files that are no bundle's, or were changed: {path}; give a new folder, or an empty"
    ):
        write_folder(out, [Entry("other", b"1")], ABOUT)
    assert names(out) == before


def test_a_folder_with_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(RunError, match="has files that are no bundle's, or were changed: link;"):
        write_folder(tmp_path / "out", ENTRIES, ABOUT)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="out: is a file; a bundle is a folder, give another name"):
        write_folder(tmp_path / "out", ENTRIES, ABOUT)
    assert (tmp_path / "out").read_text("utf-8") == "mine"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file/out: cannot be written: (Not a directory|File exists)"):
        write_folder(tmp_path / "file" / "out", ENTRIES, ABOUT)


@pytest.mark.parametrize("earlier", [True, False])
def test_an_error_leaves_nothing_behind_and_the_earlier_bundle_whole(tmp_path: Path, *, earlier: bool) -> None:
    out = tmp_path / "out"
    if earlier:
        write_folder(out, ENTRIES, ABOUT)
    before = names(out)

    def fail() -> Iterator[Entry]:
        yield Entry("other", b"1")
        yield Entry("missing", tmp_path / "none")

    with pytest.raises(RunError, match="out: cannot be written: No such file or directory"):
        write_folder(out, fail(), ABOUT)
    assert names(out) == before
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if earlier else [])

"""The folder of a bundle is written whole, and takes no place that is not its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.bundle.folder import write_folder
from runner.bundle.layout import Entry
from runner.errors import RunError

ENTRIES = [Entry("run", b"#!", executable=True), Entry("python/a.py", b"A = 1\n"), Entry("voices/low.npy", b"12")]
ABOUT = {"graph": "kokoro"}


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_has_its_entries_bytecode_and_a_list_of_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"copied")
    size = write_folder(tmp_path / "new" / "out", [*ENTRIES, Entry("lib/x.so", source)], ABOUT)
    out = tmp_path / "new" / "out"
    tag = next((out / "python" / "__pycache__").iterdir()).relative_to(out).as_posix()
    assert names(out) == sorted(["run", "python/a.py", "voices/low.npy", "lib/x.so", "bundle.json", tag])
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
    (out / "run").write_bytes(b"changed")
    (out / "voices" / "low.npy").unlink()
    write_folder(out, [Entry("other", b"1")], ABOUT)
    assert names(out) == ["bundle.json", "other"]
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
    with pytest.raises(RunError, match=rf"out: has files that are no bundle's: {path}; give a new folder, or an empty"):
        write_folder(out, [Entry("other", b"1")], ABOUT)
    assert names(out) == before


def test_a_folder_with_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(RunError, match="has files that are no bundle's: link;"):
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

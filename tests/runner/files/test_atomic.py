"""Files that are written in one step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.files import atomic


def test_write_text_leaves_the_old_text_when_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        atomic.write_text(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.fixture
def umask() -> Iterator[None]:
    """A mask that lets a group write, which few programs expect."""
    before = os.umask(0o002)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("mode", "expected"), [(None, 0o664), (0o600, 0o600), (0o444, 0o444), (0o666, 0o666)])
def test_replaced_file_keeps_its_mode_and_a_new_one_gets_the_mask_s(
    tmp_path: Path, mode: int | None, expected: int
) -> None:
    path = tmp_path / "a.json"
    if mode is not None:
        path.touch()
        path.chmod(mode)
    atomic.write_text(path, "new")
    assert (path.stat().st_mode & 0o777, path.read_text("utf-8")) == (expected, "new")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_replaced_file_keeps_its_owner_and_group(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch()
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    atomic.write_text(path, "new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 54321, 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_group_gets_no_more_than_everybody_when_the_group_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.touch()
    os.chown(path, -1, 54321)
    path.chmod(0o664)
    monkeypatch.setattr(os, "chown", refuse)
    atomic.write_text(path, "new")
    assert (path.stat().st_gid, path.stat().st_mode & 0o777) == (os.getegid(), 0o644)


def refuse(*_given: object) -> None:
    raise PermissionError


def test_what_replaces_a_private_file_is_private_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch(0o600)
    handle, name = atomic.create_beside(path, ".part")
    os.close(handle)
    assert Path(name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("letter", ["a", "ə", "語"])
@pytest.mark.parametrize("size", [226, 227, 244, 255])
def test_names_of_up_to_255_bytes_can_be_written(tmp_path: Path, letter: str, size: int) -> None:
    name = letter * (size // len(letter.encode()))
    name += "b" * (size - len(name.encode()))
    atomic.write_text(tmp_path / name, "new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_shortened_names_of_different_files_differ() -> None:
    first, second = (atomic.shorten("a" * 250 + last) for last in "bc")
    assert first != second
    assert len(first) == 255 - 1 - 28

"""An open file without a name, read from several positions."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from runner.files.file_view import FileView


@pytest.fixture
def file() -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        file.write(b"first\nsecond\n")
        file.flush()
        yield file


def test_views_have_positions_of_their_own(file: BinaryIO) -> None:
    one, other = (io.BufferedReader(FileView(file.fileno())) for _ in range(2))
    assert [next(one), next(other), next(one), next(other)] == [b"first\n", b"first\n", b"second\n", b"second\n"]
    assert file.tell() == 13


def test_view_seeks_from_start_position_and_end(file: BinaryIO) -> None:
    view = FileView(file.fileno())
    assert (view.seek(2), view.read(3)) == (2, b"rst")
    assert (view.seek(1, io.SEEK_CUR), view.read(2)) == (6, b"se")
    assert (view.seek(-3, io.SEEK_END), view.read()) == (10, b"nd\n")
    assert (view.seek(100), view.read(1)) == (100, b"")
    with pytest.raises(ValueError, match="position -1 is before the start"):
        view.seek(-1)


def test_closing_a_view_leaves_the_file_open(file: BinaryIO) -> None:
    with io.BufferedReader(FileView(file.fileno())) as view:
        assert view.read() == b"first\nsecond\n"
    file.seek(0)
    assert file.read(5) == b"first"

"""Errors of the system name the file, and have the class that the caller asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import BuildError, RunError
from runner.files.errors import reading, writing


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error, reading(tmp_path / "none"):
        (tmp_path / "none").read_bytes()
    assert str(error.value) == f"{tmp_path / 'none'}: cannot be read: No such file or directory"


def test_class_of_the_error_is_the_callers() -> None:
    with pytest.raises(BuildError, match=r"^the disk: cannot be written: no reason"), writing("the disk", BuildError):
        raise OSError("no reason")


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="odd"), reading("a"):
        raise ValueError("odd")

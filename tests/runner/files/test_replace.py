"""Replacing files that the user named."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import RunError
from runner.files import replace


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing/a.wav", "missing: No such file or directory"),
        ("folder.wav", "cannot be written: it is a folder"),
        ("pipe.wav", "cannot be written: it is no regular file"),
    ],
)
def test_check_writable_refuses(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "pipe.wav").symlink_to("/dev/null")
    with pytest.raises(RunError) as error:
        replace.check_writable(tmp_path / path)
    assert message in str(error.value)

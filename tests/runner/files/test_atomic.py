"""Files that are written in one step."""

from __future__ import annotations

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

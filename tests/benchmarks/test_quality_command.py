"""The command line of the quality measurements: what it refuses before anything is spoken."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra [reference] is not installed")
pytest.importorskip("onnxruntime", reason="the extra [eval] is not installed")
pytest.importorskip("faster_whisper", reason="the extra [eval] is not installed")

from benchmarks.quality.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--systems", "ours,tacotron"], "error: --systems: unknown tacotron, expected some of ours, pytorch, bf16"),
        (["--page", "absent.md"], "error: absent.md: "),
        (["--page", "page.md"], "error: page.md: it has no part between <!-- quality --> and <!-- /quality -->"),
    ],
)
def test_command_refuses_before_anything_is_spoken(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text("no markers\n", "utf-8")
    assert main(["-c", "mini", "--work", str(tmp_path / "work"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()

"""`python -m training`: one step after the other, and none after one that failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("runner.speech.reference", reason="the extra [reference] is not installed", exc_type=ImportError)

import torch

from training import decoder, predictor, trainer
from training.__main__ import main

_STEPS = ["training.corpus", "training.predictor", "training.decoder", "training.export"]


def _record(monkeypatch: pytest.MonkeyPatch, fails: str | None = None) -> list[list[str]]:
    """The commands that are given from now on, as [module, arguments]; none is run."""
    given: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        assert command[:3] == [sys.executable, "-u", "-m"]
        assert not check
        given.append(command[3:])
        return subprocess.CompletedProcess(command, 3 if command[3] == fails else 0)

    monkeypatch.setattr(subprocess, "run", run)
    return given


def test_each_step_reads_what_the_one_before_wrote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = _record(monkeypatch)
    assert main([str(tmp_path), "--export", str(tmp_path / "exported"), "--seed", "5"]) == 0
    corpus, out = str(tmp_path / "corpus"), str(tmp_path / "model")
    assert given == [
        ["training.corpus", corpus, "--seed", "5"],
        ["training.predictor", corpus, out, "--seed", "5"],
        ["training.decoder", corpus, out, "--seed", "5"],
        ["training.export", out, str(tmp_path / "exported")],
    ]


@pytest.mark.parametrize("step", _STEPS)
def test_nothing_is_run_after_a_step_that_failed(
    step: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = _record(monkeypatch, fails=step)
    assert main([str(tmp_path)]) == 2
    assert [command[0] for command in given] == _STEPS[: _STEPS.index(step) + 1]
    error = capsys.readouterr().err
    assert error.startswith(f"error: {step} {tmp_path}")
    assert error.endswith(": ended with status 3; give the command again to go on\n")


@pytest.mark.parametrize("step", [predictor, decoder])
def test_a_trainer_wants_the_corpus_first(
    step: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = _record(monkeypatch)
    main([str(tmp_path)])
    name = step.__name__.removeprefix("training.")
    (arguments,) = [command[1:] for command in given if command[0] == step.__name__]
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    assert trainer.main(name, step.train, step.STEPS, arguments) == 2
    assert "low" in (error := capsys.readouterr().err)
    assert error.endswith("pt: not there; python -m training.corpus writes it: run it first\n")

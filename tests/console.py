"""Runs the console script in the process of a test."""

from __future__ import annotations

import sys

import pytest


def run_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: object
) -> tuple[int, str, str]:
    """Run `kokoro-run ARGS`; gives its exit code, standard output and standard error."""
    from runner.cli import main  # noqa: PLC0415 - for the tests that ask for it

    monkeypatch.setattr(sys, "argv", ["kokoro-run", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    code = ended.value.code
    out, err = capsys.readouterr()
    return (0 if code is None else int(code)), out, err

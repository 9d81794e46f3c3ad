"""The standard streams: whatever is closed, full or without a reader, and in any locale."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

OWN = {"PYTHONPATH": str(ROOT)}
_PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
ASCII = {**_PLAIN, **OWN, "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def shell(words: list[object], rest: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """`python WORDS REST`; the shell understands REST."""
    command = f"{shlex.join([sys.executable, '-W', 'error', *map(str, words)])} {rest}"
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, cwd=folder, env={**os.environ, **OWN}
    )


@pytest.mark.parametrize(
    ("rest", "code", "out", "err"),
    [
        ("2>&-", 0, b"", None),
        ("2>/dev/full", 0, b"", None),
        ("<&- >&-", 0, b"", b"speech.wav: "),
        ("--json >&-", 2, b"", b"--json: standard output is closed"),
        ("--json >/dev/full", 2, b"", b"standard output: cannot be written: No space left on device\n"),
        ("--json | true; exit ${PIPESTATUS[0]}", 141, b"", b"speech.wav: "),
    ],
)
def test_a_run_ends_as_it_should(
    tones_graph: Path, tmp_path: Path, rest: str, code: int, out: bytes, err: bytes | None
) -> None:
    done = shell(["-m", "runner", tones_graph, "--no-cache", "--phonemes", "h%", "--skip-unknown"], rest, tmp_path)
    assert (done.returncode, done.stdout) == (code, out)
    assert done.stderr == b"" if err is None else err in done.stderr
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "speech.wav").is_file() == ("--json >&-" not in rest)


def test_no_file_gets_the_number_of_a_stream(tmp_path: Path) -> None:
    opens = "from runner.cli import console; console.prepare(); "
    opens += "console.os.write(2, b'lost'); file = open('a.txt', 'w')"
    done = shell(["-c", f"{opens}; print(file.fileno()); file.close()"], "<&- 2>&-", tmp_path)
    assert (int(done.stdout) > 2, (tmp_path / "a.txt").read_bytes()) == (True, b"")


def test_a_locale_without_characters_changes_nothing(tones_graph: Path, tmp_path: Path) -> None:
    output = [str(tones_graph), "--no-cache", "--phonemes", "hɛ", "-o", "hɛ.wav"]
    done = subprocess.run(
        [sys.executable, "-m", "runner", *output], capture_output=True, check=False, cwd=tmp_path, env=ASCII
    )
    assert (done.returncode, done.stderr.startswith("hɛ.wav: 0.10 s of audio".encode())) == (0, True)
    assert (tmp_path / "hɛ.wav").is_file()


def test_a_name_that_is_not_utf_8_is_printed(tmp_path: Path) -> None:
    done = shell(["-m", "runner", "runs", "--cache-dir", os.fsdecode(b"caf\xe9")], "", tmp_path)
    assert (done.returncode, done.stdout) == (0, b"caf\\udce9/runs: no run has left a record there\n")


def test_help_into_a_full_disk_is_reported(tmp_path: Path) -> None:
    done = shell(["-m", "runner", "--help"], ">/dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (2, b"standard output: cannot be written: No space left on device\n")

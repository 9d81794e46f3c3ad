"""The standard streams: whatever is closed, full or without a reader, and in any locale."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.graph.schema import graph_schema
from tests.conftest import ROOT
from tests.runner.conftest import Run
from tests.runner.toys import offer_stage
from tests.systems import needs_full_device

OWN = {"PYTHONPATH": str(ROOT)}
_PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
ASCII = {**_PLAIN, **OWN, "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def shell(words: list[object], rest: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """`python WORDS REST`; the shell understands REST."""
    if "/dev/full" in rest and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
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


FULL = b"standard output: cannot be written: No space left on device\n"


@needs_full_device
@pytest.mark.parametrize(
    "command",
    [
        "runs",
        "plan {graph} --phonemes h",
        "run {graph} --phonemes h --until tokenize",
        "run {graph} --phonemes h --json -q",
        "replay --json -q",
        "compare last last",
        "compare last last --json",
        "show {graph}",
        "config {graph}",
        "check {graph}",
        "schema",
        "cache ls",
        "cache why tones",
        "cache verify",
        "cache gc",
        "cache clear",
        "cache --help",
    ],
)
def test_a_command_whose_output_is_full_says_so_and_ends_with_2(
    run: Run, tones_graph: Path, tmp_path: Path, command: str
) -> None:
    assert run(tones_graph, "--phonemes", "h", "-q")[0] == 0
    words = shlex.join([sys.executable, "-m", "runner", *command.format(graph=tones_graph).split()])
    done = subprocess.run(
        *(f"{words} >/dev/full",),
        shell=True,
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **OWN},
    )
    assert (done.returncode, done.stderr) == (2, FULL)


def test_an_error_that_cannot_be_printed_as_json_is_told_with_the_reason(tones_graph: Path, tmp_path: Path) -> None:
    done = shell(["-m", "runner", tones_graph, "--no-cache", "--phonemes", "7", "--json"], ">/dev/full", tmp_path)
    first, second = done.stderr.splitlines(keepends=True)
    assert (done.returncode, second) == (2, FULL)
    assert first.startswith(b"--phonemes: stage 'tokenize': column 1: unknown symbol '7'")


def test_output_to_a_pipe_that_another_program_has_made_non_blocking_is_whole() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)  # elsewhere a pipe holds less than the schema anyway
    with subprocess.Popen([sys.executable, "-m", "runner", "schema"], cwd=ROOT, stdout=writing) as process:
        os.close(writing)
        time.sleep(1)  # the program fills the pipe
        with os.fdopen(reading, "rb") as file:
            text = file.read()
    assert (process.returncode, text.decode()) == (0, graph_schema())


PRINTING = """
import atexit
import ctypes
import os
import subprocess
import sys

import numpy as np

from stages.contract import In, Out, stage

print("of the module")


@stage(input_ids=In("int64[1, text]", "ids"), said=Out("int64[1, text]", "the same"))
def said(input_ids):
    print("of print")
    sys.__stdout__.write("of the first stream\\n")
    os.write(1, b"of the descriptor\\n")
    subprocess.run(["echo", "of a child"], check=True)
    ctypes.CDLL(None).printf(b"of C code\\n")
    atexit.register(print, "of the end")
    return {"said": input_ids}
"""
SAID = {
    "of the module",
    "of print",
    "of the first stream",
    "of the descriptor",
    "of a child",
    "of C code",
    "of the end",
}


SAID_STAGE = """  said:
    module: others.said
    device: host
    inputs:
      input_ids: int64[1, text] <- tokenize.input_ids
    outputs:
      said: int64[1, text]
"""


@pytest.fixture
def printing_graph(tones_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The graph that speaks, with a stage that prints in every way there is."""
    offer_stage("said", PRINTING, tmp_path, monkeypatch)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    head, tones = tones_graph.read_text("utf-8").split("  tones:\n", 1)
    path = tones_graph.with_name("printing.yaml")
    path.write_text(head + SAID_STAGE + "  tones:\n" + tones.replace("tokenize.input_ids", "said.said"), "utf-8")
    return path


def call(words: list[object], folder: Path) -> tuple[bytes, set[str]]:
    command = [sys.executable, "-m", "runner", *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.decode().splitlines())


@pytest.mark.parametrize("command", ["--stream -q --no-cache", "--json -q --no-cache", "--until said -q --no-cache"])
def test_what_a_stage_prints_goes_to_standard_error(printing_graph: Path, tmp_path: Path, command: str) -> None:
    out, err = call([printing_graph, "--phonemes", "h", *command.split()], tmp_path)
    assert err == SAID
    assert b"of " not in out
    if "--json" in command:
        assert json.loads(out)["status"] == "ok"
    if "--stream" in command:
        assert len(out) == 2 * 3 * 600


def test_what_a_stage_prints_gets_not_into_the_output_of_replay_plan_and_compare(
    printing_graph: Path, tmp_path: Path
) -> None:
    call([printing_graph, "--phonemes", "h", "-q"], tmp_path)
    out, err = call(["replay", "--set", "stages.said.cache=false", "--json", "-q"], tmp_path)
    assert (json.loads(out)["status"], err) == ("ok", SAID)
    out, err = call(["compare", printing_graph, printing_graph, "--phonemes", "h", "--no-cache", "--json"], tmp_path)
    assert (json.loads(out)["within"], err) == (True, SAID)
    out, err = call(["plan", printing_graph, "--phonemes", "h", "--no-cache"], tmp_path)
    assert (b"said" in out, b"of print" in out) == (True, False)


CALLER = """
import io, os, sys
from runner.cli.main import cli
sys.stdout = output = io.StringIO()
cli.main(sys.argv[1:], standalone_mode=False)
assert sys.stdout is output
sys.__stdout__.write(output.getvalue())
sys.__stdout__.flush()
os.write(1, b"and of the caller\\n")
sys.stderr.flush()
os._exit(0)  # what the stage has registered for the end is the caller's
"""
PROGRAM = """
import sys
from runner.cli import main
try:
    main.main()
except SystemExit:
    print("and of the program")
"""


def test_a_caller_in_python_gets_standard_output_back(printing_graph: Path, tmp_path: Path) -> None:
    words = [printing_graph, "--phonemes", "h", "--json", "-q", "--no-cache"]
    done = subprocess.run(
        [sys.executable, "-c", CALLER, *map(str, words)], capture_output=True, check=False, cwd=tmp_path
    )
    summary, rest = done.stdout.splitlines()
    assert (json.loads(summary)["status"], rest) == ("ok", b"and of the caller")
    assert set(done.stderr.decode().splitlines()) == SAID - {"of the end"}


def test_a_program_that_calls_the_command_line_prints_after_it(printing_graph: Path, tmp_path: Path) -> None:
    words = [printing_graph, "--phonemes", "h", "--json", "-q", "--no-cache"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)], capture_output=True, check=False, cwd=tmp_path
    )
    summary, rest = done.stdout.splitlines()
    assert (json.loads(summary)["status"], rest) == ("ok", b"and of the program")
    assert set(done.stderr.decode().splitlines()) == SAID

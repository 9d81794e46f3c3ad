"""The display of a run: on a terminal, elsewhere, and with --quiet."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from runner.batch.summary import Summary
from runner.cli.progress import ProgressLines, count_display, run_display

RATE = 24_000


def summary(spoken: int, seconds: float) -> Summary:
    return Summary(100, RATE, computed=spoken, resumed=2, samples_computed=round(seconds * RATE))


def test_lines_of_progress_are_printed_at_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ProgressLines(every_s=0.0)
    lines.end(summary(5, 10.0))
    ProgressLines(every_s=60.0).end(summary(6, 12.0))
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"7 of 100 utterances, 10\.0 s of audio, real-time factor 0\.\d{3}", line)


def test_lines_of_progress_need_no_audio(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressLines(every_s=0.0).end(summary(0, 0.0))
    assert capsys.readouterr().err == "2 of 100 utterances\n"


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with run_display(2, lambda: "tones", quiet=True) as display:
        display.begin("ipa.txt:1")
        display.end(summary(1, 1.0))
    assert capsys.readouterr() == ("", "")


def test_kept_lines_are_reported_even_if_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with run_display(2, lambda: "tones", quiet=True) as display:
        display.keep(Summary(3, RATE, computed=1))
    assert capsys.readouterr().err == "1 finished line is kept: the same command goes on from there\n"


def test_kept_lines_are_reported_with_the_condition(capsys: pytest.CaptureFixture[str]) -> None:
    with run_display(2, lambda: "tones", quiet=True) as display:
        display.keep(Summary(3, RATE, computed=2), "once the cause of the error is removed")
    expected = (
        "2 finished lines are kept: the same command goes on from there, once the cause of the error is removed\n"
    )
    assert capsys.readouterr().err == expected


def test_a_count_is_printed_at_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    for every_s in (60.0, 0.0):
        with count_display("checked", every_s=every_s) as show:
            show(1)
            show(2)
    assert capsys.readouterr().err == "1 lines checked\n2 lines checked\n"


def test_quiet_shows_no_count(capsys: pytest.CaptureFixture[str]) -> None:
    with count_display("checked", quiet=True, every_s=0.0) as show:
        show(1)
    assert capsys.readouterr() == ("", "")


def on_a_terminal(script: str, *args: str, cwd: Path) -> str:
    """Run a script on a terminal 200 columns wide; gives the text that it writes."""
    parent, child = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "COLUMNS": "200",
        "TERM": "xterm-256color",
    }
    command = [sys.executable, "-c", script, *args]
    display = b""
    with subprocess.Popen(command, stdout=child, stderr=child, env=environment, cwd=cwd) as process:
        os.close(child)
        while select.select([parent], [], [], 60)[0]:
            try:
                block = os.read(parent, 65536)
            except OSError:  # the other end is closed
                break
            display += block
    os.close(parent)
    assert process.returncode == 0, display.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", display.decode())


SLOW = """
import time
from runner.batch.summary import Summary
from runner.cli.progress import run_display

with run_display(4, lambda: "decoder") as display:
    display.begin("ipa[1].txt:3")
    display.end(Summary(4, 24_000, computed=1, resumed=1, samples_computed=48_000))
    time.sleep(0.4)
"""


def test_a_terminal_shows_line_stage_count_audio_and_factor(tmp_path: Path) -> None:
    text = on_a_terminal(SLOW, cwd=tmp_path)
    assert "ipa[1].txt:3" in text
    assert "decoder" in text
    assert "2/4" in text
    assert re.search(r"2\.0 s of audio, real-time factor 0\.\d{3}", text)


COUNT = """
from runner.cli.progress import count_display

with count_display("checked", every_s=0.0) as show:
    show(1)
    show(12)
print("end")
"""


def test_a_terminal_shows_a_count_in_one_line_and_removes_it(tmp_path: Path) -> None:
    assert on_a_terminal(COUNT, cwd=tmp_path) == "\r1 lines checked\r\r12 lines checked\r\rend\r\n"


def test_a_run_on_a_terminal_ends_with_its_report(timed_graph: Path, tmp_path: Path) -> None:
    (tmp_path / "ipa.txt").write_text("h\nhh\n", encoding="utf-8")
    script = "from runner.cli.main import main; main()"
    text = on_a_terminal(script, str(timed_graph), "--input", "ipa.txt", "--no-cache", cwd=tmp_path)
    assert "ipa.wav: 0.47 s of audio in " in text.splitlines()[-1]

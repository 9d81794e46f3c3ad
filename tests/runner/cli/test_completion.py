"""Completion in shells: what is offered at each place of a line, and that the scripts are those of the shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from runner.cli.completion import PROGRAM, VARIABLE
from runner.cli.main import cli
from runner.engine import record
from tests.conftest import ROOT
from tests.runner.conftest import Run

DIAMOND = str(ROOT / "tests/graphs/diamond.yaml")
FILES = ["file"]


def complete(*words: str) -> list[str]:
    """The values that are offered for the last word; FILES if the shell is told to offer files."""
    found = BashComplete(cli, {}, PROGRAM, VARIABLE).get_completions(list(words[:-1]), words[-1])
    return [item.type if item.type == "file" else item.value for item in found]


def test_first_word_is_a_command_or_a_graph() -> None:
    offered = complete("")
    assert {"run", "profile", "stages", "completion", "default", "text"} <= set(offered)
    assert complete("te") == ["text"]
    assert complete("pl") == ["plan"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("plan", ""), ["default", "text"]),
        (("plan", "graphs/"), FILES),
        (("cache", "v"), ["verify"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("run", "default", "-c", "kokoro"), ["kokoro-82m", "kokoro-82m-int8"]),
        (("default", "-c", "st"), ["static"]),
        (("default", "-c", "my.yaml"), FILES),
        (("default", "--phonem"), ["--phonemes"]),
        (("default", "--input", "x"), FILES),
        (("default", "-o", ""), FILES),
        (("default", "--until", "d"), ["duration", "decoder"]),
        (("default", "--from=d"), ["duration", "decoder"]),
        ((DIAMOND, "--only", ""), ["half", "twice", "add", "unused"]),
        (("profile", "default", "--stage", "t"), ["text_encoder"]),
        (("default", "--set", "params.s"), ["params.speed=", "params.seed=", "params.skip_unknown="]),
        (("default", "--set", "devices."), ["devices.host=", "devices.accel="]),
        (("default", "--voice", ""), ["high", "low"]),
        (("default", "-c", "kokoro-82m-int8", "--voice", "a"), ["af_heart", "am_adam"]),
        (("default", "--voice", "./mine"), FILES),
        (("compare", "default", "ref"), ["reference"]),
    ],
)
def test_what_an_argument_or_an_option_takes_is_offered(words: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(complete(*words)) == sorted(expected)


@pytest.mark.parametrize("words", [("none.yaml", "--from", ""), ("plan", "--from", ""), ("chekc", "x")])
def test_line_that_is_wrong_so_far_offers_nothing(words: tuple[str, ...]) -> None:
    assert complete(*words) == []


def test_graph_with_a_mistake_offers_no_stages(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("graph: 1\nstages: {", "utf-8")
    assert complete(str(path), "--until", "") == []


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert complete(str(tmp_path / "pipe"), "--until", "") == []
    assert complete(DIAMOND, "-c", str(tmp_path / "pipe"), "--until", "") == []


def test_a_cache_that_cannot_be_found_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOKORO_RUN_CACHE", "~nobody-of-this-name/x")
    assert complete("replay", "") == ["last"]
    assert complete("cache", "why", "") == []


def test_runs_and_entries_of_the_cache_are_offered(run: Run, stage_cache: Path) -> None:
    assert run(DIAMOND, "--in", "x=[1]")[0] == 0
    (name,) = record.runs(stage_cache / "runs")
    assert complete("replay", "") == ["last", name]
    assert sorted(complete("cache", "ls", "")) == ["add", "half", "twice"]
    (entry,) = complete("cache", "why", "add/")
    assert run("cache", "why", entry)[0] == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_is_printed_and_the_shell_accepts_it(run: Run, shell: str) -> None:
    code, out, err = run("completion", shell)
    assert (code, err) == (0, "")
    assert "kokoro-run" in out
    assert f"{VARIABLE}={shell}_complete" in out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=out, text=True, check=True)


def test_unknown_shell_is_refused(run: Run) -> None:
    code, _, err = run("completion", "csh")
    assert code == 2
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in err


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_a_line(tmp_path: Path) -> None:
    """The script is read by a shell, whose function then asks the program, as at the press of a key."""
    program = tmp_path / "kokoro-run"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom runner.cli.main import main\nmain()\n"
    )
    program.chmod(0o755)
    script = f"""
        PATH={tmp_path}:$PATH
        source <(kokoro-run completion bash)
        COMP_WORDS=(kokoro-run default --until d) COMP_CWORD=3
        _kokoro_run_completion kokoro-run
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["duration", "decoder"], done.stderr

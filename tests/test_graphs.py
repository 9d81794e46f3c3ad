"""The graphs of tests/graphs: each is checked, planned, run twice, replayed and reported.

docs/graphs.md shows files of that folder, and commands that are run here. `KOKORO_WRITE_DOCS=1 pytest
tests/test_graphs.py` writes the files and what the commands print into it.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from runner.api import Graph, Pipeline
from runner.build.build import build
from runner.cache.cache import Cache
from runner.engine.pipeline import Result
from runner.engine.run_state import Status
from runner.runtime import devices
from tests.conftest import ROOT
from tests.console import run_command
from tests.runner import small_model

GRAPHS = ROOT / "tests" / "graphs"
PAGE = ROOT / "docs" / "graphs.md"
_FILE = re.compile(r"`([\w/]+\.(?:yaml|py))`[^`\n]*:\n\n```(?:yaml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r" *\d+\.\d+( s\b|$)", re.MULTILINE)
WORDS = "həlˈO."
Command = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Case:
    """What a graph is given, from Python and on the command line, and the files that it writes into a folder."""

    inputs: Mapping[str, object]
    options: tuple[str, ...]
    files: tuple[str, ...]
    overlays: tuple[str, ...] = field(default=())


NUMBERS = {"x": np.array([1, 2, 3], np.float32)}
LEVEL = {"audio": np.array([0.5, -0.25], np.float32)}
SPOKEN = {"phonemes": WORDS, "voice": "low"}
SPEAK = ("--phonemes", WORDS, "--voice", "low")
CASES = {
    "numbers": Case(NUMBERS, ("--in", "x=[1,2,3]"), ("npy",)),
    "levels": Case(LEVEL, ("--in", "audio=[0.5,-0.25]"), ("wav",)),
    "installed": Case(LEVEL, ("--in", "audio=[0.5,-0.25]"), ("wav",)),
    "words": Case({"line": " two  words"}, ("--in", "line= two  words"), ("clean.txt", "count.npy")),
    "outputs": Case(SPOKEN, SPEAK, ("wav", "narrow.wav", "f0.npy")),
    "two_voices": Case({**SPOKEN, "other": "high"}, (*SPEAK, "--in", "other=high"), ("wav", "other.wav")),
    "f0": Case(SPOKEN, SPEAK, ("npy",)),
    "two_speeds": Case(SPOKEN, SPEAK, ("f0.npy", "slow_f0.npy")),
    "ids": Case(
        {"ids": np.array([[0, 9, 8, 0]]), "others": np.array([[0, 7, 0]])},
        ("--in", "ids=[[0,9,8,0]]", "--in", "others=[[0,7,0]]"),
        ("features.npy", "others.npy"),
    ),
    "diamond": Case(NUMBERS, ("--in", "x=[1,2,3]"), ("npy",)),
    "compiled": Case({"f0": np.array([[100, 0]], np.float32)}, ("--in", "f0=[[100,0]]"), ("npy",)),
    "spelled": Case({"text": "Hello.", "voice": "low"}, ("--in", "text=Hello.", "--voice", "low"), ("wav",)),
}
OF_PACKAGES = ("installed", "weighted")


@pytest.fixture(scope="session")
def root(cache_folder: Path) -> Path:
    """A build root that holds the libraries of the default graph."""
    build(Graph.load(), cache_folder / "build")
    return cache_folder / "build"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the graphs, which is the working folder; what `installed` and `weighted` need is installed."""
    copy = tmp_path / "tests" / "graphs"
    shutil.copytree(GRAPHS, copy)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    install(tmp_path / "packages", monkeypatch)
    monkeypatch.chdir(copy)
    return copy


def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers `example.quieter` and `example.tune`."""
    info = site / "example-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1\n", "utf-8")
    points = "[kokoro_run.stages]\nexample.quieter = example_levels:quieter\nexample.tune = example_stages.tune\n"
    (info / "entry_points.txt").write_text(points, "utf-8")
    (site / "example_stages").mkdir()
    for name, module in (("levels", "example_levels"), ("decibel", "decibel"), ("tune", "example_stages.tune")):
        shutil.copy(GRAPHS / f"{name}.py", (site / module.replace(".", "/")).with_suffix(".py"))
        monkeypatch.delitem(sys.modules, module, raising=False)  # of a test before
    monkeypatch.syspath_prepend(site)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The console script, run in the working folder."""
    return functools.partial(run_command, monkeypatch, capsys)


def run_from_python(name: str, root: Path, cache: Path) -> Result:
    graph = Graph.load(f"{name}.yaml", CASES[name].overlays)
    pipeline = Pipeline(graph, root, cache=Cache(cache))
    pipeline.build()
    return pipeline.run(CASES[name].inputs)


def names_of(result: Result, status: Status) -> list[str]:
    return [name for name, stage in result.stages.items() if stage.status is status]


def test_every_graph_has_a_case() -> None:
    assert {path.stem for path in GRAPHS.glob("*.yaml")} == {*CASES, "weighted"}
    for path in GRAPHS.glob("*.yaml"):
        assert path.read_text("utf-8").startswith("# ")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", [*CASES, "weighted"])
def test_graph_is_checked_shown_and_planned_without_running_its_code(
    name: str, root: Path, command: Command, folder: Path
) -> None:
    for file in folder.glob("*.py"):
        file.write_text(f"{file.read_text('utf-8')}\nraise SystemExit('this file was run')\n", "utf-8")
    for arguments in (("check",), ("show",), ("config", "--origins")):
        code, out, err = command(*arguments, f"{name}.yaml")
        assert (code, err) == (0, ""), err
        assert out
    if name in CASES:
        assert command("plan", f"{name}.yaml", *CASES[name].options, "--build-dir", root)[0] == 0


@pytest.mark.parametrize("name", CASES)
def test_second_run_from_python_computes_nothing(name: str, folder: Path, root: Path, stage_cache: Path) -> None:
    first, again = (run_from_python(name, root, stage_cache) for _ in range(2))
    assert names_of(first, Status.RUN)
    assert names_of(first, Status.HIT) == names_of(again, Status.RUN) == []
    assert first.keys() == again.keys()
    for output, value in first.items():
        np.testing.assert_array_equal(again[output], value)
    assert list(folder.rglob("__pycache__")) == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", CASES)
def test_run_is_planned_written_and_reported(name: str, root: Path, command: Command, tmp_path: Path) -> None:
    case, options = CASES[name], ("--build-dir", root)
    code, plan, err = command("plan", f"{name}.yaml", *case.options, *options)
    assert code == 0, err
    written = []
    for out in ("one/", "two/"):
        report, trace = tmp_path / f"{out[:-1]}.html", tmp_path / f"{out[:-1]}.json"
        code, _, err = command(
            *("run", f"{name}.yaml", *case.options, *options, "-o", out, "--report", report, "--trace", trace)
        )
        assert code == 0, err
        assert report.stat().st_size > 0
        assert trace.stat().st_size > 0
        written.append(contents(Path(out)))
    assert written[0] == written[1]
    assert sorted(written[0]) == sorted(f"0001.{file}" for file in case.files)
    assert all(word in plan for word in Graph.load(f"{name}.yaml").stages)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", CASES)
def test_replay_writes_the_same_files(name: str, root: Path, command: Command) -> None:
    for arguments in (
        ("run", f"{name}.yaml", *CASES[name].options, "--build-dir", root, "-o", "a/"),
        ("replay", "-o", "b/"),
    ):
        code, _, err = command(*arguments)
        assert code == 0, err
    assert contents(Path("b")) == contents(Path("a"))


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder: name -> content."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def run_whole(name: str, root: Path, **inputs: object) -> dict[str, Any]:
    """Run a graph without a cache."""
    pipeline = Pipeline(Graph.load(f"{name}.yaml"), root)
    return pipeline.run({**CASES[name].inputs, **inputs})


@pytest.mark.usefixtures("folder")
def test_numbers_are_multiplied(root: Path) -> None:
    assert run_whole("numbers", root)["y"].tolist() == [2, 4, 6]
    assert run_whole("diamond", root)["sum"].tolist() == [2.5, 5, 7.5]


@pytest.mark.usefixtures("folder")
def test_local_stage_and_installed_stage_give_the_same(root: Path) -> None:
    quieter = run_whole("levels", root)["audio"]
    np.testing.assert_allclose(quieter, LEVEL["audio"] * 10 ** (-6 / 20), rtol=1e-6)
    np.testing.assert_array_equal(run_whole("installed", root)["audio"], quieter)


@pytest.mark.usefixtures("folder")
def test_texts_go_from_stage_to_stage(root: Path) -> None:
    result = run_whole("words", root)
    assert (result["clean"], int(result["count"])) == ("two words.", 2)


@pytest.mark.usefixtures("folder")
def test_resampled_audio_is_written_at_its_own_rate(root: Path, command: Command) -> None:
    asked = ("-o", "a.wav", "-o", "narrow=b.wav", "--build-dir", root)
    assert command("run", "outputs.yaml", *SPEAK, *asked)[0] == 0
    wide, narrow = soundfile.info("a.wav"), soundfile.info("b.wav")
    assert (wide.samplerate, narrow.samplerate) == (24000, 16000)
    assert narrow.frames == wide.frames * 2 // 3
    other = ("-o", "narrow=b.wav", "-o", "audio=a.wav", "--build-dir", root, "--json")  # of the first, it tells seconds
    told = json.loads(command("run", "outputs.yaml", *SPEAK, *other)[1])
    assert (told["sample_rate"], told["audio_seconds"]) == (16000, narrow.frames / 16000)


@pytest.mark.usefixtures("folder")
def test_output_that_nobody_asked_for_is_not_computed(root: Path, command: Command) -> None:
    asked = ("-o", "f0=pitch.npy", "--build-dir", root, "--explain")
    code, _, err = command("run", "outputs.yaml", *SPEAK, *asked)
    assert code == 0, err
    plan = {line.split()[0]: line.split(None, 1)[1] for line in err.splitlines() if line.startswith("  ")}
    assert all(plan[stage].startswith("not needed") for stage in ("decoder", "trim", "resample"))
    assert np.load("pitch.npy").ndim == 2


@pytest.mark.usefixtures("folder")
def test_two_voices_have_one_prosody(root: Path) -> None:
    result = run_whole("two_voices", root)
    assert result["audio"].shape == result["other"].shape
    assert not np.array_equal(result["audio"], result["other"])
    same = run_whole("two_voices", root, other="low")
    np.testing.assert_array_equal(same["other"], result["audio"])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("voices", [("--voice", "low", "--in", "other=high"), ("--voice", "high")])
def test_each_voice_of_a_run_is_that_of_its_replay_and_of_its_comparison(
    voices: tuple[str, ...], root: Path, command: Command
) -> None:
    spoken = ("--phonemes", WORDS, *voices)
    for arguments in (("two_voices.yaml", *spoken, "-o", "a/", "--build-dir", root), ("replay", "-o", "b/")):
        code, _, err = command(*arguments)
        assert code == 0, err
    assert contents(Path("a")) == contents(Path("b"))
    sides = (("last", "last+params.seed=0"), ("last", "two_voices.yaml", *spoken), ("last", "two_voices.yaml"))
    for side in sides:
        code, out, err = command("compare", *side, "--json", "--build-dir", root)
        assert code == 0, err
        assert all(port["equal"] for port in json.loads(out)["utterances"][0]["ports"])


@pytest.mark.usefixtures("folder")
def test_stage_twice_has_two_lengths(root: Path) -> None:
    result = run_whole("two_speeds", root)
    assert result["slow_f0"].shape[1] > 1.5 * result["f0"].shape[1]
    alone = Pipeline(Graph.load("f0.yaml", sets=["params.speed=0.5"]), root).run(SPOKEN)
    np.testing.assert_array_equal(result["slow_f0"], alone["f0"])
    shapes = {name: value.shape for name, value in run_whole("ids", root).items()}
    assert shapes == {"features": (1, 128, 4), "others": (1, 128, 3)}


@pytest.mark.usefixtures("folder")
def test_text_in_front_is_spoken_as_its_phonemes_are(root: Path) -> None:
    result = run_whole("spelled", root, text="Cat.")
    plain = Pipeline(Graph.load(), root).run({"phonemes": "kæt.", "voice": "low"})
    np.testing.assert_array_equal(result["audio"], plain["audio"])


@pytest.mark.usefixtures("folder")
def test_sweep_computes_once_what_its_runs_share(root: Path, command: Command) -> None:
    swept = ("--sweep", "params.speed=0.8,1,1.2", "-o", "swept/", "--build-dir", root)
    code, out, err = command("run", "f0.yaml", *SPEAK, *swept)
    assert code == 0, err
    rows = [line.split() for line in f"{out}{err}".splitlines() if line.startswith("speed=") and ":" not in line]
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("speed=0.8", "7", "0"),
        ("speed=1", "2", "5"),  # align and f0n
        ("speed=1.2", "2", "5"),
    ]
    lengths = [np.load(f"swept/speed={speed}.npy").shape[1] for speed in ("0.8", "1", "1.2")]
    assert lengths == sorted(lengths, reverse=True)
    assert len(set(lengths)) == 3


@pytest.mark.usefixtures("folder")
def test_stage_of_another_package_has_a_weight_of_its_own(tmp_path: Path, stage_cache: Path) -> None:
    """By CONTRIBUTING's recipe, without a change in `runner/`; it is compiled for a length of 2*frames."""
    small_model.write(tmp_path, {**small_model.weights(), "tune.factor.weight": np.array([1.5], np.float32)})
    (tmp_path / "model.yaml").write_text(small_model.MODEL, "utf-8")
    graph = Graph.load("weighted.yaml", [tmp_path / "model.yaml"])
    build(graph, tmp_path / "root")
    inputs = {"phonemes": WORDS, "voice": np.full((9, 16), 0.25, np.float32)}
    first, again = (Pipeline(graph, tmp_path / "root", cache=Cache(stage_cache)).run(inputs) for _ in range(2))
    plain = Pipeline(Graph.load("f0.yaml", [tmp_path / "model.yaml"]), tmp_path / "root", cache=Cache(stage_cache))
    np.testing.assert_array_equal(first["f0"], plain.run(inputs)["f0"] * np.float32(1.5))
    np.testing.assert_array_equal(again["f0"], first["f0"])
    assert names_of(again, Status.RUN) == []


@pytest.mark.usefixtures("folder")
def test_device_kind_beside_the_graph_decides_the_target(root: Path) -> None:
    assert run_whole("compiled", root)["f0"].tolist() == [[150, 0]]
    kind = Graph.load("compiled.yaml").stages["lift"].kind
    assert (kind.target, os.path.relpath(kind.origin)) == (
        {"kind": "llvm", "mcpu": "generic"},
        "devices/generic.yaml",
    )


@pytest.mark.usefixtures("folder")
def test_commands_on_graphs_print_what_the_page_says(
    command: Command, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "mini").symlink_to(root / "mini")
    monkeypatch.setattr(devices, "default_build_root", lambda: tmp_path / "build")
    page = PAGE.read_text("utf-8")
    now = _CONSOLE.sub(lambda block: f"```console\n{_run_block(block[1], command)}```", _FILE.sub(_show_file, page))
    if os.environ.get("KOKORO_WRITE_DOCS"):
        PAGE.write_text(now, "utf-8")
    assert not re.search(r"^```\w+\n```$", now, re.MULTILINE), "a block is empty: its file is not named above it"
    assert _TIME.sub(" #", now).splitlines() == _TIME.sub(" #", page).splitlines()


def _show_file(block: re.Match[str]) -> str:
    head = block[0][: block.start(2) - block.start()]
    return f"{head}{(GRAPHS / block[1]).read_text('utf-8')}```"


def _run_block(block: str, command: Command) -> str:
    """Run the commands of a block; gives them, each with what it prints."""
    told = ""
    for line in re.findall(r"^\$ kokoro-run (.*)$", block, re.MULTILINE):
        _, out, err = command(*shlex.split(line))
        told += f"$ kokoro-run {line}\n{err}{out}"
    return told

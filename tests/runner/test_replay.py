"""Replays: only what depends on the change runs, and what differs from then is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from runner import record
from runner.record import RunRecord

Run = Callable[..., tuple[int, str, str]]
WORDS = "hɛlˈoʊ"
ORDER = ["tokenize", "voice", "bert", "duration", "text_encoder", "align", "f0n", "decoder", "trim"]


@pytest.fixture
def spoken(run: Run, tiny_model: Path, tiny_root: Path) -> Path:
    """A first run of the tiny model, and its audio."""
    options = ("--phonemes", WORDS, "--build-dir", tiny_root, "--subtype", "FLOAT", "-o", "first.wav")
    assert run("default", "-c", tiny_model, *options)[0] == 0
    return Path("first.wav")


def samples(name: str) -> bytes:
    """The samples of a file alone: its head holds the time when it was written."""
    audio, _ = soundfile.read(name, dtype="float32")
    return bytes(audio.tobytes())


def last(cache: Path) -> RunRecord:
    return record.find(cache / "runs", None)


def ran(found: RunRecord) -> list[str]:
    return [name for name in ORDER if found.ran()[name] == "run"]


@pytest.mark.usefixtures("spoken")
def test_replay_runs_nothing_and_gives_the_same(run: Run, stage_cache: Path) -> None:
    assert ran(last(stage_cache)) == ORDER
    code, _, err = run("replay")
    assert (code, "not as in run" in err) == (0, False)
    assert samples("first.replay.wav") == samples("first.wav")
    assert ran(last(stage_cache)) == []


def test_replay_with_another_speed_runs_align_and_below(run: Run, spoken: Path, stage_cache: Path) -> None:
    first = last(stage_cache)
    assert run("replay", "--set", "params.speed=1.5", "-o", "fast.wav")[0] == 0
    found = last(stage_cache)
    assert ran(found) == ["align", "f0n", "decoder", "trim"]
    assert {found.ran()[name] for name in ORDER[:5]} == {"hit"}
    assert found.asked["replays"] == first.id
    assert found.utterances[0].params["speed"] == 1.5
    assert Path("fast.wav").stat().st_size < spoken.stat().st_size


def test_replay_keeps_the_options_of_the_run(run: Run, tiny_model: Path, tiny_root: Path, stage_cache: Path) -> None:
    Path("ipa.txt").write_text("h\nɛ%\n", "utf-8")
    options = ("--input", "ipa.txt", "--speed", "1.5", "--seed", "3", "--skip-unknown", "--pause", "0.05")
    assert run("default", "-c", tiny_model, "--build-dir", tiny_root, *options, "--subtype", "FLOAT")[0] == 0
    Path("ipa.txt").unlink()
    assert run("replay")[0] == 0
    assert samples("ipa.replay.wav") == samples("ipa.wav")
    assert run("replay", "--set", "params.seed=4")[0] == 0
    params = last(stage_cache).utterances[0].params
    assert params == {"speed": 1.5, "seed": 4, "skip_unknown": True}


@pytest.mark.usefixtures("spoken")
def test_replay_of_a_replay(run: Run, stage_cache: Path) -> None:
    assert run("replay", "--set", "params.speed=1.5", "-o", "x.wav")[0] == 0
    assert run("replay", "--set", "params.seed=7", "-o", "y.wav")[0] == 0
    found = last(stage_cache)
    assert ran(found) == ["decoder", "trim"]
    assert found.utterances[0].params == {"speed": 1.5, "seed": 7, "skip_unknown": False}


def test_replay_by_id_of_a_graph_file_that_is_gone(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "--subtype", "FLOAT", "-o", "a.wav")[0] == 0
    name = last(stage_cache).id
    tones_graph.unlink()
    Path("slow.yaml").write_text("params:\n  speed: 0.5\n", "utf-8")
    assert run("replay", name[-6:], "-c", "slow.yaml", "--explain", "-o", "b.wav")[0] == 0
    assert last(stage_cache).graph["params"]["speed"] == 0.5


def test_replay_says_what_differs(
    run: Run, tiny_model: Path, tiny_root: Path, stage_cache: Path, tmp_path: Path
) -> None:
    root = tmp_path / "moved"
    shutil.copytree(tiny_root / "synthetic-tiny-0", root / "synthetic-tiny-0")
    options = ("--phonemes", WORDS, "--build-dir", root, "-o", "a.wav")
    assert run("default", "-c", tiny_model, *options)[0] == 0
    path = stage_cache / "runs" / f"{last(stage_cache).id}.jsonl"
    text = path.read_text("utf-8")
    digest = last(stage_cache).identities["decoder"]["code"]["decoder.so"]
    path.write_text(text.replace(digest, "0" * 64).replace('"numpy": "', '"numpy": "0.'), "utf-8")
    code, _, err = run("replay")
    assert code == 0
    told = [line.partition(": ")[2] for line in err.splitlines() if line.startswith("not as in run ")]
    assert told[0].startswith("numpy 0.")
    assert told[1:] == ["decoder: code changed (decoder.so)"]


@pytest.mark.usefixtures("spoken")
def test_replay_on_another_model_takes_that_model_s_dims(run: Run) -> None:
    code, _, err = run("replay", "-c", "configs/models/mini.yaml", "--set", "stages.bert.device=nowhere")
    assert code == 2
    assert "dim '" not in err
    assert "no device role 'nowhere'" in err


@pytest.mark.usefixtures("spoken")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "params.sped=2"), "params has no 'sped'; did you mean 'speed'"),
        (("nothing",), "run 'nothing': no such run"),
        (("-c", "none.yaml"), "none.yaml: no such file"),
    ],
)
def test_bad_replays_are_messages(run: Run, options: tuple[str, ...], message: str) -> None:
    code, _, err = run("replay", *options)
    assert (code, "Traceback" in err) == (2, False)
    assert message in err

"""Replays: only what depends on the change runs, and what differs from then is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runner.cache.digest import array_digest
from runner.cli.main import cli
from runner.cli.replay import replay
from runner.engine import record
from runner.engine.record import RunRecord
from tests.runner.toys import MINI, offer_stage

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
    return [name for name in ORDER if found.statuses()[name] == "run"]


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
    assert {found.statuses()[name] for name in ORDER[:5]} == {"hit"}
    assert found.asked["replays"] == first.id
    assert found.graph_runs[0].params["speed"] == 1.5
    assert Path("fast.wav").stat().st_size < spoken.stat().st_size


def test_replay_keeps_the_options_of_the_run(run: Run, tiny_model: Path, tiny_root: Path, stage_cache: Path) -> None:
    Path("ipa.txt").write_text("h\nɛ%\n", "utf-8")
    options = ("--input", "ipa.txt", "--speed", "1.5", "--seed", "3", "--skip-unknown", "--pause", "0.05")
    assert run("default", "-c", tiny_model, "--build-dir", tiny_root, *options, "--subtype", "FLOAT")[0] == 0
    Path("ipa.txt").unlink()
    assert run("replay")[0] == 0
    assert samples("ipa.replay.wav") == samples("ipa.wav")
    assert run("replay", "--set", "params.seed=4")[0] == 0
    params = last(stage_cache).graph_runs[0].params
    assert params == {"speed": 1.5, "seed": 4, "alphabet": "kokoro", "skip_unknown": True}


def test_replay_takes_the_options_of_run_in_place_of_those_of_the_run(
    run: Run, tones_graph: Path, stage_cache: Path
) -> None:
    options = ("--phonemes", "h", "--subtype", "FLOAT", "--seed", "3", "-o", "a.wav")
    assert run(tones_graph, *options)[0] == 0
    assert run("replay", "last", "--speed", "2", "--subtype", "PCM_24", "-o", "b.wav", "-q") == (0, "", "")
    found = last(stage_cache)
    assert found.graph_runs[0].params == {"speed": 2.0, "seed": 3, "alphabet": "kokoro", "skip_unknown": False}
    assert soundfile.info("b.wav").subtype == "PCM_24"
    assert soundfile.read("b.wav")[0].max() == pytest.approx(2 * 0.05 + 0.0003, abs=1e-6)


def test_replay_writes_all_that_run_writes(run: Run, timed_graph: Path) -> None:
    assert run(timed_graph, "--phonemes", "h", "-o", "a.wav")[0] == 0
    files = ("--timestamps", "t.srt", "--save-tensors", "ports", "--trace", "t.json", "--report", "r.html")
    code, out, err = run("replay", "last", *files, "--json", "--timings", "-q")
    summary = json.loads(out)
    assert (code, summary["output"], summary["timestamps"]) == (0, "a.replay.wav", "t.srt")
    assert err.lstrip().startswith("all else ")  # every stage is a hit
    assert sorted(path.name for path in Path("ports").iterdir())[-1] == "tones.durations.npy"
    assert all(Path(name).stat().st_size for name in ("a.replay.wav", "t.srt", "t.json", "r.html"))


def test_replay_speaks_other_lines_as_the_run_did(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    np.save("ids.npy", np.array([[0, 50, 0]]))
    assert run(tones_graph, "--phonemes", "h", "--load", "tokenize.input_ids=ids.npy", "--speed", "2")[0] == 0
    Path("ids.npy").unlink()
    Path("ipa.txt").write_text("hɛ\nh\n", "utf-8")
    assert run("replay", "--input", "ipa.txt", "--pause", "0")[0] == 0
    assert [row.text for row in last(stage_cache).rows] == ["hɛ", "h"]
    audio, _ = soundfile.read("speech.replay.wav")
    assert [round(level * 1000) for level in audio[::600]] == [0, 100, 172, 0, 0, 100, 0]
    assert run("replay", "last", "--phonemes", "ɛ", "-o", "c.wav")[0] == 0
    assert len(soundfile.read("c.wav")[0]) == 3 * 600
    assert (
        "give one of --input FILE, --phonemes TEXT and --text TEXT"
        in run("replay", "--input", "ipa.txt", "--phonemes", "h")[2]
    )


def test_replay_runs_another_part_of_the_graph(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "-o", "a.wav", "--timestamps", ".srt")[0] == 2
    assert run(tones_graph, "--phonemes", "h", "-o", "a.wav")[0] == 0
    code, out, _ = run("replay", "--until", "tokenize")
    assert (code, out.splitlines()[1]) == (0, "  tokenize.input_ids: [[ 0, 50,  0]]")
    code, out, _ = run("replay", "--only", "tones", "-q")
    assert (code, last(stage_cache).statuses()["tones"]) == (0, "run")
    code, _, err = run("replay", "--from", "tone")
    assert (code, "no stage is called 'tone'; did you mean 'tones'" in err) == (2, True)


def test_replay_without_the_cache_leaves_no_record(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "-o", "a.wav")[0] == 0
    first = last(stage_cache).id
    assert run("replay", "--no-cache")[0] == 0
    assert (last(stage_cache).id, Path("a.replay.wav").is_file()) == (first, True)


SCALE = """
import numpy as np

from stages.contract import In, Out, stage


@stage(numbers=In("float32[count]", "n"), word=In("str", "w"), scaled=Out("float32[count]", "n * the word's length"))
def scale(numbers, word):
    return {"scaled": numbers * np.float32(len(word))}
"""
SCALE_GRAPH = """
graph: 1
name: scale
devices: {host: cpu:0}
inputs: {numbers: "float32[count]", word: str}
dims: {count: {max: 9}}
stages:
  scale:
    module: others.scale
    device: host
    inputs: {numbers: "float32[count] <- input.numbers", word: str <- input.word}
    outputs: {scaled: "float32[count]"}
outputs: {scaled: scale.scaled}
"""


@pytest.fixture
def scale_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A graph that takes an array and a text, and no lines of phonemes."""
    offer_stage("scale", SCALE, tmp_path, monkeypatch)
    path = tmp_path / "scale.yaml"
    path.write_text(SCALE_GRAPH, "utf-8")
    return path


def test_replay_takes_the_inputs_of_any_graph(
    run: Run, scale_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save("n.npy", np.array([1, 2], np.float32))
    assert run(scale_graph, "--in", "numbers=@n.npy", "--in", "word=abc", "-o", "y.npy")[0] == 0
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    assert run("replay")[0] == 0
    np.testing.assert_array_equal(np.load("y.replay.npy"), [3, 6])
    assert run("replay", "--in", "word=abcd", "-o", "scaled=z.npy")[0] == 0
    np.testing.assert_array_equal(np.load("z.npy"), [4, 8])
    assert run("replay", "--in", "numbers=[5]", "-o", "z.npy")[0] == 0
    np.testing.assert_array_equal(np.load("z.npy"), [20])
    np.save(tmp_path / "work" / "n.npy", np.array([1, 3], np.float32))
    code, _, err = run("replay", "last", "--in", "numbers=@../work/n.npy", "--in", "word=a", "-o", "z.npy")
    assert (code, np.load("z.npy").tolist()) == (0, [1, 3])
    np.save(tmp_path / "work" / "n.npy", np.array([1, 4], np.float32))
    code, _, err = run("replay", "--in", "word=abc", "-o", "z.npy")
    assert (code, "work/n.npy has changed: sha256" in err) == (2, True)
    assert "restore the file, or give another with --in" in err


def test_replay_of_lines_that_an_input_gave_takes_other_lines(run: Run, tones_graph: Path) -> None:
    Path("words.txt").write_text("h", "utf-8")
    assert run(tones_graph, "--in", "phonemes=@words.txt", "-o", "a.wav")[0] == 0
    Path("words.txt").unlink()
    sizes = {(): 3, ("--in", "phonemes=hh"): 4, ("--phonemes", "hhh"): 5}
    for options, tokens in sizes.items():
        assert run("replay", *options, "-o", "b.wav")[0] == 0
        assert len(soundfile.read("b.wav")[0]) == tokens * 600
        assert run(tones_graph, "--in", "phonemes=h", "-o", "a.wav")[0] == 0


def test_replay_takes_every_option_of_run() -> None:
    names = [{option for each in command.params for option in each.opts} for command in (cli.commands["run"], replay)]
    assert names[0] - names[1] == {"graph", "--sweep"}  # which runs a graph many times


@pytest.mark.usefixtures("spoken")
def test_replay_of_a_replay(run: Run, stage_cache: Path) -> None:
    assert run("replay", "--set", "params.speed=1.5", "-o", "x.wav")[0] == 0
    assert run("replay", "--set", "params.seed=7", "-o", "y.wav")[0] == 0
    found = last(stage_cache)
    assert ran(found) == ["decoder", "trim"]
    assert found.graph_runs[0].params == {"speed": 1.5, "seed": 7, "alphabet": "kokoro", "skip_unknown": False}


def test_replay_keeps_ids_and_the_numbers_of_lines(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    Path("ipa.txt").write_text("# note\none\th\nt/o\th\ntwo\thh\n", "utf-8")
    options = ("--input", "ipa.txt", "--ids", "-o", "out/", "--keep-going")
    assert run(tones_graph, *options)[0] == 1
    found = last(stage_cache).rows
    assert [(row.text, row.number, row.id, bool(row.fault)) for row in found] == [
        ("h", 2, "one", False),
        ("h", 3, None, True),
        ("hh", 4, "two", False),
    ]
    Path("ipa.txt").unlink()
    code, _, err = run("replay", "-o", "again/")
    assert (code, "ipa.txt:3: id 't/o' holds '/'" in err) == (1, True)
    assert sorted(path.name for path in Path("again").glob("*.wav")) == ["one.wav", "two.wav"]
    Path("plain.txt").write_text("# note\nh\nh\n", "utf-8")
    run(tones_graph, "--input", "plain.txt", "-o", "plain/")
    assert run("replay", "-o", "plain2/")[0] == 0
    assert sorted(path.name for path in Path("plain2").glob("*.wav")) == ["0002.wav", "0003.wav"]


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
    code, _, err = run("replay", "-q")
    assert code == 0
    told = [line.partition(": ")[2] for line in err.splitlines() if line.startswith("not as in run ")]
    assert told[0].startswith("numpy 0.")
    assert told[1:] == ["decoder: code changed (decoder.so)"]


@pytest.mark.parametrize("times", ["t.json", ".json"])
def test_replay_writes_its_timestamps_beside_its_audio(run: Run, timed_graph: Path, times: str) -> None:
    assert run(timed_graph, "--phonemes", "h", "-o", "a.wav", "--timestamps", times)[0] == 0
    first = Path("t.json" if times == "t.json" else "a.json")
    spoken = first.read_bytes()
    first.write_text("of the run", "utf-8")
    assert run("replay")[0] == 0
    assert (first.read_text("utf-8"), Path("a.replay.json").read_bytes()) == ("of the run", spoken)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, np.ndarray]:
    """The voices of two folders, work and there, whose files have the same names and different contents."""
    voices = {"work": "low", "there": "high"}
    packs = {name: np.load(MINI / "voices" / f"{voice}.npy").astype(np.float32) for name, voice in voices.items()}
    for number, (name, pack) in enumerate(packs.items()):
        (tmp_path / name / "voices").mkdir(parents=True)
        for file in ("me.npy", "voices/low.npy"):
            np.save(tmp_path / name / file, pack)
        np.savez(tmp_path / name / "many.npz", allow_pickle=False, a=pack, b=pack * np.float32(0.5))
        (tmp_path / name / "vocab.json").write_text(json.dumps({"h": 7 + number}), "utf-8")
        np.save(tmp_path / name / "ids.npy", np.array([[0, 50 + number, 0]]))
    return packs


INPUTS = {
    "file": ("--voice", "me.npy"),
    "path": ("--voice", "../work/me.npy"),
    "one_of_many": ("--voice", "many.npz:b"),
    "mix": ("--voice", "low*0.3 + me.npy*0.7,./many.npz:a"),
    "named": ("--set", "model.voices=voices", "--voice", "low"),
    "default": ("--set", "model.voices=voices"),
    "vocab": ("--vocab", "vocab.json"),
    "array": ("--load", "tokenize.input_ids=ids.npy"),
    "input": ("--in", "voice=me.npy"),
    "input from a file": ("--in", "voice=@me.npy"),
}


def as_typed(path: Path, options: tuple[str, ...]) -> None:
    """Give a record the paths that records had before these were absolute."""
    head, *rest = path.read_text("utf-8").splitlines(keepends=True)
    fields = json.loads(head)
    typed = {name.removeprefix("--"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    fields["run"]["asked"] |= {"voice": typed.get("voice"), "vocab": typed.get("vocab")}
    fields["run"]["asked"]["load"] = [typed["load"]] if "load" in typed else []
    path.write_text(json.dumps(fields) + "\n" + "".join(rest), "utf-8")


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    ("case", "is_old"),
    [(case, is_old) for case, (option, *_) in INPUTS.items() for is_old in {False, option != "--in"}],
)
def test_replay_reads_what_the_run_has_read_when_called_elsewhere(
    run: Run, voiced_graph: Path, stage_cache: Path, monkeypatch: pytest.MonkeyPatch, case: str, is_old: bool
) -> None:
    assert run(voiced_graph, "--phonemes", "h", *INPUTS[case], "-o", "a.wav")[0] == 0
    first = last(stage_cache)
    if is_old:
        as_typed(stage_cache / "runs" / f"{first.id}.jsonl", INPUTS[case])
    monkeypatch.chdir("../there")
    code, _, err = run("replay")
    assert (code, "not as in run" in err) == (0, False)
    found = last(stage_cache)
    assert (found.id != first.id, "run" in found.statuses().values()) == (True, False)
    assert found.graph_runs[0].inputs == first.graph_runs[0].inputs
    assert samples("a.replay.wav") == samples("../work/a.wav")


CHANGED = {
    "file": ("me.npy", "voice '{work}/me.npy' has changed: sha256 ", "give one with --voice"),
    "one_of_many": ("many.npz", "voice '{work}/many.npz:b' has changed: sha256 ", "give one with --voice"),
    "mix": ("me.npy", "voice 'low*0.3 +{work}/me.npy*0.7,{work}/many.npz:a' has changed: ", "give one with --voice"),
    "named": ("voices/low.npy", "voice 'low' has changed: sha256 ", "give one with --voice"),
    "default": ("voices/low.npy", "the model's voice 'low' in {work}/voices has changed: ", "give one with --voice"),
    "vocab": ("vocab.json", "--vocab {work}/vocab.json has changed: sha256 ", "restore the file, or run anew"),
    "array": ("ids.npy", "--load tokenize.input_ids={work}/ids.npy has changed: ", "restore the file"),
}
ABSENT = {
    "file": "voice '{work}/me.npy': there is no such file; restore the voice, or give one with --voice",
    "one_of_many": "voice '{work}/many.npz:b': there is no such file; restore the voice, or give one with --voice",
    "mix": "voice '{work}/me.npy': there is no such file; restore the voice, or give one with --voice",
    "default": "voice 'low': not in {work}/voices; there is none; restore the voice, or give one with --voice",
    "named": "voice 'low': not in {work}/voices; there is none; restore the voice, or give one with --voice",
    "vocab": "{work}/vocab.json: cannot be read: No such file or directory; restore the file, or run anew",
    "array": "{work}/ids.npy: cannot be read: No such file or directory; restore the file, or run anew",
}


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize("case", CHANGED)
def test_replay_refuses_an_input_that_has_changed_or_is_gone(
    run: Run, voiced_graph: Path, stage_cache: Path, case: str
) -> None:
    assert run(voiced_graph, "--phonemes", "h", *INPUTS[case], "-o", "a.wav")[0] == 0
    file, *expected = CHANGED[case]
    name = last(stage_cache).id
    shutil.copy(Path("../there", file), file)
    code, _, err = run("replay")
    assert code == 2
    for message in (f"run {name} cannot be done again: ", *expected):
        assert message.format(work=Path.cwd()) in err
    Path(file).unlink()
    code, _, err = run("replay")
    assert (code, err.startswith(f"run {name} cannot be done again: ")) == (2, True)
    assert ABSENT[case].format(work=Path.cwd()) in err
    assert (Path("a.replay.wav").exists(), last(stage_cache).id) == (False, name)


@pytest.mark.parametrize(
    ("case", "options"),
    [
        ("file", ("--voice", "me.npy")),
        ("named", ("--voice", "low")),
        ("default", ("--set", "model.voices=../there/voices")),
        ("named", ("--set", "model.voices=../there/voices")),
    ],
)
def test_replay_takes_another_voice_that_is_asked_for(
    run: Run,
    voiced_graph: Path,
    stage_cache: Path,
    folders: dict[str, np.ndarray],
    case: str,
    options: tuple[str, ...],
) -> None:
    assert run(voiced_graph, "--phonemes", "h", *INPUTS[case], "-o", "a.wav")[0] == 0
    for file in ("me.npy", "voices/low.npy"):
        shutil.copy(Path("../there", file), file)
    assert run("replay", *options)[0] == 0
    found = last(stage_cache)
    assert found.graph_runs[0].inputs["voice"] == array_digest(folders["there"])
    assert run("replay")[0] == 0
    assert last(stage_cache).asked["replays"] == found.id


def test_replay_of_another_model_refuses_a_voice_file_that_has_changed(
    run: Run, voiced_graph: Path, folders: dict[str, np.ndarray]
) -> None:
    assert run(voiced_graph, "--phonemes", "h", *INPUTS["file"])[0] == 0
    np.save("me.npy", folders["there"])
    code, _, err = run("replay", "--set", "model.voices=voices")
    assert (code, "me.npy' has changed" in err) == (2, True)


def test_replay_keeps_where_a_value_of_the_command_came_from(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "--set", "dims.text.max=12", "-o", "a.wav")[0] == 0
    assert run("replay")[0] == 0
    rows = {".".join(row[0]): row for row in last(stage_cache).graph["tree"]}
    assert rows["dims.text.max"][1:3] == [12, ["set dims.text.max=12", 0, 0]]


@pytest.mark.usefixtures("toy_graph", "toy_root")
def test_replay_elsewhere_takes_graph_overlay_and_libraries_of_then(
    run: Run, tmp_path: Path, stage_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("overlay.yaml").write_text("model: {voices: my/voices}\ndims: {text: {max: 12}}\n", "utf-8")
    options = ("--phonemes", "h", "--build-dir", "../build", "--until", "scaled", "-q")
    assert run("../toy.yaml", "-c", "overlay.yaml", *options)[0] == 0
    (tmp_path / "far" / "away").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "far" / "away")
    Path("../toy.yaml").write_text("\n".join(f"line {number} of another graph" for number in range(99)), "utf-8")
    code, _, err = run("replay")
    found = last(stage_cache)
    assert (code, "not as in run" in err, "run" in found.statuses().values()) == (0, False, False)
    assert found.asked["build_dir"] == f"{tmp_path}/work/../build"
    assert found.graph["model"]["voices"] == f"{tmp_path}/work/my/voices"
    code, _, err = run("replay", "--set", "devices.host=null")
    assert (code, "of another graph" in err) == (2, False)
    assert f"{tmp_path}/work/../toy.yaml:" in err


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

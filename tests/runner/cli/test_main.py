"""The command line: where audio goes, what is refused, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

TOKEN = 600  # samples
Run = Callable[..., tuple[int, str, str]]


def levels(path: Path) -> list[int]:
    """The ids that a file of the toy was made from."""
    audio, rate = soundfile.read(path, dtype="float32")
    assert rate == 24_000
    return [round(float(level) * 1000) for level in audio[::TOKEN]]


def ipa(text: str, name: str = "ipa.txt") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_run_is_the_default_command(run: Run, tones_graph: Path) -> None:
    assert run(tones_graph, "--phonemes", "hɛ", "-o", "a.wav")[0] == 0
    assert run("run", tones_graph, "--phonemes", "hɛ", "-o", "b.wav")[0] == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    assert levels(Path("a.wav")) == [0, 50, 86, 0]


def test_output_is_named_after_the_input(run: Run, tones_graph: Path) -> None:
    ipa("hɛ\n", "lines.txt")
    code, out, err = run(tones_graph, "--input", "lines.txt")
    assert (code, out) == (0, "")
    assert err.startswith("lines.wav: 0.10 s of audio in ")
    assert sorted(path.name for path in Path().iterdir()) == ["lines.txt", "lines.wav"]


def test_phonemes_make_speech_wav(run: Run, tones_graph: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "-q") == (0, "", "")
    assert levels(Path("speech.wav")) == [0, 50, 0]


def test_what_a_killed_run_left_of_its_audio_goes_with_a_later_run(run: Run, tones_graph: Path) -> None:
    """Not at once: the file of a run that is still at work looks the same."""
    left, fresh, other, theirs = (
        Path(name)
        for name in (
            ".speech.wav.abcd_123.part", ".speech.wav.zzzzzzzz.part", ".other.wav.abcd_123.part", ".speech.wav.original"
        )
    )  # fmt: skip
    for path in (left, fresh, other, theirs):
        path.write_bytes(b"RIFF")
    for path in (left, other, theirs):
        os.utime(path, (0, 0))
    run(tones_graph, "--phonemes", "h", "-q")
    assert sorted(Path().iterdir()) == sorted([other, theirs, fresh, Path("speech.wav")])


def test_environment_says_how_many_threads_numpy_multiplies_with(
    run: Run, tones_graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, kept in (("", "1"), ("3", "3")):
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
        if not given:
            monkeypatch.delenv("OPENBLAS_NUM_THREADS")
        run(tones_graph, "--phonemes", "h", "-q")
        assert os.environ["OPENBLAS_NUM_THREADS"] == kept


def test_lines_are_joined_with_a_pause(run: Run, tones_graph: Path) -> None:
    ipa("h\n# note\n\nɛ\n")
    assert run(tones_graph, "--input", "ipa.txt", "--pause", "0.05")[0] == 0
    assert levels(Path("ipa.wav")) == [0, 50, 0, 0, 0, 0, 86, 0]


def test_folder_gets_a_file_a_line(run: Run, tones_graph: Path) -> None:
    ipa("h\nɛ\n")
    assert run(tones_graph, "--input", "ipa.txt", "-o", "out/")[0] == 0
    assert [levels(path) for path in sorted(Path("out").iterdir())] == [[0, 50, 0], [0, 86, 0]]
    assert sorted(path.name for path in Path("out").iterdir()) == ["0001.wav", "0002.wav"]


def test_subtype_and_extension_choose_the_format(run: Run, tones_graph: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "-o", "a.wav", "--subtype", "FLOAT")[0] == 0
    assert run(tones_graph, "--phonemes", "h", "-o", "a.flac")[0] == 0
    assert soundfile.info("a.wav").subtype == "FLOAT"
    assert soundfile.info("a.flac").format == "FLAC"


def test_options_reach_the_parameters(run: Run, tones_graph: Path) -> None:
    options = ("--speed", "2", "--seed", "30", "--subtype", "FLOAT")
    assert run(tones_graph, "--phonemes", "h", "-o", "a.wav", *options)[0] == 0
    assert levels(Path("a.wav")) == [3, 103, 3]


def test_set_and_overlay_reach_the_graph(run: Run, tones_graph: Path) -> None:
    Path("fast.yaml").write_text("params:\n  speed: 2.0\n", encoding="utf-8")
    assert run(tones_graph, "--phonemes", "h", "-c", "fast.yaml", "--set", "params.seed=10")[0] == 0
    assert levels(Path("speech.wav")) == [1, 101, 1]


@pytest.mark.parametrize("vocab", [{"h": 7}, {"vocab": {"h": 7}}])
def test_vocab_replaces_the_model_s_own(run: Run, tones_graph: Path, vocab: dict[str, object]) -> None:
    Path("vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    assert run(tones_graph, "--phonemes", "h", "--vocab", "vocab.json")[0] == 0
    assert levels(Path("speech.wav")) == [0, 7, 0]


def test_timings_list_the_stages(run: Run, tones_graph: Path) -> None:
    _, _, err = run(tones_graph, "--phonemes", "h", "--timings", "-q")
    assert [line.split()[0] for line in err.splitlines()] == ["tokenize", "tones", "all"]


def test_skipped_symbols_are_reported_with_their_line(run: Run, tones_graph: Path) -> None:
    ipa("h\nh%\n")
    code, _, err = run(tones_graph, "--input", "ipa.txt", "--skip-unknown", "-q")
    assert (code, err) == (0, "warning: ipa.txt:2: tokenize: dropped 1 unknown symbol: '%' U+0025\n")


def test_names_are_printed_as_they_are(run: Run, tones_graph: Path) -> None:
    """None is a format, a markup or a line of its own."""
    for name in ("50%d %s.txt", "{0}.txt", "[bold].txt"):
        ipa("h%\n", name)
        code, _, err = run(tones_graph, "--input", name, "--skip-unknown", "-q")
        assert (code, err) == (0, f"warning: {name}:1: tokenize: dropped 1 unknown symbol: '%' U+0025\n")
    ipa("%\n", "a\tb\n.txt")
    code, _, err = run(tones_graph, "--input", "a\tb\n.txt")
    assert (code, err.startswith(r"a\tb\n.txt:1: stage 'tokenize'")) == (2, True)


def test_clipping_is_reported(run: Run, tones_graph: Path) -> None:
    _, _, err = run(tones_graph, "--phonemes", "h", "--seed", "20000")
    assert "warning: speech.wav: 1800 of 1800 samples are beyond [-1, 1] (up to 2.05) and were clipped" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "give one of --input FILE and --phonemes TEXT, or --in phonemes=TEXT"),
        (("--phonemes", "h", "--input", "ipa.txt"), "give one of --input FILE, --phonemes TEXT and --text TEXT"),
        (("--input", "none.txt"), "none.txt: cannot be read: No such file or directory"),
        (("--input", "empty.txt"), "empty.txt: has no line but blank ones and # comments"),
        (("--phonemes", " "), "--phonemes: is blank"),
        (("--phonemes", "h%"), "--phonemes: stage 'tokenize': column 2: unknown symbol '%' U+0025"),
        (("--input", "bad.txt"), "bad.txt:2: stage 'tokenize': column 1: unknown symbol '%'"),
        (("--phonemes", "h", "--speed", "0"), "0.0 is not in the range 0.25<=x<=4"),
        (("--phonemes", "h", "--speed", "nan"), "nan is no speed; give a number"),
        (("--phonemes", "h", "--seed", str(2**63)), "params.seed: 9223372036854775808 is beyond the range of int64"),
        (("--phonemes", "h", "--pause", "nan"), "nan is no pause"),
        (("--phonemes", "h", "--threads", "0"), "0 is not in the range"),
        (("--phonemes", "h", "-o", "a.xyz"), "a.xyz: no audio format is called '.xyz'"),
        (("--phonemes", "h", "-o", "none/a.wav"), "none/a.wav: cannot be written"),
        (("--phonemes", "h", "--subtype", "NONE"), "WAV has no subtype 'NONE'"),
        (("--phonemes", "h", "--vocab", "none.json"), "none.json: cannot be read"),
        (("--phonemes", "h", "--voice", "nobody"), "has no input of type voice"),
        (("--phonemes", "h", "--set", "params.sped=2"), "params has no 'sped'; did you mean 'speed'"),
        (("--phonemes", "h", "-c", "none.yaml"), "none.yaml: no such file"),
        (("--phonemes", "h", "--set", "devices.host=cpu:7"), "devices.host is cpu:7, but a CPU has the index 0 only"),
        (("--phonemes", "h", "--set", "stages.tones.entry=other"), "has no entry 'other'"),
    ],
)
def test_bad_input_is_a_message_and_exit_2(run: Run, tones_graph: Path, args: tuple[str, ...], message: str) -> None:
    ipa("", "empty.txt")
    ipa("h\n%\nhh%\n", "bad.txt")
    before = sorted(Path().iterdir())
    code, out, err = run(tones_graph, *args)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert sorted(Path().iterdir()) == before


def test_every_bad_line_is_listed_before_any_is_spoken(run: Run, tones_graph: Path) -> None:
    ipa("h\n%\nh\n&\n")
    code, _, err = run(tones_graph, "--input", "ipa.txt")
    assert code == 2
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["ipa.txt:2", "ipa.txt:4"]


def test_debug_shows_the_traceback(run: Run, tones_graph: Path) -> None:
    code, _, err = run(tones_graph, "--phonemes", "%", "--debug")
    assert code == 2
    assert err.startswith("Traceback")


def test_old_output_stays_when_a_run_fails(run: Run, tones_graph: Path) -> None:
    Path("speech.wav").write_bytes(b"old")
    assert run(tones_graph, "--phonemes", "h", "--set", "stages.tones.entry=other")[0] == 2
    assert Path("speech.wav").read_bytes() == b"old"


def test_voice_is_refused_by_a_graph_without_one(run: Run, tones_graph: Path) -> None:
    code, _, err = run(tones_graph, "--phonemes", "h", "--voice", "low")
    assert (code, err) == (2, f"--voice: {tones_graph} has no input of type voice\n")


def test_graph_without_audio_is_not_streamed(run: Run, toy_graph: Path) -> None:
    code, _, err = run(toy_graph, "--phonemes", "h", "--stream")
    wanted = "a graph that speaks has an output that is audio, as in audio: {from: STAGE.PORT, as: audio, rate: 24000}"
    assert (code, err) == (2, f"{toy_graph}: {wanted}; this one has none\n")


@pytest.mark.parametrize("spelled", ["default", "graphs/default.yaml"])
def test_check_finds_the_packaged_graph(run: Run, spelled: str) -> None:
    code, out, err = run("check", spelled)
    assert (code, err) == (0, "")
    assert "default.yaml: 9 stages, no mistakes" in out


def test_check_lists_every_mistake(run: Run) -> None:
    code, _, err = run("check", "default", "--set", "params.seed=1.5", "--set", "stages.bert.device=gpu")
    assert code == 2
    assert "params.seed" in err
    assert "gpu" in err


def test_show_prints_mermaid(run: Run) -> None:
    code, out, _ = run("show", "default")
    assert code == 0
    assert out.startswith("flowchart LR\n")


def test_schema_is_the_committed_one(run: Run, repository: Path) -> None:
    assert run("schema")[1] == (repository / "graphs" / "graph.schema.json").read_text(encoding="utf-8")


def test_config_says_where_a_value_comes_from(run: Run) -> None:
    _, out, _ = run("config", "default", "--origins", "--set", "params.speed=2.0")
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert lines["params.speed.default"] == "2.0  # --set params.speed=2.0"
    assert "default.yaml:" in lines["stages.bert.entry"]


def test_assets_writes_voices_and_vocabulary(run: Run, repository: Path) -> None:
    model = repository / "configs" / "models" / "mini"
    code, out, _ = run("assets", model / "config.json", model / "voices/low.npy", "-o", "out")
    assert code == 0
    assert sorted(out.split()) == ["out/low.npy", "out/vocab.json"]
    assert np.load("out/low.npy").shape == np.load(model / "voices/low.npy").shape


def test_empty_output_is_refused(run: Run, tones_graph: Path) -> None:
    code, _, err = run(tones_graph, "--phonemes", "h", "-o", "")
    assert (code, "the output is empty" in err) == (2, True)
    assert not Path("0001.wav").exists()


@pytest.mark.parametrize(
    ("word", "command"),
    [("bild", "build"), ("chek", "check"), ("asets", "assets"), ("voice", "voices"), ("rnu", "run")],
)
@pytest.mark.parametrize("options", [(), ("default",), ("--phonemes", "h"), ("--help",), ("--json",)])
def test_misspelled_command_is_a_message(run: Run, word: str, command: str, options: tuple[str, ...]) -> None:
    code, out, err = run(word, *options)
    assert (code, out) == (2, "")
    assert err == f"Error: {word}: no such command, and no such graph; did you mean the command `{command}`?\n"


def test_graph_with_the_name_of_a_misspelled_command_is_a_graph(run: Run, tones_graph: Path) -> None:
    (tones_graph.parent / "work" / "bild").write_text(tones_graph.read_text("utf-8"), "utf-8")
    (tones_graph.parent / "work" / "libraries").symlink_to(tones_graph.parent / "libraries")
    assert run("bild", "--phonemes", "h", "-q")[0] == 0


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (("default", "--voise", "low"), "--voice"),
        (("check", "default", "--confg", "a.yaml"), "--config"),
        (("voices", "--jsn"), "--json"),
        (("cache", "lss"), "ls"),
    ],
)
def test_misspelled_option_or_subcommand_is_a_message(run: Run, given: tuple[str, ...], meant: str) -> None:
    code, _, err = run(*given)
    assert (code, f"'{meant}'" in err.splitlines()[-1]) == (2, True)
    assert "id you mean" in err


def test_help_of_the_program_lists_the_commands(run: Run) -> None:
    assert run("-h") == run("--help")
    assert "voices " in run("-h")[1]


def test_unknown_graph_is_a_message(run: Run) -> None:
    code, _, err = run("defualt", "--phonemes", "h")
    assert (code, "did you mean 'default'" in err) == (2, True)


@pytest.mark.usefixtures("heeding_interrupts")
def test_interrupt_ends_with_130_and_leaves_nothing(tones_graph: Path, tmp_path: Path, repository: Path) -> None:
    work = tmp_path / "interrupted"
    work.mkdir()
    os.mkfifo(tmp_path / "ipa.txt")
    options = ["--input", str(tmp_path / "ipa.txt"), "-o", str(work / "a.wav")]
    command = [sys.executable, "-m", "runner", str(tones_graph), *options]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    opened = (tmp_path / "ipa.txt").open  # for writing, which returns once the other end is open
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process, opened("wb"):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"\ninterrupted\n")
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "tones", "--until", "tones"), "--only cannot be combined with --from or --until; give it alone"),
        (("--set", "params.sped=2"), "--set params.sped=2: params has no 'sped'; did you mean 'speed'?"),
        (("--phonemes", "h%"), "Correct it, or use --skip-unknown to drop unknown symbols"),
    ],
)
def test_messages_spell_arguments_as_options(
    run: Run, tones_graph: Path, options: tuple[str, ...], message: str
) -> None:
    code, _, err = run(tones_graph, "--phonemes", "h", *options)
    assert (code, message in err) == (2, True)

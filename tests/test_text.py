"""The graph `text` with the default model: what is spoken, when each word is, and what the cache keeps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile

from kokoro_run import Cache, Graph, Pipeline
from runner.engine.run_state import Status
from tests.console import run_command

VOICE = ("bert", "duration", "text_encoder", "align", "f0n", "decoder", "trim")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def build_root(cache_folder: Path) -> Path:
    """The folder of the libraries of the graph."""
    root = cache_folder / "build"
    Pipeline(Graph.load("text"), root).build()
    return root


@pytest.fixture
def speak(
    build_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command `kokoro-run text`, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def speak(*arguments: str) -> tuple[int, str, str]:
        return run_command(
            monkeypatch,
            capsys,
            "text",
            "--build-dir",
            str(build_root),
            "--cache-dir",
            str(tmp_path / "cache"),
            *arguments,
        )

    return speak


def test_a_story_is_spoken_paragraph_by_paragraph(speak: Command, repository: Path) -> None:
    story = repository / "graphs" / "hello.txt"
    assert speak("--input", str(story), "-o", "story.wav", "--timestamps", ".json")[0] == 0
    told = json.loads(Path("story.json").read_text("utf-8"))["utterances"]
    paragraphs = story.read_text("utf-8").rstrip("\n").split("\n\n")
    assert [row["text"] for row in told] == paragraphs
    for row, paragraph in zip(told, paragraphs, strict=True):
        columns = [word["column"] - 1 for word in row["words"]]
        assert [paragraph[at : at + len(word["text"])] for at, word in zip(columns, row["words"], strict=True)] == [
            word["text"] for word in row["words"]
        ]
        times = [time for word in row["words"] for time in (word["start"], word["end"])]
        assert times == sorted(times)
        assert row["start"] < times[0] < times[-1] < row["end"]
    gaps = [after["start"] - before["end"] for before, after in pairwise(told)]
    assert gaps == pytest.approx([0.6] * (len(paragraphs) - 1))
    words = {word["text"]: word["phonemes"] for row in told for word in row["words"]}
    assert (words["9:30"], words["$2.50"]) == ("nˈIn θˈɜɹTi", "tˈu dˈɑləɹz ænd fˈɪfti sˈɛnts")
    assert told[0]["end"] - told[0]["start"] > 1


@pytest.mark.parametrize(
    ("format_", "wanted"),
    [
        (".srt", "1\n00:00:00,"),
        (".vtt", "\nI\n"),
        (".tsv", "\tword\t$5\t--text\t12\n"),
        (".TextGrid", 'text = "$5"'),
    ],
)
def test_times_name_the_words_of_the_user(speak: Command, format_: str, wanted: str) -> None:
    assert speak("--text", "I will owe $5.", "-o", "a.wav", "--timestamps", format_)[0] == 0
    found = Path("a").with_suffix(format_).read_text("utf-8")
    assert wanted in found
    assert "$5" in found


def test_a_text_is_as_long_as_its_phonemes(speak: Command, build_root: Path) -> None:
    assert speak("--text", "I read it on Monday.", "-o", "a.wav", "--timestamps", ".json")[0] == 0
    (row,) = json.loads(Path("a.json").read_text("utf-8"))["utterances"]
    assert row["phonemes"] == "ˌI ɹˈɛd ɪt ˌɔn mˈʌndˌA."
    (part,) = Pipeline(Graph.load("default"), build_root).stream(row["phonemes"])
    assert soundfile.info("a.wav").frames == part.audio.size


def test_a_separator_is_a_pause(speak: Command) -> None:
    Path("story.txt").write_text("One.\n\n* * *\n\nTwo.\n", "utf-8")
    code, _, err = speak("--input", "story.txt", "-o", "out/")
    assert code == 0
    assert "story.txt:3: nothing in it is spoken" in err
    assert speak("--input", "story.txt", "-o", "a.wav", "--timestamps", ".json")[0] == 0
    told = json.loads(Path("a.json").read_text("utf-8"))["utterances"]
    assert [(row["text"], row["phonemes"] != "") for row in told] == [("One.", True), ("* * *", False), ("Two.", True)]
    assert [soundfile.info(path).frames > 0 for path in sorted(Path("out").glob("*.wav"))] == [True, False, True]


def test_a_full_stop_behind_a_mark_is_no_reason_to_warn(speak: Command) -> None:
    document = '<speak>She says <prosody rate="slow">no</prosody>.</speak>'
    assert speak("--text", document, "-o", "a.wav")[2].count("nothing") == 0
    assert speak("--text", "The end [pause:1s].", "-o", "b.wav")[2].count("nothing") == 0


ERRORS = {
    "Fine.\nBut 日本 is not.": "line 2, column 5: '日本' has no letters of English",
    "One [pause:x] two": "column 5: got '[pause:x]'",
    "One [voice:nobody] two": "column 20: what [voice:nobody] speaks: voice 'nobody': not in",
    "One [rate:4] two [rate:0.1]": "column 18: got '[rate:0.1]'",
}


@pytest.mark.parametrize("text", ERRORS)
def test_bad_text_is_a_message_that_names_its_place(speak: Command, text: str) -> None:
    code, out, err = speak("--text", text, "-o", "a.wav")
    assert (code, out) == (2, "")
    assert ERRORS[text] in err
    assert not Path("a.wav").exists()


def test_what_a_text_takes_is_built_by_its_first_run(build_root: Path, speak: Command, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    shutil.copytree(build_root, fresh)
    for library in fresh.rglob("letters.*"):
        library.unlink()
    Path("story.txt").write_text("Say it.\n\nSay 日本.\n", "utf-8")
    assert speak("--input", "story.txt", "-o", "a.wav", "--build-dir", str(fresh))[0] == 2
    assert not list(fresh.rglob("letters.so"))  # a bad text is found before that
    code, _, err = speak("--text", "Say zorblatt.", "-o", "a.wav", "--build-dir", str(fresh))
    assert (code, "letters: built" in err) == (0, True)


def test_every_paragraph_is_checked_before_the_first_is_spoken(speak: Command) -> None:
    Path("story.txt").write_text("Fine.\n\nSay 日本.\n\n[x](/%/) is bad.\n", "utf-8")
    code, _, err = speak("--input", "story.txt", "-o", "a.wav")
    assert (code, [line.partition(": ")[0] for line in err.splitlines()]) == (2, ["story.txt:3", "story.txt:5"])


def test_phonemes_are_for_another_graph(speak: Command) -> None:
    code, _, err = speak("--phonemes", "həlˈO")
    assert (code, "takes text, not phonemes: give --text" in err) == (2, True)


class Runs:
    """Runs of the graph with one cache."""

    def __init__(self, build_root: Path, folder: Path) -> None:
        self._pipeline = Pipeline(Graph.load("text"), build_root, cache=Cache(folder))

    def __call__(self, text: str) -> set[str]:
        """Run the graph; gives the stages that were not in the cache."""
        result = self._pipeline.run({"text": text})
        return {name for name, stage in result.stages.items() if stage.status is Status.RUN}


def test_a_changed_word_runs_what_depends_on_it(build_root: Path, tmp_path: Path) -> None:
    run = Runs(build_root, tmp_path / "cache")
    every = {"normalize", "lexicon", "letters", "g2p", "tokenize", "voice", *VOICE}
    assert run("The cat sees a colour.") == every
    assert run("The cat sees a colour.") == set()
    assert run("The cat sees a color.") == {"normalize", "lexicon", "g2p"}  # sounds the same
    known = run("The dog sees a colour.")
    assert known >= {"normalize", "lexicon", "g2p", "tokenize", "decoder"}
    assert "letters" not in known  # no word is unknown in either
    assert "letters" in run("The zorblatt sees a colour.")


def test_a_paragraph_in_two_files_is_computed_once(speak: Command) -> None:
    Path("one.txt").write_text("The same words.\n\nOther words here.\n", "utf-8")
    Path("two.txt").write_text("Title\n\nThe same words.\n", "utf-8")
    assert speak("--input", "one.txt", "-o", "one.wav")[0] == 0
    code, _, err = speak("--input", "two.txt", "-o", "two.wav", "--timings")
    assert (code, "decoder" in err) == (0, True)  # of the title
    code, _, err = speak("--text", "The same words.", "-o", "a.wav", "--timings")
    assert (code, "decoder" in err, "g2p" in err) == (0, False, False)


def test_a_text_is_compared_with_the_reference(
    build_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")
    options = ("--build-dir", build_root, "--cache-dir", tmp_path, "--text", "Hello Zorblatt.")
    code, out, err = run_command(monkeypatch, capsys, "compare", "text", "reference", *options)
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split() for line in out.splitlines()[2:] if line}
    assert [rows[port][-1] for port in ("letters.scores", "g2p.phonemes", "tokenize.input_ids")] == ["equal"] * 3
    assert "duration.logits" in rows

"""`kokoro-run phonemize`: prints what a graph of text makes, and --lexicon: the user's words win."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.api import Pipeline, compile_stages
from runner.cache.cache import Cache
from runner.engine import record
from runner.engine.options import RunOptions
from runner.engine.replay import graph_of
from runner.engine.run_state import Status
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from runner.speech.script import read_script
from tests.conftest import ROOT

Run = Callable[..., tuple[int, str, str]]
Phonemize = Callable[..., tuple[int, str, str]]
STORY = "Chapter One\n\nThe cat\nsat.\n\n\n# No comment\n"
SPOKEN = ["ʧˈæptəɹ wˈʌn", "ðə kˈæt sˈæt.", "nˈO kˈɑmˌɛnt"]


@pytest.fixture(scope="session")
def front_root(cache_folder: Path) -> Path:
    """A build root with the one library that the stages in front of the tokenizer need."""
    compile_stages(load_graph("text"), cache_folder / "front", ["letters"])
    return cache_folder / "front"


@pytest.fixture
def phonemize(run: Run, front_root: Path) -> Phonemize:
    return lambda *args: run("phonemize", *args, "--build-dir", front_root)


def write(name: str, text: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_phonemes_of_a_text_are_printed_and_nothing_else_is_built(phonemize: Phonemize, front_root: Path) -> None:
    assert phonemize("--text", "Hello, [Kokoro](/kəkˈɔɹO/)!") == (0, "həlˈO, kəkˈɔɹO!\n", "")
    assert [path.name for path in front_root.rglob("*.so")] == ["letters.so"]
    assert not list(Path().iterdir())


def test_marks_without_a_word_are_not_printed_as_they_are_not_spoken(phonemize: Phonemize) -> None:
    assert phonemize("--text", "Hello [pause:1s].")[1] == "həlˈO [pause:1s]\n"


def test_each_paragraph_is_a_line(phonemize: Phonemize) -> None:
    story = write("story.txt", STORY)
    assert phonemize("--input", story)[1].splitlines() == SPOKEN
    lines = phonemize("--input", story, "--lines")[1].splitlines()
    assert lines == ["ʧˈæptəɹ wˈʌn", "ðə kˈæt", "sˈæt."]


def test_ids_are_printed_as_they_were_read(phonemize: Phonemize) -> None:
    code, out, _ = phonemize("--input", write("ids.txt", "one\tHello.\ntwo\tThe cat.\n"), "--ids")
    assert (code, out) == (0, "one\thəlˈO.\ntwo\tðə kˈæt.\n")


def test_words_are_listed_with_their_places_and_sources(phonemize: Phonemize) -> None:
    code, out, err = phonemize("--text", "The cats [Kokoro](/kəkˈɔɹO/), XKCD 21", "--words")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "--text: ðə kˈæts kəkˈɔɹO, ˌɛkskˌAsˌidˈi twˈɛnti wˈʌn",
        "  COLUMN  WORD    PHONEMES       SOURCE",
        "  1       The     ðə             lexicon",
        "  5       cats    kˈæts          lexicon",
        "  11      Kokoro  kəkˈɔɹO        override",
        "  31      XKCD    ˌɛkskˌAsˌidˈi  rule",
        "  36      21      twˈɛnti        lexicon",
        "  36      21      wˈʌn           lexicon",
    ]


def test_json_is_an_object_a_paragraph(phonemize: Phonemize) -> None:
    code, out, _ = phonemize("--input", write("a.txt", "Hi\nzzyzzx.\n\nYou"), "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row.keys() for row in rows] == [{"line", "id", "text", "phonemes", "words"}] * 2
    assert [(row["line"], row["id"], row["text"]) for row in rows] == [
        ("a.txt:1", None, "Hi\nzzyzzx."), ("a.txt:4", None, "You"),
    ]  # fmt: skip
    hi, unknown = rows[0]["words"]
    assert hi == {"text": "Hi", "column": 1, "phonemes": "hˈI", "source": "lexicon"}
    assert (unknown["text"], unknown["column"], unknown["source"]) == ("zzyzzx", 4, "model")
    assert rows[0]["phonemes"] == f"hˈI {unknown['phonemes']}."


def test_marks_stay_so_that_the_phonemes_are_spoken_as_the_text_is(phonemize: Phonemize) -> None:
    text = (
        "Hi. [pause:1.5s] [voice:am_adam*0.5+af_heart*0.5] [rate:1.2] The cat "
        "[pause:20ms][voice:] [rate:1] sat. [pause:2s]"
    )
    code, out, _ = phonemize("--text", text, "--words")
    lines = out.splitlines()
    phonemes = lines[0].removeprefix("--text: ")
    assert code == 0
    assert phonemes == (
        "hˈI. [pause:1.5s] [voice:am_adam*0.5+af_heart*0.5] [rate:1.2] ðə kˈæt [pause:0.02s] [voice:] [rate:1] sˈæt. "
        "[pause:2s]"
    )
    assert [(s.voice, s.rate, s.pause) for s in read_script(phonemes, phonemes=True)] == [
        (s.voice, s.rate, s.pause) for s in read_script(text)
    ]
    words = [line.split() for line in lines[2:]]
    assert [text[int(column) - 1 :].startswith(word) for column, word, *_ in words] == [True] * 4


def test_a_text_is_printed_while_it_is_still_written(front_root: Path) -> None:
    command = [sys.executable, "-m", "runner", "phonemize", "--input", "-", "--build-dir", str(front_root)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for said, spoken in (("The cat\nsat.", "ðə kˈæt sˈæt."), ("Hello.", "həlˈO.")):
            process.stdin.write(f"{said}\n\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{spoken}\n"
        process.stdin.close()
        assert process.wait() == 0


REFUSED = {
    (): "Error: give one of --text TEXT and --input FILE",
    ("--text", "a", "--input", "b"): "Error: give one of --text TEXT and --input FILE",
    ("--text", "a", "--words", "--json"): "Error: give one of --words and --json; the objects of --json have the words",
    ("--text", "a", "--lines"): "Error: --lines: the lines are those of --input FILE",
    ("--text", " "): "--text: is blank; give at least one word",
    ("--input", "none.txt"): "none.txt: cannot be read: No such file or directory",
    ("--text", "a [b](+9)"): "--text: stage 'normalize': column 7: the stress '+9' is no step; expected +2 or +1 to "
    "raise it, -1 or -2 to lower it, as in [word](+1)",
    ("--text", "a", "--set", "params.lang=fr"): "--text: stage 'normalize': lang is 'fr', expected en-us or en-gb; "
    "other languages are spoken with `-c espeak`",
    ("default", "--text", "a"): f"{ROOT}/graphs/default.yaml takes phonemes, and makes none of text; give a graph of "
    "text, such as `text`",
}


@pytest.mark.parametrize("args", REFUSED)
def test_phonemize_says_what_it_refuses(phonemize: Phonemize, args: tuple[str, ...]) -> None:
    code, out, err = phonemize(*args)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == REFUSED[args]


def test_a_mistake_is_placed_in_the_file_and_what_is_before_it_printed(phonemize: Phonemize) -> None:
    code, out, err = phonemize(
        "--input", write("bad.txt", "Hello.\n\nThe cat\nsat [pause:1s] on [x](as:foo)."), "--json"
    )
    *rows, error = map(json.loads, out.splitlines())
    assert (code, [row["phonemes"] for row in rows]) == (2, ["həlˈO."])
    assert error["status"] == "error"
    assert error["error"] == err.strip()
    assert err.startswith("bad.txt:3: stage 'normalize': line 4, column 23: no kind 'as:foo'; expected one of ")


def test_the_user_s_lexicon_wins_in_every_command(
    phonemize: Phonemize, run: Run, front_root: Path, stage_cache: Path
) -> None:
    own = write("own.tsv", "read\tɹˈOd\nDr\tdˈɑk\n")
    text = write("a.txt", "I read Dr. Who.")
    assert phonemize("--input", text)[1] == "ˌI ɹˈɛd dˈɑktəɹ hˌu.\n"
    assert phonemize("--input", text, "--lexicon", own)[1] == "ˌI ɹˈOd dˈɑk hˌu.\n"
    code, out, _ = run("text", "--input", text, "--lexicon", own, "--until", "g2p", "--build-dir", front_root)
    assert (code, out.splitlines()[1]) == (0, "  g2p.phonemes: ˌI ɹˈOd dˈɑk hˌu.")
    found = record.find(stage_cache / "runs", None)  # holds the lexicon, whatever becomes of its file
    assert graph_of(found, (), ()).params["lexicon"] == own.read_text("utf-8")
    own.write_text("read\tɹˈɛd", "utf-8")
    code, out, _ = run("plan", "text", "--input", text, "--lexicon", own, "--until", "g2p", "--build-dir", front_root)
    assert (code, out.splitlines()[1].split()[:2]) == (0, ["normalize", "run:"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tˈA\nb c", "line 2: no tab in 'b c'; expected a word, a tab and its phonemes"),
        ("a\tˈA#", "line 1: character 5: unknown symbol '#' U+0023 (in the phonemes of 'a')"),
        (b"a\t\x41\nb\t\xff", "line 2: not UTF-8: byte 0xff; save the file as UTF-8"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_lexicon_is_checked_before_anything_runs(
    run: Run, tmp_path: Path, content: str | bytes | None, message: str
) -> None:
    if content is not None:
        write("own.tsv", content)
    own, text = ("--lexicon", "own.tsv"), ("--input", write("a.txt", "Hi [x](+9)"))  # which is found later
    build = ("--build-dir", tmp_path / "none")
    for command in (
        ["check", "text", *own],
        ["plan", "text", *text, *own, *build],
        ["run", "text", *text, *own, *build],
        ["phonemize", *text, *own, *build],
    ):
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1] == f"--lexicon own.tsv: {message}"
    assert not (tmp_path / "none").exists()


def test_a_graph_that_takes_no_lexicon_is_named(run: Run) -> None:
    write("own.tsv", "a\tˈA")
    code, _, err = run("check", "default", "--lexicon", "own.tsv")
    assert code == 2
    assert err.strip() == (
        f"--lexicon own.tsv: no stage of {ROOT}/graphs/default.yaml takes params.lexicon; give a graph of English "
        "text, such as `text`"
    )
    assert run("check", "text", "--lexicon", "own.tsv")[0] == 0


def test_the_lexicon_is_a_parameter_and_a_part_of_the_key(front_root: Path, stage_cache: Path) -> None:
    pipeline = Pipeline(load_graph("text"), front_root, cache=Cache(stage_cache))
    found = []
    for content in ("cat\tkˈOt", "cat\tkˈOt", "cat\tkˈOt\ndog\tdˈOɡ", "cat\tkˈæt", ""):
        options = RunOptions(params={"lexicon": content}, scope=Scope(until="g2p"))
        result = pipeline.run({"text": "The cat."}, options)
        statuses = [result.stages[name].status is Status.RUN for name in ("normalize", "lexicon", "g2p")]
        found.append((result["g2p.phonemes"], result["g2p.sources"], statuses))
    assert found == [
        ("ðə kˈOt.", "lexicon override", [True, True, True]),
        ("ðə kˈOt.", "lexicon override", [False, False, False]),
        ("ðə kˈOt.", "lexicon override", [True, False, False]),  # another word of it changes nothing here
        ("ðə kˈæt.", "lexicon override", [True, True, True]),
        ("ðə kˈæt.", "lexicon lexicon", [True, True, True]),
    ]

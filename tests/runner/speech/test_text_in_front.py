"""A graph with stages in front of the tokenizer: lines are cut on what these stages give."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runner.graph.load import load_graph
from runner.speech.line_runner import find_cut
from tests.runner.timed_speech import LIMIT, TOKEN

Run = Callable[..., tuple[int, str, str]]

FRONT = """
name: front
extends: {base}
inputs: {{phonemes: null, text: str}}
outputs: {{spelled: front.phonemes}}
stages:
  front:
    module: ./front.py
    device: host
    inputs:
      text: str <- input.text
    outputs:
      phonemes: str
  tokenize:
    inputs:
      phonemes: str <- front.phonemes
"""
CODE = """
from pathlib import Path
from stages.contract import In, Out, StageError, stage

@stage(text=In("str", "numbers of letters"), phonemes=Out("str", "as many symbols for each"))
def front(text):
    with Path("calls").open("a") as calls:
        calls.write(text + "\\n")
    if "seven" in text:
        raise StageError("no numeral")
    return {"phonemes": " ".join("%" if word == "odd" else "h" * int(word) for word in text.split())}
"""


@pytest.fixture
def front(timed_graph: Path) -> Path:
    """A graph that speaks texts such as `3 4`, as the phonemes `hhh hhhh`."""
    timed_graph.with_name("front.py").write_text(CODE, "utf-8")
    path = timed_graph.with_name("front.yaml")
    path.write_text(FRONT.format(base=timed_graph.name), "utf-8")
    return path


def calls() -> list[str]:
    return Path("calls").read_text("utf-8").splitlines()


def test_the_cut_is_where_the_tokenizer_takes_its_text(front: Path, timed_graph: Path) -> None:
    assert str(find_cut(load_graph(str(front)))) == "front.phonemes"
    assert str(find_cut(load_graph(str(timed_graph)))) == "input.phonemes"


@pytest.mark.parametrize("cached", [True, False])
def test_a_text_sounds_as_its_phonemes_do(run: Run, front: Path, timed_graph: Path, cached: bool) -> None:
    phonemes = f"{'h' * LIMIT} {'h' * 5}"
    options = () if cached else ("--no-cache",)
    assert run(front, "--in", f"text={LIMIT} 5", "-o", "a.wav", *options)[0] == 0
    assert run(timed_graph, "--phonemes", phonemes, "-o", "b.wav", *options)[0] == 0
    assert np.array_equal(soundfile.read("a.wav")[0], soundfile.read("b.wav")[0])


def test_a_port_of_words_that_is_no_table_of_places_tells_none(run: Run, front: Path) -> None:
    front.write_text(
        front.read_text("utf-8").replace("      phonemes: str\n  tok", "      phonemes: str\n      words: str\n  tok"),
        "utf-8",
    )
    code = CODE.replace(
        'phonemes=Out("str", "as many symbols for each"))', 'phonemes=Out("str", "as many"), words=Out("str", ""))'
    )
    front.with_name("front.py").write_text(code.replace("return {", 'return {"words": text, '), "utf-8")
    assert run(front, "--in", "text=3 4", "-o", "a.wav", "--timestamps", ".json")[0] == 0
    (line,) = json.loads(Path("a.json").read_text("utf-8"))["utterances"]
    assert (line["text"], [word["text"] for word in line["words"]]) == ("3 4", ["hhh", "hhhh"])


def test_a_text_that_is_longer_than_its_phonemes_is_not_cut(run: Run, front: Path) -> None:
    assert run(front, "--in", f"text=1{' ' * 3 * LIMIT}2", "-o", "a.wav")[0] == 0
    assert soundfile.info("a.wav").frames == TOKEN * (len("h hh") + 2)


def test_the_stages_in_front_run_once_for_a_line(run: Run, front: Path) -> None:
    assert run(front, "--in", f"text={LIMIT} 5", "-o", "a.wav")[0] == 0
    assert run(front, "--in", f"text={LIMIT} 5", "-o", "a.wav")[0] == 0
    assert len(calls()) == 1
    assert run(front, "--in", f"text={LIMIT} 5", "-o", "a.wav", "--no-cache")[0] == 0
    assert len(calls()) == 3  # once more for the check, of which nothing is kept


@pytest.mark.parametrize("option", ["--refresh", "--from"])
@pytest.mark.parametrize("text", ["3", f"{LIMIT} 5"])
def test_a_stage_in_front_runs_again_when_asked_to(run: Run, front: Path, option: str, text: str) -> None:
    assert run(front, "--in", f"text={text}", "-o", "a.wav")[0] == 0
    before = len(calls())
    assert run(front, "--in", f"text={text}", "-o", "a.wav", option, "front")[0] == 0
    assert len(calls()) == before + 1


@pytest.mark.parametrize("option", ["--until", "--only"])
def test_a_part_that_ends_in_front_gives_the_whole_line(run: Run, front: Path, option: str) -> None:
    text = f"{'h' * LIMIT} {'h' * 5}"
    wanted = f"--in text:\n  spelled: {text}\n  front.phonemes: {text}\n"
    assert run(front, "--in", f"text={LIMIT} 5", option, "front")[:2] == (0, wanted)


def test_every_line_is_checked_before_the_first_is_spoken(run: Run, front: Path) -> None:
    Path("text.txt").write_text(f"3\n4 odd\nseven\n{LIMIT + 1}\n5\n", "utf-8")
    code, _, err = run(front, "--input", "text.txt", "--lines", "-o", "a.wav")
    assert code == 2
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["text.txt:2", "text.txt:3", "text.txt:4"]
    assert "unknown symbol '%'" in err
    assert "stage 'front': no numeral" in err
    assert f"{LIMIT + 1} symbols without a space" in err
    assert not Path("a.wav").exists()


def test_what_the_stages_in_front_gave_can_be_written(run: Run, front: Path) -> None:
    assert run(front, "--in", f"text={LIMIT} 5", "-o", "spelled=a.txt")[0] == 0
    assert Path("a.txt").read_text("utf-8") == f"{'h' * LIMIT} {'h' * 5}\n"


def test_ports_of_each_chunk_have_a_folder_of_their_own(run: Run, front: Path) -> None:
    assert run(front, "--in", f"text={LIMIT} 5", "-o", "a.wav", "--save-tensors", "all")[0] == 0
    saved = [Path(folder, "front.phonemes.txt").read_text("utf-8") for folder in ("all", "all/2")]
    assert saved == ["h" * LIMIT, "h" * 5]


def test_a_plan_runs_nothing(run: Run, front: Path) -> None:
    code, out, _ = run("plan", front, "--in", f"text={LIMIT} 5")
    assert (code, "front     run: nothing is kept for this stage" in out) == (0, True)
    assert not Path("calls").exists()


def test_a_record_has_the_line_and_a_replay_its_audio(run: Run, front: Path) -> None:
    assert run(front, "--in", f"text={LIMIT} 5", "-o", "a.wav")[0] == 0
    assert run("replay", "-o", "b.wav")[0] == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    code, out, _ = run("compare", "last", front, "--json")
    assert (code, [row["equal"] for each in json.loads(out)["utterances"] for row in each["ports"]]) == (0, [True] * 14)


def test_two_runs_are_compared_by_the_texts_that_they_left(run: Run, front: Path, stage_cache: Path) -> None:
    for text in ("2 3", "2 4"):
        assert run(front, "--in", f"text={text}", "-o", "a.wav")[0] == 0
    first, second = sorted(path.stem for path in (stage_cache / "runs").glob("*.jsonl"))
    code, out, _ = run("compare", first, second, "--json")
    spelled = next(row for row in json.loads(out)["utterances"][0]["ports"] if row["port"] == "front.phonemes")
    assert (code, spelled["fault"]) == (0, "the texts differ from character 7 on: '' against 'h'")


def test_a_text_takes_the_place_of_what_the_stages_in_front_give(run: Run, front: Path) -> None:
    Path("phonemes.txt").write_text("hhh", "utf-8")
    assert run(front, "--in", "text=9", "--load", "front.phonemes=phonemes.txt", "-o", "a.wav")[0] == 0
    assert (soundfile.info("a.wav").frames, Path("calls").exists()) == (TOKEN * 5, False)
    assert run("replay", "-o", "b.wav")[0] == 0
    Path("phonemes.txt").write_text("hh", "utf-8")
    code, _, err = run("replay", "-o", "b.wav")
    assert (code, "phonemes.txt has changed: sha256 " in err) == (2, True)

"""Speech: what is said is known before it is spoken, parts are computed in two steps, and words may be edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.api import Graph, Pipeline
from runner.batch.rows import Row
from runner.cache.cache import Cache
from runner.engine.observers import Observer
from runner.engine.options import RunOptions
from runner.engine.run_state import RunState
from runner.errors import LineError
from runner.graph.types import StageSpec
from runner.speech.edits import Edit
from runner.speech.speaker import Part, Speaker
from tests.runner.timed_speech import LIMIT, TOKEN

FRONT = """
name: front
extends: {base}
inputs: {{phonemes: null, text: str}}
dims: {{words: {{max: 1000}}}}
stages:
  front:
    module: ./front.py
    device: host
    inputs:
      text: str <- input.text
    outputs:
      phonemes: str
      words: int64[words, 4]
      sources: str
  tokenize:
    inputs:
      phonemes: str <- front.phonemes
"""
CODE = """
import re
import numpy as np
from stages.contract import In, Out, stage

@stage(
    text=In("str", "numbers of letters"), phonemes=Out("str", "as many symbols for each"),
    words=Out("int64[words, 4]", "places"), sources=Out("str", "a name a word"),
)
def front(text):
    phonemes, rows, sources = "", [], []
    for found in re.finditer(r"(\\d+)(\\+\\d+)?", text):
        for number in found[0].split("+"):
            phonemes += " " * bool(phonemes)
            rows.append((found.start(), found.end(), len(phonemes), len(phonemes) + int(number)))
            phonemes += "h" * int(number)
            sources.append("sum" if "+" in found[0] else "number")
    return {"phonemes": phonemes, "words": np.array(rows, np.int64).reshape(-1, 4), "sources": " ".join(sources)}
"""
Make = Callable[..., Speaker]


class Ran(Observer):
    """Notes the stages that run."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:  # noqa: ARG002
        self.names.append(spec.name)


@pytest.fixture
def front(timed_graph: Path) -> Path:
    """A graph that speaks texts such as `3 4+1`, as the phonemes `hhh hhhh h`: one word, and one of two."""
    timed_graph.with_name("front.py").write_text(CODE, "utf-8")
    path = timed_graph.with_name("front.yaml")
    path.write_text(FRONT.format(base=timed_graph.name), "utf-8")
    return path


@pytest.fixture(params=["cache", "no cache"])
def text_speaker(request: pytest.FixtureRequest, front: Path, stage_cache: Path) -> Speaker:
    cache = Cache(stage_cache) if request.param == "cache" else None
    return Speaker(Pipeline(Graph.load(front).timed(), cache=cache), {}, "text", timed=True)


def row(text: str) -> Row:
    return Row(text.encode(), "text.txt:7", 7)


def same(one: Part, other: Part) -> bool:
    return one.audio.tobytes() == other.audio.tobytes() and (one.spans, one.words) == (other.spans, other.words)


def test_words_are_known_with_their_places_phonemes_sources_and_parts(text_speaker: Speaker) -> None:
    text = f"3 [pause:1s] 2+1, {LIMIT - 1} 4"
    speech = text_speaker.begin(row(text))
    assert speech.phonemes == f"hhh hh h {'h' * (LIMIT - 1)} hhhh"
    assert len(speech) == len(speech.pieces) == 5
    assert [(text[word.start : word.end], *word[3:]) for word in speech.words] == [
        ("3", "hhh", "number", 0),
        ("2+1", "hh h", "sum", 2),
        (str(LIMIT - 1), "h" * (LIMIT - 1), "number", 3),
        ("4", "hhhh", "number", 4),
    ]
    assert [word.text for word in speech.words] == ["3", "2+1", str(LIMIT - 1), "4"]


def test_the_parts_are_those_of_a_run(text_speaker: Speaker) -> None:
    text = row(f"3 [pause:1s] 2+1, {LIMIT - 1} 4")
    speech = text_speaker.begin(text)
    before = list(text_speaker.run(text))
    for number in reversed(range(len(speech))):
        speech.advance(number)
        assert same(speech.finish(number), before[number])


def test_the_length_of_a_pause_and_of_a_row_in_one_part_is_known(text_speaker: Speaker) -> None:
    assert text_speaker.begin(row("3 4")).advance(0) == 10 * TOKEN
    speech = text_speaker.begin(row("3 [pause:1s] 4"))
    assert [speech.advance(number) for number in range(3)] == [None, 24000 - 4800, None]


def test_a_word_is_edited(text_speaker: Speaker) -> None:
    speech = text_speaker.begin(row("3 [pause:1s] 2+1 5"), edits=[Edit(1, "ɛɛɛɛɛ"), Edit(0, "ɛ")])
    assert speech.phonemes == "ɛ ɛɛɛɛɛ hhhhh"
    assert [(word.phonemes, word.source) for word in speech.words] == [
        ("ɛ", "edit"),
        ("ɛɛɛɛɛ", "edit"),
        ("hhhhh", "number"),
    ]
    _, _, part = [speech.finish(number) for number in range(3)]
    assert [(word.text, word.phonemes) for word in part.words] == [("2+1", "ɛɛɛɛɛ"), ("5", "hhhhh")]
    assert [(span.text, span.column) for span in part.spans][:2] == [("ɛ", 3), ("ɛ", 4)]


def test_an_edited_text_sounds_as_its_phonemes_do(text_speaker: Speaker) -> None:
    edited = text_speaker.begin(row(f"{LIMIT} 5 3"), edits=[Edit(1, "ɛ ɛ"), Edit(2, "hhhh.")])
    given = text_speaker.begin(row(edited.phonemes), phonemes=True)
    assert len(edited) == len(given) == 2
    for number in range(2):
        assert edited.finish(number).audio.tobytes() == given.finish(number).audio.tobytes()


def test_an_edit_runs_what_follows_the_phonemes_and_no_more(front: Path, stage_cache: Path) -> None:
    pipeline = Pipeline(Graph.load(front), cache=Cache(stage_cache))
    speaker = Speaker(pipeline, {}, "text")
    list(speaker.run(row("3 4")))
    ran = Ran()
    pipeline.observers.append(ran)
    speaker.begin(row("3 4"), edits=[Edit(0, "ɛ")]).finish(0)
    assert ran.names == ["tokenize", "tones"]
    speaker.begin(row("3 4"), edits=[Edit(0, "hhh")]).finish(0)
    assert ran.names == ["tokenize", "tones"]  # what the stage gave


def test_an_edit_may_make_a_row_too_long_for_one_part(text_speaker: Speaker) -> None:
    speech = text_speaker.begin(row("3 4"), edits=[Edit(0, "ɛ" * LIMIT)])
    assert [(word.part, word.phonemes) for word in speech.words] == [(0, "ɛ" * LIMIT), (1, "hhhh")]


EDITS = {
    "unknown": (Edit(1, "h%"), "column 14: the phonemes 'h%' for this word: unknown symbol '%' U+0025"),
    "none": (Edit(1, " "), "column 14: no phonemes for this word, expected one at least; leave the word out"),
    "absent": (Edit(3, "h"), "an edit of word 3, but the row has 3 words, from 0"),
    "negative": (Edit(-1, "h"), "an edit of word -1, but the row has 3 words, from 0"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_that_cannot_be_is_refused(text_speaker: Speaker, kind: str) -> None:
    edit, message = EDITS[kind]
    with pytest.raises(LineError) as caught:
        text_speaker.begin(row("3 [pause:1s] 4 5"), edits=[edit])
    assert str(caught.value).startswith(f"text.txt:7: {message}")


def test_a_row_may_be_phonemes_though_the_graph_takes_text(text_speaker: Speaker, timed_graph: Path) -> None:
    plain = Speaker(Pipeline(Graph.load(timed_graph).timed()), {}, "phonemes", timed=True)
    line = row(f"hɛh [pause:1s] {'h' * LIMIT} ɛ")
    speech = text_speaker.begin(line, phonemes=True)
    assert speech.phonemes == f"hɛh {'h' * LIMIT} ɛ"
    assert list(speech.words) == []
    parts = [speech.finish(number) for number in range(len(speech))]
    assert all(same(one, other) for one, other in zip(parts, plain.run(line), strict=True))
    assert list(plain.begin(line, phonemes=True).pieces) == list(plain.begin(line).pieces)


def test_unknown_phonemes_are_refused_with_their_column(text_speaker: Speaker) -> None:
    with pytest.raises(LineError, match=r"^text.txt:7: stage 'tokenize': column 17: unknown symbol '%' U\+0025"):
        text_speaker.begin(row("hɛh [pause:1s] ɛ%"), phonemes=True)


def test_phonemes_take_the_place_of_one_text(front: Path) -> None:
    both = Speaker(Pipeline(Graph.load(front).timed()), {}, None, timed=True)
    with pytest.raises(LineError, match="phonemes are given in place of one text that all tokenizers take, and it has"):
        both.begin(row("hɛh"), phonemes=True)


def test_an_edit_of_a_row_without_words_is_refused(timed_graph: Path) -> None:
    speaker = Speaker(Pipeline(Graph.load(timed_graph)), {}, "phonemes")
    with pytest.raises(LineError, match="an edit of word 0, but the row has 0 words"):
        speaker.begin(row("hɛh"), edits=[Edit(0, "h")])


LONG = "wˈʌn tˈu, θɹˈi. " * 60  # two chunks


@pytest.mark.parametrize("cached", [True, False])
def test_parts_are_computed_by_two_threads_at_once(
    tiny_model: Path, tiny_root: Path, stage_cache: Path, cached: bool
) -> None:
    graph = Graph.load("default", [tiny_model]).timed()
    line = row(f"{LONG} [pause:0.5s] [rate:1.5] {LONG}")
    plain = Pipeline(graph, tiny_root, threads=1)
    alone = list(Speaker(plain, plain.resolve_inputs({"voice": None}), "phonemes", timed=True).run(line))
    pipeline = Pipeline(graph, tiny_root, threads=2, workers=2, cache=Cache(stage_cache) if cached else None)
    speaker = Speaker(pipeline, pipeline.resolve_inputs({"voice": None}), "phonemes", RunOptions(), timed=True)
    ran = Ran()
    pipeline.observers.append(ran)
    speech = speaker.begin(line)
    assert len(speech) == len(alone) == 5

    def compute(number: int) -> Part:
        speech.advance(number)
        return speech.finish(number)

    with ThreadPoolExecutor(2) as threads:
        assert all(map(same, threads.map(compute, range(5)), alone))
    assert sorted(set(ran.names)) == sorted(pipeline.graph.stages)
    counts = Counter(ran.names)
    assert counts["decoder"] == 4
    assert all(count <= 4 for count in counts.values())
    # Which thread is first decides which equal results of the chunks the cache has.
    assert cached or set(counts.values()) == {4}

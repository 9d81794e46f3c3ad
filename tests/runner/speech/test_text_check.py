"""The check of lines that stages turn into phonemes: these stages are called once, and what they give is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.batch.rows import Row
from runner.cache.cache import Cache
from runner.engine.pipeline import Pipeline
from runner.errors import LineError
from runner.graph.load import load_graph
from runner.speech.speaker import Speaker
from tests.runner.timed_speech import LIMIT
from tests.runner.toys import offer_stage

SPELL = """
from stages.contract import In, Out, stage, warn

@stage(text=In("str", "text"), phonemes=Out("str", "the same, as phonemes"))
def spell(text: str) -> dict[str, str]:
    warn(f"spelled {text}")
    return {"phonemes": text.lower().replace("e", "ɛ")}
"""
EDITS = {
    "  phonemes: str\n": "  text: str\n",
    "stages:\n": "stages:\n  spell:\n    module: others.spell\n    device: host\n    inputs:\n"
    "      text: str <- input.text\n    outputs:\n      phonemes: str\n",
    "<- input.phonemes": "<- spell.phonemes",
}


@pytest.fixture(params=[True, False], ids=["cache", "no cache"])
def speaker(
    timed_graph: Path,
    tmp_path: Path,
    stage_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Speaker:
    """A graph that takes text, and a stage in front of its tokenizer."""
    offer_stage("spell", SPELL, tmp_path, monkeypatch)
    text = timed_graph.read_text("utf-8")
    for old, new in EDITS.items():
        assert old in text
        text = text.replace(old, new, 1)
    timed_graph.write_text(text, "utf-8")
    pipeline = Pipeline(load_graph(str(timed_graph)), cache=Cache(stage_cache) if request.param else None)
    return Speaker(pipeline, {}, "text")


def line(text: str) -> Row:
    return Row(text.encode(), "text.txt:7")


@pytest.mark.parametrize("text", ["He", "H" * LIMIT + " e"], ids=["short", "cut"])
def test_a_stage_in_front_of_the_cut_is_called_once(
    speaker: Speaker, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    speaker.check(line(text))
    assert caplog.messages == [f"text.txt:7: spell: spelled {text}"]
    assert len(list(speaker.run(line(text)))) == (1 if text == "He" else 2)


def test_what_a_stage_in_front_gives_is_checked(speaker: Speaker) -> None:
    with pytest.raises(LineError, match=r"^text.txt:7: stage 'tokenize': column 2: unknown symbol '%'"):
        speaker.check(line("E%"))

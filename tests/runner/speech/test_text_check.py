"""The check of lines that stages turn into phonemes: these stages are called once, and what they give is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.batch import bulk
from runner.batch.rows import Row
from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.errors import LineError, RunError
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


WHY = "no word has a stress mark or an IPA letter, so each letter is spoken as a phoneme"
LOOKS = f"like text, not like phonemes: {WHY}"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["hɛ", "h"], []),
        (["hɛ", "hello hell"], [f"ipa.txt:2 looks {LOOKS}"]),
        (["hello hell"] * 3, [f"ipa.txt:1 and 2 more lines look {LOOKS}"]),
        (["Hello hell", "hɛ", "hello hell", "b\tx"], [f"ipa.txt:1 and 1 more line look {LOOKS}"]),
    ],
)
def test_lines_that_look_like_text_are_told_once(
    timed_graph: Path, lines: list[str], told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    speaker = Speaker(Pipeline(load_graph(str(timed_graph))), {}, "phonemes", RunOptions({"skip_unknown": True}))
    rows = [Row(text.encode(), f"ipa.txt:{number}", number) for number, text in enumerate(lines, 1)]
    bulk.check(speaker, rows, keep_going=True)
    assert [message for message in caplog.messages if "dropped" not in message] == told


def test_a_bad_line_that_looks_like_text_is_told_so(timed_graph: Path, caplog: pytest.LogCaptureFixture) -> None:
    speaker = Speaker(Pipeline(load_graph(str(timed_graph))), {}, "phonemes")
    with pytest.raises(RunError, match="unknown symbol 'H'"):
        bulk.check(speaker, [line("Hello hell")])
    assert caplog.messages == [f"text.txt:7 looks {LOOKS}"]


ESPEAK = (
    "like phonemes of espeak-ng, which has two letters where Kokoro has one (eɪ A, oʊ O, tʃ ʧ): "
    "params.alphabet=espeak reads them"
)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["həlˈO"], []),
        (["hɛlˈoʊ"], [f"ipa.txt:1 looks {ESPEAK}"]),
        (
            ["hɛ", "hɛlˈoʊ", "hello hell", "tʃˈiːz"],
            [f"ipa.txt:3 looks {LOOKS}", f"ipa.txt:2 and 1 more line look {ESPEAK}"],
        ),
    ],
)
def test_lines_that_look_like_espeaks_are_told_once_unless_they_are_read_so(
    timed_graph: Path, lines: list[str], told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [Row(text.encode(), f"ipa.txt:{number}", number) for number, text in enumerate(lines, 1)]
    bulk.check(Speaker(Pipeline(load_graph(str(timed_graph))), {}, "phonemes"), rows)
    assert caplog.messages == told
    caplog.clear()
    options = RunOptions({"alphabet": "espeak"})
    bulk.check(Speaker(Pipeline(load_graph(str(timed_graph))), {}, "phonemes", options), rows)
    assert caplog.messages == [message for message in told if LOOKS in message]


def test_text_for_a_stage_in_front_is_no_mistake(speaker: Speaker, caplog: pytest.LogCaptureFixture) -> None:
    bulk.check(speaker, [line("hello hell")])
    assert caplog.messages == ["text.txt:7: spell: spelled hello hell"]

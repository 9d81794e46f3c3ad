"""A template checks what the beginning of a run checks, and works out only once what all runs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.engine import run_template
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.engine.run_state import RunState
from runner.engine.run_template import RunTemplate
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from runner.speech.model import make_resolvers
from tests.runner.toys import offer_stage

LINES = st.text("həlˈO wɜɹd,.%#gʣ\u0361dzç̃c\u0327 ", max_size=20)
OPTIONS = {
    "none": RunOptions(),
    "unknown symbols are dropped": RunOptions({"skip_unknown": True}),
    "a parameter of another type": RunOptions({"skip_unknown": 1}),
    "a part": RunOptions(scope=Scope(until="tokenize")),
    "an array": RunOptions(override={"tokenize.length": np.array([7])}),
    "an array of another type": RunOptions(override={"tokenize.length": np.array([7.0])}),
    "an array in place of the output": RunOptions(override={"tones.audio": np.zeros(4, np.float32)}),
}

SCALE = """
import numpy as np
from stages.contract import In, Out, StageError, stage, warn

@stage(
    input_ids=In("int64[1, text]", "ids"),
    scaled=Out("float32[1, text]", "the same, scaled"),
)
def scale(input_ids: np.ndarray) -> dict[str, np.ndarray]:
    CODE
"""
STAGE = """  scale:
    module: others.scale
    device: host
    inputs:
      input_ids: int64[1, text] <- tokenize.input_ids
    outputs:
      scaled: float32[1, text]
  tones:
"""
CODES = {
    "good": "return {'scaled': input_ids.astype(np.float32)}",
    "warns": "warn('odd'); return {'scaled': input_ids.astype(np.float32)}",
    "refuses": "raise StageError('no good')",
    "fails": "return {'scaled': input_ids.astype(np.float32)[1]}",
    "writes to its input": "input_ids[0] = 0",
    "gives NaN": "return {'scaled': np.full(input_ids.shape, np.nan, np.float32)}",
    "gives another dtype": "return {'scaled': input_ids}",
    "gives another length": "return {'scaled': np.zeros((1, 3), np.float32)}",
    "gives another rank": "return {'scaled': np.zeros(3, np.float32)}",
    "gives another port": "return {'scales': input_ids}",
    "gives no dict": "return input_ids",
}


def outcome(call: Callable[[], object], caplog: pytest.LogCaptureFixture) -> tuple[str, list[str]]:
    """What a call refuses, '' for nothing, and its warnings."""
    caplog.clear()
    try:
        call()
    except RunError as error:
        return str(error), caplog.messages
    return "", caplog.messages


def assert_agrees(
    pipeline: Pipeline, options: RunOptions, lines: list[str], caplog: pytest.LogCaptureFixture
) -> list[str]:
    """Check that a check of `lines` has the outcome of the beginning of a run; gives what is refused."""
    voice = {name: None for name in pipeline.graph.inputs if name == "voice"}
    facts = []
    for line in lines:
        expected = outcome(lambda: pipeline.prepare({"phonemes": line, **voice}, options), caplog)  # noqa: B023
        check = outcome(lambda: RunTemplate(pipeline, voice, ["phonemes"], options).check({"phonemes": line}), caplog)  # noqa: B023
        assert check == expected
        facts.append(expected[0])
    return facts


@pytest.mark.parametrize("case", OPTIONS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=3))
def test_a_check_finds_what_a_run_finds(
    voiced_graph: Path, case: str, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    graph = load_graph(str(voiced_graph))
    assert_agrees(Pipeline(graph, resolvers=make_resolvers(graph)), OPTIONS[case], lines, caplog)


def with_stage(graph: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Pipeline:
    """The pipeline of a graph with a stage of another package behind `tokenize`."""
    offered = f"others{list(CODES).index(code)}.scale"  # a process imports a stage once
    offer_stage("scale", SCALE.replace("CODE", CODES[code]), folder, monkeypatch, offered)
    text = graph.read_text("utf-8").replace("  tones:\n", STAGE.replace("others.scale", offered), 1)
    graph.write_text(text.replace("audio: tones.audio\n", "audio: tones.audio\n  scaled: scale.scaled\n"), "utf-8")
    return Pipeline(load_graph(str(graph)))


@pytest.mark.parametrize("code", CODES)
def test_a_check_calls_the_stages_of_others(
    tones_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = with_stage(tones_graph, tmp_path, monkeypatch, code)
    fact, *_ = assert_agrees(pipeline, RunOptions(), ["hɛ", "h%", ""], caplog)
    assert bool(fact) is (code not in ("good", "warns"))


def test_a_warning_of_a_check_names_the_line(
    tones_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    check = RunTemplate(with_stage(tones_graph, tmp_path, monkeypatch, "warns"), {}, ["phonemes"], RunOptions())
    check.check({"phonemes": "h"}, "50%s.txt:8")
    assert caplog.messages == ["50%s.txt:8: scale: odd"]


def test_sizes_of_one_line_say_nothing_of_the_next(voiced_graph: Path) -> None:
    graph = load_graph(str(voiced_graph))
    check = RunTemplate(Pipeline(graph, resolvers=make_resolvers(graph)), {"voice": "low"}, ["phonemes"], RunOptions())
    for line in ("h", "hɛhɛ", "hɛ"):
        check.check({"phonemes": line})


@pytest.mark.parametrize("length", [1, 14, 15])
def test_a_line_longer_than_the_graph_allows_is_refused(tones_graph: Path, length: int) -> None:
    check = RunTemplate(Pipeline(load_graph(str(tones_graph))), {}, ["phonemes"], RunOptions())
    if length < 15:
        check.check({"phonemes": "h" * length})
        return
    with pytest.raises(
        RunError, match=r"^tokenize.input_ids: expected .*: axis 1 makes text 17, but the graph allows 16$"
    ):
        check.check({"phonemes": "h" * length})


def test_only_stages_that_need_no_library_are_called(voiced_graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = load_graph(str(voiced_graph))
    pipeline = Pipeline(graph, resolvers=make_resolvers(graph))
    call, called = Mock(wraps=pipeline.context.call), ["tokenize", "voice", "tokenize"]
    monkeypatch.setattr(pipeline.context, "call", call)
    for options in (RunOptions(), RunOptions(scope=Scope(until="tokenize"))):
        RunTemplate(pipeline, {"voice": "low"}, ["phonemes"], options).check({"phonemes": "h"})
    assert [made.args[0].name for made in call.mock_calls] == called


def test_what_runs_share_is_worked_out_once(voiced_graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = load_graph(str(voiced_graph))
    resolve, run = Mock(wraps=make_resolvers(graph)["voice"]), Mock(wraps=RunState)
    monkeypatch.setattr(run_template, "RunState", run)
    pipeline = Pipeline(graph, resolvers={"voice": resolve})
    check = RunTemplate(pipeline, {"voice": "low"}, ["phonemes"], RunOptions())
    for line in ("h", "ɛ", "hɛ"):
        check.check({"phonemes": line})
    assert (resolve.call_count, run.call_count) == (1, 1)


FAULTS: dict[str, tuple[dict[str, object], list[str], str]] = {
    "an input is missing": ({}, [], "input 'phonemes' of the graph is missing: it takes str"),
    "an input is unknown": ({"phoneme": "h"}, ["phonemes"], "no input is called 'phoneme'; did you mean 'phonemes'?"),
    "a varying input is unknown": ({"phonemes": "h"}, ["lines"], "no input is called 'lines'"),
    "a shared input has another type": ({"phonemes": 7}, [], "input.phonemes: expected text, got int"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_inputs_that_do_not_fit_the_graph_are_refused_at_once(tones_graph: Path, case: str) -> None:
    shared, varying, message = FAULTS[case]
    with pytest.raises(RunError) as error:
        RunTemplate(Pipeline(load_graph(str(tones_graph))), shared, varying, RunOptions())
    assert str(error.value).startswith(message)


def test_a_varying_input_of_another_type_is_refused(tones_graph: Path) -> None:
    check = RunTemplate(Pipeline(load_graph(str(tones_graph))), {}, ["phonemes"], RunOptions())
    with pytest.raises(RunError, match=r"^input.phonemes: expected text, got int$"):
        check.check({"phonemes": 7})

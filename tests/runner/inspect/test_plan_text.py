"""Plans of many lines: what they have in common is found without planning each."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import Mock

import pytest

from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.engine.run_state import Status
from runner.engine.run_template import RunTemplate
from runner.graph.load import load_graph
from runner.inspect import plan_text
from runner.inspect.plan_text import explain, group_plans

KEPT, NEW, LOST = "hɛ", "ɛɛ", "hhh"
LINES = [KEPT, NEW, LOST, *(KEPT, NEW, "h", "ɛ", LOST, NEW, KEPT) * 4]


@pytest.fixture
def pipeline(toy_graph: Path, toy_root: Path, stage_cache: Path) -> Pipeline:
    """A pipeline that has kept two lines, and has lost the arrays of one of them since."""
    made = Pipeline(load_graph(str(toy_graph)), toy_root, cache=Cache(stage_cache))
    entries = [made.run({"phonemes": text}).stages["scaled"].entry for text in (KEPT, LOST)]
    assert made.stage_cache is not None
    assert entries[1] is not None
    made.stage_cache.cache._tensors.path(entries[1].outputs["y"].digest).unlink()
    return made


def explained(pipeline: Pipeline, lines: list[str], show: Mock | None = None) -> str:
    template = RunTemplate(pipeline, {}, ["phonemes"], RunOptions())
    runs = ((f"ipa.txt:{number}", template.start({"phonemes": line})) for number, line in enumerate(lines, 1))
    return explain(group_plans(pipeline, runs, {}, *([show] if show else [])))


def test_plans_of_many_lines_are_those_of_each(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    text = explained(pipeline, LINES)
    monkeypatch.setattr(plan_text, "_PLANNED", len(LINES))
    assert explained(pipeline, LINES) == text
    headings = re.findall(r"^ipa.txt.*", text, re.MULTILINE)
    assert headings == [
        "ipa.txt:1, and 8 more like it:",
        "ipa.txt:2, and 16 more like it:",
        "ipa.txt:3, and 4 more like it:",
    ]
    assert text.endswith("\n31 runs of the graph: 9 take everything from the cache")


def test_a_line_alone_has_no_sum(pipeline: Pipeline) -> None:
    assert "runs of the graph" not in explained(pipeline, [KEPT])


def test_lines_like_one_before_are_not_planned(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_run = Mock(wraps=pipeline.plan_run)
    monkeypatch.setattr(pipeline, "plan_run", plan_run)
    explained(pipeline, [KEPT] * 10 + [NEW] * 90)
    assert plan_run.call_count == 11


def test_each_run_is_shown(pipeline: Pipeline) -> None:
    show = Mock()
    explained(pipeline, LINES, show)
    assert [call.args for call in show.call_args_list] == [(number,) for number in range(1, 32)]


def test_runs_of_one_outline_become_the_same(pipeline: Pipeline) -> None:
    template = RunTemplate(pipeline, {}, ["phonemes"], RunOptions())
    seen: dict[object, dict[str, Status]] = {}
    for line in LINES:
        run = template.start({"phonemes": line})
        statuses = {name: stage.status for name, stage in pipeline.plan_run(run).stages.items()}
        assert seen.setdefault(pipeline.context.decider.outline(run), statuses) == statuses
    assert len(seen) == 3


def test_a_pipeline_without_a_cache_has_one_outline(toy_graph: Path, toy_root: Path) -> None:
    text = explained(Pipeline(load_graph(str(toy_graph)), toy_root), [KEPT, NEW] * 6)
    assert text.startswith("ipa.txt:1, and 11 more like it:\n  tokenize  run: there is no cache")

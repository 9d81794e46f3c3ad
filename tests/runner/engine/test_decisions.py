"""Decisions on stages that feed one another: what is not kept, what is given, what waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.engine.plan import Plan
from runner.engine.run_state import Status
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from tests.runner.toys import offer_stage

WORD = {"phonemes": "hɛ"}
CODE = """from stages.contract import In, Out, stage

@stage(ids=In("int64[1, text]", "ids"), more=Out("int64[1, text]", "one more than each"))
def one_more(ids):
    return {"more": ids + 1}
"""
STAGE = """  {name}:
    module: {module}
    device: host
    inputs:
      ids: int64[1, text] <- {source}
    outputs:
      more: int64[1, text]
"""
Make = Callable[..., Pipeline]


@pytest.fixture
def chain(toy_graph: Path, stage_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """`chain("outputs.last=second.more")`: tokenize -> first -> second -> third, all of them functions of Python."""
    module = f"others.{tmp_path.name}"  # of its own: what is found by a name is kept
    offer_stage("one_more", CODE, tmp_path, monkeypatch, module)
    text, above = toy_graph.read_text("utf-8"), ("tokenize.input_ids", "first.more", "second.more")
    stages = "".join(
        STAGE.format(name=name, module=module, source=source)
        for name, source in zip(("first", "second", "third"), above, strict=True)
    )
    rest = text[text.index("dims:") :]
    toy_graph.write_text(f"{text[: text.index('  scaled:')]}{stages}outputs:\n  last: third.more\n{rest}", "utf-8")

    def pipeline(*sets: str) -> Pipeline:
        return Pipeline(load_graph(str(toy_graph), sets=sets), cache=Cache(stage_cache))

    return pipeline


def planned(pipeline: Pipeline, options: RunOptions) -> Plan:
    return pipeline.plan_run(pipeline.start(WORD, options))


def became(pipeline: Pipeline, options: RunOptions) -> dict[str, str]:
    return {name: stage.status for name, stage in pipeline.run(WORD, options).stages.items()}


def test_plan_lets_an_unkept_stage_depend_on_the_stage_above_it(chain: Make) -> None:
    uncached, again = "stages.second.cache=false", RunOptions(scope=Scope(refresh=frozenset({"first"})))
    chain(uncached).run(WORD)
    made = planned(chain(uncached), again).stages["second"]
    assert (made.status, str(made.reason)) == (Status.DEPENDS, "first")
    found = became(chain(uncached), again)
    assert (found["first"], found["second"], found["third"]) == (Status.RUN, Status.UNNEEDED, Status.HIT)


def test_plan_runs_an_unkept_stage_when_its_output_is_asked_for(chain: Make) -> None:
    uncached, again = "stages.second.cache=false", Scope(refresh=frozenset({"first"}), until="second")
    chain(uncached).run(WORD)
    made = planned(chain(uncached), RunOptions(scope=again)).stages["second"]
    assert (made.status, str(made.reason)) == (Status.RUN, "its results are not kept (cache: false)")
    assert became(chain(uncached), RunOptions(scope=again))["second"] == Status.RUN


def test_a_run_does_not_look_for_similar_results(chain: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cache, "nearest", lambda *_: pytest.fail("only a plan says how a key differs"))
    monkeypatch.setattr(Cache, "entries", lambda *_: pytest.fail("only a plan asks whether a stage ever ran"))
    again = RunOptions(scope=Scope(refresh=frozenset({"first"})))
    assert chain().misses(chain().start(WORD, again)) == []
    assert set(became(chain(), again).values()) == {Status.RUN}


def test_a_stage_that_nothing_takes_from_runs_only_with_keep(chain: Make) -> None:
    second = chain("outputs.last=second.more")
    assert became(second, RunOptions())["third"] == Status.UNNEEDED
    kept = second.run(WORD, RunOptions(keep=True))
    assert kept["third.more"].tolist() == [[3, 53, 89, 3]]


def test_plan_counts_the_largest_arrays_that_are_in_memory_at_one_time(chain: Make) -> None:
    ids, length, mask, attention = 16 * 8, 8, 16, 16 * 8
    made = planned(chain(), RunOptions())
    assert made.arrays == ids + length + mask + attention
    assert made.bounds == {"text": 16}

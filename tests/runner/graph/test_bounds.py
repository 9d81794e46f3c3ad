"""Bounds of parameters: in the file, in an overlay, in an option, and from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.errors import GraphError, KokoroError, RunError, SpecError
from runner.graph.load import load_graph
from runner.graph.types import Bounds
from tests.runner.graphs import assert_refused, edit_limited, messages, write

PLAIN, BOUNDED = "gain: 0.5\n", "gain: {default: 0.5, min: 0, max: 1}\n"


@pytest.fixture
def bounded(tmp_path: Path) -> Path:
    """A graph whose parameter `gain` goes from 0 to 1."""
    return write(tmp_path, edit_limited(tmp_path, (PLAIN, BOUNDED)))[0]


def test_parameter_has_its_default_and_its_bounds(bounded: Path) -> None:
    graph = load_graph(str(bounded))
    assert (graph.params, graph.bounds) == ({"gain": 0.5}, {"gain": Bounds(0, 1)})


@pytest.mark.parametrize("value", ["0", "1", "0.25"])
def test_value_within_the_bounds_is_taken(bounded: Path, value: str) -> None:
    assert load_graph(str(bounded), sets=[f"params.gain={value}"]).params == {"gain": float(value)}


def test_bounds_of_one_side(tmp_path: Path) -> None:
    for bounds, good, bad, expected in (("min: 0", "7", "-1", "at least 0"), ("max: 1", "-7", "2", "at most 1")):
        path, _ = write(tmp_path, edit_limited(tmp_path, (PLAIN, f"gain: {{default: 0.5, {bounds}}}\n")))
        assert load_graph(str(path), sets=[f"params.gain={good}"]).params == {"gain": float(good)}
        with pytest.raises(GraphError, match=f"params.gain is {bad}.0, expected {expected}"):
            load_graph(str(path), sets=[f"params.gain={bad}"])


NUMBERS = "params.gain takes a min and a max that are numbers, of a default that is one"
REFUSED: list[tuple[str, str, type[KokoroError]]] = [
    ("{default: §2.0, min: 0, max: 1}", "params.gain is 2.0, expected 0 to 1", GraphError),
    ("§{default: 0.5, min: 1, max: 0}", "params.gain takes a min that is not above its max", SpecError),
    ("§{min: 0, max: 1}", "params.gain takes default, min and max, and lacks default", SpecError),
    ("{default: 0.5, §mix: 0}", "params.gain takes default, min and max, not 'mix'", SpecError),
    ("§{default: 0.5, min: a}", NUMBERS, SpecError),
    ("§{default: 0.5, min: true}", NUMBERS, SpecError),
    ("§{default: [0.5]}", "params.gain takes a number, true, false or a string as its default", SpecError),
]  # fmt: skip


@pytest.mark.parametrize(("parameter", "message", "kind"), REFUSED)
def test_parameter_that_contradicts_itself_is_refused(
    tmp_path: Path, parameter: str, message: str, kind: type[KokoroError]
) -> None:
    text = edit_limited(tmp_path, (PLAIN, f"gain: {parameter}\n"))
    assert_refused(tmp_path, text, message, kind=kind)


@pytest.mark.parametrize("default", ['"a"', "true"])
def test_text_and_boolean_have_no_bounds(tmp_path: Path, default: str) -> None:
    path, _ = write(tmp_path, edit_limited(tmp_path, (PLAIN, f"gain: {{default: {default}, min: 0}}\n")))
    with pytest.raises(SpecError, match=NUMBERS):
        load_graph(str(path))


def test_value_beyond_the_bounds_is_refused_where_it_is_written(bounded: Path) -> None:
    overlay, marked = write(bounded.parent, "params: {gain: §3}\n", "overlay.yaml")
    for overlays, sets, place in (((str(overlay),), (), marked), ((), ("params.gain=3",), "set params.gain=3")):
        with pytest.raises(GraphError) as caught:
            load_graph(str(bounded), overlays, sets)
        assert messages(caught.value) == [f"{place}: params.gain is 3.0, expected 0 to 1"]


def test_overlay_may_move_a_bound(bounded: Path) -> None:
    overlay, _ = write(bounded.parent, "params: {gain: {max: 4}}\n", "overlay.yaml")
    assert load_graph(str(bounded), [str(overlay)], ["params.gain=3"]).params == {"gain": 3.0}
    with pytest.raises(GraphError, match=r"params.gain is 0.5, expected 0 to 0.25"):
        load_graph(str(bounded), sets=["params.gain.max=0.25"])


def test_bounds_may_be_laid_over_a_plain_parameter(tmp_path: Path) -> None:
    path, _ = write(tmp_path, edit_limited(tmp_path))
    overlay, _ = write(tmp_path, "params: {gain: {min: 0, max: 1}}\n", "overlay.yaml")
    graph = load_graph(str(path), [str(overlay)])
    assert (graph.params, graph.bounds) == ({"gain": 0.5}, {"gain": Bounds(0, 1)})


@pytest.mark.parametrize("value", [1.5, -1, np.float32(2), np.array(2, np.float32), float("nan")])
def test_value_from_python_is_held_to_the_bounds(bounded: Path, value: object) -> None:
    pipeline = Pipeline(load_graph(str(bounded)))
    x = np.ones(2, np.float32)
    with pytest.raises(RunError, match=r"params.gain is .*, expected 0 to 1"):
        pipeline.run({"x": x}, RunOptions({"gain": value}))
    assert pipeline.run({"x": x}, RunOptions({"gain": 1}))["y"].tolist() == [1, 1]


def test_default_graph_bounds_its_speed() -> None:
    assert load_graph("default").bounds == {"speed": Bounds(0.25, 4)}
    with pytest.raises(GraphError, match=r"params.speed is 5.0, expected 0.25 to 4"):
        load_graph("default", sets=["params.speed=5"])

"""The model of a graph: its family, its sizes, and graphs that have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import GraphError, RunError, SpecError
from runner.graph.load import load_graph
from runner.graph.model_config import ModelConfig, ModelConfigError, read_config, read_model
from runner.graph.serialize import from_fields, to_fields
from stages.families import NoDims
from tests.runner.graphs import PLAIN, ROOT, assert_overlay_refused, edited, messages, model_of, write

DEFAULT = str(ROOT / "graphs/default.yaml")
CONFIG = ROOT / "configs/models/mini/config.json"
MODEL_LINE = next(line for line in edited().splitlines(keepends=True) if line.startswith("model:"))


def test_model_is_of_the_family_kokoro_unless_it_says_so() -> None:
    graph = load_graph(DEFAULT)
    assert model_of(graph).family == "kokoro"
    assert graph.fixed == {"hidden": 128, "style": 32, "features": 160, "bins": 50}


def test_static_dims_that_no_model_fixes_are_padded() -> None:
    assert load_graph(DEFAULT).padded == frozenset()
    assert load_graph(DEFAULT, ["static"]).padded == {"text", "frames"}


def test_unknown_family_is_refused_where_it_is_named(tmp_path: Path) -> None:
    message = "no model family 'kokoo'; known: kokoro"
    assert_overlay_refused(tmp_path, "model: {family: §kokoo}", message, kind=GraphError)


def test_graph_without_a_model_fixes_nothing(tmp_path: Path) -> None:
    graph = load_graph(str(write(tmp_path, PLAIN)[0]))
    assert (graph.model, graph.fixed, graph.model_name) == (None, {}, "plain")
    assert graph.padded == {"text", "style"}
    assert from_fields(json.loads(json.dumps(to_fields(graph)))) == graph


def test_null_of_an_overlay_removes_the_model(tmp_path: Path) -> None:
    path, _ = write(tmp_path, PLAIN.replace("devices:", f"model: {ROOT / 'configs/models/mini.yaml'}\ndevices:"))
    overlay, _ = write(tmp_path, "model: null\ndims: {style: 2}", "overlay.yaml")
    assert model_of(load_graph(str(path), sets=["dims.style=32"])).name == "mini"
    assert load_graph(str(path), [str(overlay)]).model is None


NEEDS = [
    ("module: stages.tokenize", "stage 'tokenize' takes vocab, plbert of a model's config.json"),
    ("source: stages.bert", "stage 'bert' takes bert, bert_encoder of a model's checkpoint"),
    ("module: stages.trim", "stage 'trim' takes istftnet of a model's config.json"),
]


@pytest.mark.parametrize(("line", "fact"), NEEDS)
def test_stage_that_needs_a_model_is_refused_in_a_graph_without_one(tmp_path: Path, line: str, fact: str) -> None:
    key, _, name = line.partition(" ")
    path, marked = write(tmp_path, edited((MODEL_LINE, ""), (line, f"{key} §{name}")))
    with pytest.raises(GraphError) as error:
        load_graph(str(path))
    advice = "but the graph has no model; name one, as in 'model: configs/models/mini.yaml'"
    assert f"{marked}: {fact}, {advice}" in messages(error.value)


def test_part_of_a_model_is_none(tmp_path: Path) -> None:
    path, _ = write(tmp_path, PLAIN)
    with pytest.raises(SpecError, match="model lacks the key 'name'"):
        load_graph(str(path), sets=["model.voice=low"])


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (None, ["cannot be read: No such file or directory"]),
        ("{", ["is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"]),
        ("\xff", ["is not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"]),
        ("[" * 100_000, None),
        ("[1]", ["expected a JSON table at the top"]),
    ],
)
def test_config_of_another_family_is_refused_with_the_reason(
    tmp_path: Path, content: str | None, facts: list[str] | None
) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content, "latin-1")
    with pytest.raises(ModelConfigError) as error:
        read_config(path, "kokoro")
    assert facts is None or error.value.facts == facts
    assert str(error.value) == "\n".join(error.value.facts)
    assert error.value.unreadable == (content is None)


def test_mistakes_of_a_config_are_listed_one_a_line() -> None:
    model = model_of(load_graph(DEFAULT))
    with pytest.raises(RunError) as error:
        read_model(model, RunError, {"n_layer": 0, "max_dur": "x"})
    assert str(error.value).splitlines() == [
        f"{CONFIG}: max_dur: is 'x', expected an integer of at least 1",
        f"{CONFIG}: n_layer: is 0, expected an integer of at least 1",
    ]


def test_keys_stand_in_for_those_of_the_file() -> None:
    model = model_of(load_graph(DEFAULT))
    assert read_model(model, RunError, {"vocab": {"a": 1}}).keys["vocab"] == {"a": 1}
    assert read_model(None, RunError, {"vocab": {"a": 1}}) == ModelConfig({"vocab": {"a": 1}}, NoDims())

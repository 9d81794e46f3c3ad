"""A graph that extends another: what it adds, where the other is looked for, and where mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import GraphError, SpecError
from runner.graph.load import load_graph, reload_graph
from runner.graph.types import Graph
from tests.runner.graphs import assert_overlay_refused, assert_refused, edit_limited, messages, write

HEAD = "extends: plain.yaml\ngraph: 1\nname: child\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds plain.yaml and its stage."""
    write(tmp_path, edit_limited(tmp_path), "plain.yaml")
    return tmp_path


def extend(folder: Path, added: str = "") -> Graph:
    return load_graph(str(write(folder, HEAD + added, "child.yaml")[0]))


def test_graph_has_what_it_extends_and_what_it_adds(folder: Path) -> None:
    added = """
outputs: {twice: again.y}
stages:
  again:
    module: ./limit.py
    device: host
    inputs:
      x: float32[n] <- limit.y
      gain: float32[] <- 2
    outputs:
      y: float32[n]
"""
    graph = extend(folder, added)
    assert (graph.name, list(graph.stages), list(graph.outputs)) == ("child", ["limit", "again"], ["y", "twice"])
    assert graph.params == {"gain": 0.5}


def test_scalars_replace_maps_merge_and_null_removes(folder: Path) -> None:
    added = "params: {gain: null}\nstages:\n  limit:\n    inputs:\n      gain: float32[] <- 0.25\n"
    graph = extend(folder, added)
    assert graph.params == {}
    assert (graph.stages["limit"].inputs["gain"].value, str(graph.stages["limit"].inputs["x"].ref)) == (0.25, "input.x")
    assert extend(folder, "params: {gain: 0.75}\n").params == {"gain": 0.75}
    assert extend(folder, "outputs: {y: {as: audio, rate: 8000}}\n").audio == {"y": 8000}


def test_graphs_extend_each_other_in_a_row(folder: Path) -> None:
    write(folder, f"{HEAD}params: {{gain: 0.75}}\n", "middle.yaml")
    (folder / "sub").mkdir()
    path, _ = write(folder / "sub", "extends: ../middle.yaml\ngraph: 1\nname: last\ndims: {n: {max: 3}}\n", "last.yaml")
    graph = load_graph(str(path))
    assert (graph.name, graph.params, graph.dims["n"].max) == ("last", {"gain": 0.75}, 3)
    assert graph.stages["limit"].module == str(folder / "limit.py")  # beside the file that names it


def test_base_beside_wins_over_the_packaged_one(folder: Path) -> None:
    path, _ = write(folder, "extends: default.yaml\ngraph: 1\nname: child\n", "child.yaml")
    assert "decoder" in load_graph(str(path)).stages
    (folder / "default.yaml").write_text((folder / "plain.yaml").read_text("utf-8"), "utf-8")
    assert list(load_graph(str(path)).stages) == ["limit"]


def test_packaged_graph_is_found_by_its_name_alone(folder: Path) -> None:
    path, _ = write(folder, "extends: default\ngraph: 1\nname: child\n", "child.yaml")
    assert "decoder" in load_graph(str(path)).stages


NONE = "no graph '{}' beside this file, nor among the packaged ones"
NAMES_A_GRAPH = "extends names a graph, as in default.yaml"
MISTAKES = [
    ("extends: §defalt\n", f"{NONE.format('defalt')}; did you mean 'default.yaml'?"),
    ("extends: §plane.yaml\n", f"{NONE.format('plane.yaml')}; did you mean 'plain.yaml'?"),
    ("extends: §[plain.yaml]\n", NAMES_A_GRAPH),
    ("extends: §''\n", NAMES_A_GRAPH),
    ("extends: §null\n", NAMES_A_GRAPH),
    ("extends: §3\n", NAMES_A_GRAPH),
    ("extends: §graph.yaml\n", "a graph cannot extend itself: {folder}/graph.yaml -> {folder}/graph.yaml"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES)
def test_graph_that_cannot_be_extended_is_refused_and_nothing_else(folder: Path, line: str, message: str) -> None:
    text = f"graph: 1\nname: child\n{line}outputs: {{y: nothing.y}}\n"
    assert_refused(folder, text, message.format(folder=folder), kind=SpecError)


def test_circle_of_graphs_is_told_at_the_line_that_closes_it(folder: Path) -> None:
    child = folder / "child.yaml"
    other, marked = write(folder, "graph: 1\nname: other\nextends: §child.yaml\n", "other.yaml")
    write(folder, "extends: other.yaml\ngraph: 1\nname: child\n", "child.yaml")
    with pytest.raises(SpecError) as caught:
        load_graph(str(child))
    assert messages(caught.value) == [f"{marked}: a graph cannot extend itself: {child} -> {other} -> {child}"]


def test_row_of_too_many_graphs_is_refused(folder: Path) -> None:
    for at in range(18):
        write(folder, f"extends: g{at + 1}.yaml\ngraph: 1\nname: g\n", f"g{at}.yaml")
    with pytest.raises(SpecError, match=r"g16\.yaml:1:10: more than 16 graphs: .*g0\.yaml -> .*g17\.yaml"):
        load_graph(str(folder / "g0.yaml"))


def test_base_that_is_no_yaml_is_told_at_its_own_line(folder: Path) -> None:
    write(folder, "graph: 1\nname: [\n", "plain.yaml")
    with pytest.raises(SpecError) as caught:
        extend(folder)
    assert str(caught.value).startswith(f"{folder}/plain.yaml:3:1: not YAML")
    assert "child.yaml" not in str(caught.value)


def test_mistakes_of_both_files_are_told_each_at_its_own_place(folder: Path) -> None:
    _, in_base = write(folder, edit_limited(folder, ("<- input.x", "<- input.§z")), "plain.yaml")
    child, in_child = write(folder, f"{HEAD}params: {{gain: §a}}\n", "child.yaml")
    with pytest.raises(SpecError) as caught:
        load_graph(str(child))
    assert messages(caught.value) == [
        f'{in_child}: params.gain takes a number like its default 0.5, not "a"',
        f"{in_base}: the graph has no input 'z'; known: x",
    ]


def test_null_that_removes_nothing_is_refused(folder: Path) -> None:
    text = f"{HEAD}outputs: {{§z: null}}\n"
    assert_refused(folder, text, "null removes, but outputs has no 'z'; known: y", kind=SpecError)


def test_output_of_a_removed_stage_is_told_where_it_is_written(folder: Path) -> None:
    write(folder, f"{HEAD}stages:\n  limit: null\n  other: {{module: ./limit.py}}\n", "child.yaml")
    with pytest.raises(SpecError) as caught:
        load_graph(str(folder / "child.yaml"))
    assert any(f"{folder}/plain.yaml:" in line and "no stage 'limit'" in line for line in messages(caught.value))


def test_input_or_parameter_of_the_base_may_be_left_without_a_stage(folder: Path) -> None:
    added = "stages:\n  limit:\n    inputs:\n      gain: float32[] <- 1\n"
    assert extend(folder, added).params == {"gain": 0.5}
    text = f"{HEAD}params: {{§more: 1}}\n"
    assert_refused(
        folder, text, "no stage takes the parameter 'more'; wire it, or remove it (null in an overlay)", kind=GraphError
    )


def test_overlay_and_option_extend_nothing(tmp_path: Path) -> None:
    message = "only a graph file extends another; an overlay is laid over any graph"
    assert_overlay_refused(tmp_path, "§extends: default.yaml\n", message)
    with pytest.raises(SpecError, match=f"set extends=default.yaml: {message}"):
        load_graph("default", sets=["extends=default.yaml"])


def test_replay_may_give_a_parameter_that_no_stage_takes(folder: Path) -> None:
    """A run records all parameters of its graph, also those that only stages of the base took."""
    graph = extend(folder, "stages:\n  limit:\n    inputs:\n      gain: float32[] <- 1\n")
    assert reload_graph(graph.path, graph.tree, {"gain": 0.25}, "run 1").params == {"gain": 0.25}

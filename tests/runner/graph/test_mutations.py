"""A mutated default graph is either sound or refused with a message; there is never a traceback."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.errors import KokoroError
from runner.graph.load import load_graph
from runner.graph.yaml_reader import read_text
from tests.runner.graphs import ROOT, edited

TEXT = edited()
WORDS = sorted({*TEXT.replace(",", " ").replace(".", " ").replace("[", " ").replace("]", " ").split()})
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def plain_graph() -> dict[str, Any]:
    node = read_text(TEXT, "graph", ROOT, [])
    assert node is not None
    return dict(node.plain())


GRAPH = plain_graph()


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of all values in a tree."""
    children = value if isinstance(value, dict) else {}
    return [path] * bool(path) + [way for name, child in children.items() for way in paths(child, (*path, name))]


PATHS = paths(GRAPH)
FRAGMENTS = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=6),
    st.text(alphabet="{}[]:,*&!|>#%@`'\"<- \t\n\\~?0.1eé", max_size=5),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.sampled_from(["float32[1, text] <- bert.d_en", "int8[]", "cpu:0", "../x.so", "{model}", "stages.bert", "a.b"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(WORDS), below, max_size=2),
    max_leaves=4,
)


def assert_sound_or_refused(text: str, overlays: tuple[str, ...] = (), sets: tuple[str, ...] = ()) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{at}.yaml") for at in range(len(overlays) + 1)]
        for file, content in zip(files, (text, *overlays), strict=True):
            file.write_bytes(content.encode("utf-8", "surrogatepass"))
        try:
            load_graph(str(files[0]), [str(file) for file in files[1:]], sets)
        except KokoroError as error:
            refusal = str(error).split("\n")[0]
        else:
            return
    assert refusal.startswith((str(files[0].parent), "set ", str(ROOT), "configs/")), refusal
    assert ": " in refusal


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    """Cut, insert, double or exchange one to three pieces of the text."""
    text = TEXT
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        piece = draw(st.sampled_from(["", text[start:end] * 2, text[start:end][::-1]]) | FRAGMENTS)
        text = text[:start] + piece + text[end:]
    return text


@st.composite
def mutated_lines(draw: st.DrawFn) -> str:
    """Remove, double or move lines of the text, or exchange a word for another."""
    lines = TEXT.split("\n")
    for _ in range(draw(st.integers(1, 4))):
        at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        change = draw(st.sampled_from(["remove", "double", "move", "indent", "word"]))
        line = lines.pop(at) if change in ("remove", "move") else lines[at]
        if change in ("double", "move"):
            lines.insert(to, line)
        elif change == "indent":
            lines[at] = " " * draw(st.integers(0, 8)) + line.lstrip()
        elif change == "word" and line.split():
            lines[at] = line.replace(draw(st.sampled_from(line.split())), draw(FRAGMENTS), 1)
    return "\n".join(lines)


@st.composite
def mutated_trees(draw: st.DrawFn) -> dict[str, Any]:
    """Replace, remove, rename or copy one to three values of the graph."""
    graph = copy.deepcopy(GRAPH)
    for _ in range(draw(st.integers(1, 3))):
        *above, name = draw(st.sampled_from(PATHS))
        parent: Any = graph
        for key in above:
            parent = parent.get(key) if isinstance(parent, dict) else None
        if not isinstance(parent, dict) or name not in parent:
            continue
        change = draw(st.sampled_from(["replace", "remove", "rename", "copy"]))
        if change == "replace":
            parent[name] = draw(VALUES)
        elif change == "copy":
            parent[name] = copy.deepcopy(parent[draw(st.sampled_from(list(parent)))])
        else:
            value = parent.pop(name)
            if change == "rename":
                parent[draw(st.sampled_from(WORDS) | st.text(max_size=5))] = value
    return graph


@st.composite
def overlays(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a value for one path of the graph, or for one beside it."""
    path = list(draw(st.sampled_from(PATHS)))
    if draw(st.booleans()):
        path[draw(st.integers(0, len(path) - 1))] = draw(st.sampled_from(WORDS))
    tree: Any = draw(VALUES)
    for name in reversed(path):
        tree = {name: tree}
    return dict(tree)


def dump(tree: Any) -> str:
    return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


@SETTINGS
@given(mutated_texts())
def test_a_mutated_text_is_sound_or_refused(text: str) -> None:
    assert_sound_or_refused(text)


@SETTINGS
@given(mutated_lines())
def test_mutated_lines_are_sound_or_refused(text: str) -> None:
    assert_sound_or_refused(text)


@SETTINGS
@given(mutated_trees())
def test_a_mutated_tree_is_sound_or_refused(tree: dict[str, Any]) -> None:
    assert_sound_or_refused(dump(tree))


@SETTINGS
@given(st.lists(overlays(), min_size=1, max_size=2))
def test_any_overlay_is_sound_or_refused(trees: list[dict[str, Any]]) -> None:
    assert_sound_or_refused(TEXT, tuple(map(dump, trees)))


@SETTINGS
@given(
    st.sampled_from(PATHS), FRAGMENTS | st.sampled_from(["null", "1", "1e-3", "true", "{a: 1}"]), st.text(max_size=3)
)
def test_any_option_is_sound_or_refused(path: tuple[str, ...], value: str, noise: str) -> None:
    assert_sound_or_refused(TEXT, sets=(f"{'.'.join(path)}{noise}={value}",))


@SETTINGS
@given(st.binary(max_size=60))
def test_any_bytes_are_sound_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "graph.yaml")
        path.write_bytes(content)
        with pytest.raises(KokoroError):
            load_graph(str(path))

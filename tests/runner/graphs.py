"""Graph files for the tests: the default graph with edits, and checks of its messages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import GraphError, KokoroError, SpecError
from runner.graph.load import load_graph
from runner.graph.types import Graph, ModelSpec
from runner.graph.validate import load_device

ROOT = Path(__file__).parents[2]
DEFAULT = (ROOT / "graphs/default.yaml").read_text(encoding="utf-8")
CARET = "§"
LIMITED = """
graph: 1
name: plain
devices: {host: cpu:0}
dims: {n: {max: 9}}
params:
  gain: 0.5
inputs: {x: "float32[n]"}
outputs:
  y: limit.y
stages:
  limit:
    module: ./limit.py
    device: host
    inputs:
      x: float32[n] <- input.x
      gain: float32[] <- params.gain
    outputs:
      y: float32[n]
"""
"""A graph without a model, of one stage in a file beside it: LIMIT."""
LIMIT = """
from stages.contract import In, Out, stage

@stage(x=In("float32[n]", "numbers"), gain=In("float32[]", "a factor"), y=Out("float32[n]", "their products"))
def limit(x, gain):
    return {"y": x * gain}
"""
PLAIN = """
graph: 1
name: plain
devices: {host: cpu:0}
dims: {text: 8, style: 2}
inputs: {length: 'int64[1]', voice: voice}
outputs: {style: voice.style_decoder}
stages:
  voice:
    module: stages.voice
    device: host
    inputs:
      voice: voice <- input.voice
      length: int64[1] <- input.length
    outputs:
      style_decoder: float32[1, style]
      style_prosody: float32[1, style]
"""


def edited(*edits: tuple[str, str]) -> str:
    """Edit the default graph: replace its first `old` by `new` for each edit, and name its model by the full path."""
    text = DEFAULT.replace("../configs", str(ROOT / "configs"))
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def edit_limited(folder: Path, *edits: tuple[str, str]) -> str:
    """Edit LIMITED as `edited` does the default graph, and write its stage into `folder`."""
    (folder / "limit.py").write_text(LIMIT, "utf-8")
    text = LIMITED
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def write(folder: Path, text: str, name: str = "graph.yaml") -> tuple[Path, str]:
    """Write `text` without its caret marks; gives the path, and `PATH:LINE:COLUMN` of the first mark."""
    path = folder / name
    before = text.partition(CARET)[0]
    column = len(before) - before.rfind("\n")
    path.write_text(text.replace(CARET, ""), encoding="utf-8")
    return path, f"{path}:{before.count(chr(10)) + 1}:{column}"


def on_devices(graph: Graph, **devices: str) -> Graph:
    """Put stages of a checked graph on other devices, also on those that a check refuses: `cpu:1` serves as a GPU."""
    kinds = {name: load_device(device.partition(":")[0]) for name, device in devices.items()}
    stages = {name: replace(graph.stages[name], device=devices[name], kind=kinds[name]) for name in devices}
    return replace(graph, stages={**graph.stages, **stages})


def model_of(graph: Graph) -> ModelSpec:
    """Give the model of a graph that has one."""
    assert graph.model is not None
    return graph.model


def messages(error: KokoroError) -> list[str]:
    """List the messages of an error, without the lines that show the source."""
    return [line for line in str(error).split("\n") if not re.match(r" *[0-9]* \| ", line)]


def assert_refused(
    folder: Path, text: str, *expected: str, kind: type[KokoroError] = GraphError, sets: tuple[str, ...] = ()
) -> None:
    """Check that the graph is refused for exactly these reasons; the first is at the mark in the text."""
    path, marked = write(folder, text)
    with pytest.raises(KokoroError) as caught:
        load_graph(str(path), sets=sets)
    found = messages(caught.value)
    assert sorted(line.split(": ", 1)[1] for line in found) == sorted(expected)
    assert f"{marked}: {expected[0]}" in found
    assert type(caught.value) is kind


def assert_overlay_refused(folder: Path, overlay: str, *expected: str, kind: type[KokoroError] = SpecError) -> None:
    """Check an overlay on the default graph as `assert_refused` does a graph."""
    path, marked = write(folder, overlay, "overlay.yaml")
    with pytest.raises(KokoroError) as caught:
        load_graph(str(ROOT / "graphs/default.yaml"), [str(path)])
    found = messages(caught.value)
    assert sorted(line.split(": ", 1)[1] for line in found) == sorted(expected)
    assert f"{marked}: {expected[0]}" in found
    assert type(caught.value) is kind

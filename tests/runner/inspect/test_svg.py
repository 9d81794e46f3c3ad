"""The drawn graph: every box has a place of its own, and wires go from left to right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.engine.run_state import Status
from runner.graph.load import load_graph
from runner.inspect.svg import StageOutcome, draw_graph

ROOT = Path(__file__).parents[3]
RECT = re.compile(r'<rect x="([-0-9.]+)" y="([-0-9.]+)" width="([0-9.]+)" height="([0-9.]+)"')


@pytest.fixture(scope="module")
def svg() -> str:
    graph = load_graph(str(ROOT / "graphs/default.yaml"))
    return draw_graph(graph, {name: StageOutcome(Status.RUN, 0.01, 0.1) for name in graph.stages}, graph.params)


def test_boxes_do_not_overlap(svg: str) -> None:
    boxes = [tuple(map(float, found)) for found in RECT.findall(svg)]
    assert len(boxes) >= 9 + 2 + 3 + 1  # stages, inputs, parameters, outputs
    for at, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[at + 1 :]:
            beside = x + width <= other_x or other_x + other_width <= x
            assert beside or y + height <= other_y or other_y + other_height <= y


def test_wires_go_from_left_to_right(svg: str) -> None:
    paths = re.findall(r'class="wire" d="M([-0-9.]+) [^"]* ([-0-9.]+) [-0-9.]+"', svg)
    assert len(paths) >= 20
    assert all(float(start) < float(end) for start, end in paths)


def test_wire_tells_its_ports_and_types(svg: str) -> None:
    assert "duration.logits → align.logits: float32[1, text, bins]\nduration.d → align.d: float32[1, text, featu" in svg

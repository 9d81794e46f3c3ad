"""Draws a graph as SVG, in layers from left to right, so that no two boxes overlap.

    layer    length of the longest path from an input; a parameter is one layer before the first stage that takes it
    order    within a layer by the mean position of the neighbours, swept back and forth
    height   as near to the neighbours as the order allows; a wire that crosses a layer has a lane of its own there

Source: Sugiyama, Tagawa and Toda, Visual understanding of hierarchical system structures (IEEE SMC 11, 1981).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from runner.engine.run_state import Status
from runner.graph.types import CONSTANTS, GRAPH_INPUTS, PARAMETERS
from runner.inspect.units import spell_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.graph.types import Graph

_WIDTH, _HEIGHT, _PILL, _LANE = 118, 62, 30, 12  # of a stage's box, of a value's, and of a wire that passes [px]
_GAP_X, _GAP_Y = 44, 20
_NARROWEST = 900  # of a large drawing [px]
_SWEEPS = 12
_OUTPUT = "output"
_LETTER = 6.6  # width of a letter [px]
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>'
)


@dataclass(frozen=True)
class StageOutcome:
    """The status of a stage after a run.

    Attributes:
        status: `run_state`'s.
        seconds: that it ran.
        share: of the time of all stages that ran.
    """

    status: Status
    seconds: float = 0.0
    share: float = 0.0

    @property
    def colour(self) -> str:
        """The colour of its box: by status and, where it ran, by its share of the time."""
        return {Status.HIT: "#d3efdf", Status.INJECTED: "#e4dcf8"}.get(self.status) or (
            _mix("#fff0d9", "#f58442", self.share) if self.status == Status.RUN else "#f0f1f4"
        )

    @property
    def label(self) -> str:
        """Its time and share or, where it did not run, its status."""
        return f"{spell_time(self.seconds)}, {self.share:.0%}" if self.status == Status.RUN else self.status


def _mix(cold: str, hot: str, share: float) -> str:
    pairs = ((int(cold[at : at + 2], 16), int(hot[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(one + (other - one) * min(share, 1) ** 0.5):02x}" for one, other in pairs)


@dataclass
class _Box:
    """A node of the drawing; one without a name is a lane."""

    name: str
    layer: int
    height: int
    y: float = 0.0
    before: list[_Box] = field(default_factory=list)
    after: list[_Box] = field(default_factory=list)

    @property
    def x(self) -> int:
        return self.layer * (_WIDTH + _GAP_X)


def draw_graph(graph: Graph, outcomes: Mapping[str, StageOutcome], params: Mapping[str, object]) -> str:
    """Draw a graph; a stage has the colour of its outcome, and a wire shows its ports and types under the mouse.

    Args:
        outcomes: of each stage.
        params: the values of the graph's parameters in the run.
    """
    wires = _wires(graph)
    boxes, lines = _layout(graph, wires)
    named = [box for box in boxes if box.name]
    top, bottom = min(box.y for box in boxes), max(box.y + box.height for box in boxes)
    width = max(box.x for box in named) + _WIDTH
    curves = [_curve(line, wires[ends]) for ends, line in lines.items()]
    drawn = [
        _draw_stage(graph, box, outcomes[box.name]) if box.name in outcomes else _draw_value(graph, box, params)
        for box in named
    ]
    style = f"min-width:{min(width, _NARROWEST)}px;max-width:{width * 3 // 2}px"
    view = f"-4 {top - 4:.0f} {width + 8} {bottom - top + 8:.0f}"
    label = f"graph {escape(graph.name)}"
    head = f'<svg class="graph" viewBox="{view}" style="{style}" role="img" aria-label="{label}">'
    return f"{head}{_ARROW}{''.join(curves + drawn)}</svg>"


def _wires(graph: Graph) -> dict[tuple[str, str], list[str]]:
    """(source box, target box) -> the wires between them, each as text."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for spec in graph.stages.values():
        for port, wire in spec.inputs.items():
            source = str(wire.ref) if wire.ref.stage in (GRAPH_INPUTS, PARAMETERS) else wire.ref.stage
            source = f"{CONSTANTS}.{spec.name}.{port}" if source == CONSTANTS else source
            found[source, spec.name].append(f"{wire.ref} → {spec.name}.{port}: {wire.type}")
    for name, ref in graph.outputs.items():
        type_ = graph.stages[ref.stage].outputs[ref.port]
        found[ref.stage, f"{_OUTPUT}.{name}"].append(f"{ref} → {name}: {type_}")
    return found


def _layout(
    graph: Graph, wires: Mapping[tuple[str, str], Sequence[str]]
) -> tuple[list[_Box], dict[tuple[str, str], list[_Box]]]:
    """Place the boxes and lanes, and list those that each wire passes."""
    layers = _layers(graph, wires)
    boxes = {name: _Box(name, layer, _HEIGHT if name in graph.stages else _PILL) for name, layer in layers.items()}
    every, lines = list(boxes.values()), {}
    for source, target in wires:
        first, last = boxes[source], boxes[target]
        line = [first, *(_Box("", layer, _LANE) for layer in range(first.layer + 1, last.layer)), last]
        for one, other in pairwise(line):
            one.after.append(other)
            other.before.append(one)
        every += line[1:-1]
        lines[source, target] = line
    _place(every)
    return every, lines


def _layers(graph: Graph, wires: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, int]:
    layers = {f"{GRAPH_INPUTS}.{name}": 0 for name in graph.inputs}
    for name in graph.stages:
        sources = [source for source, target in wires if target == name]
        layers[name] = 1 + max((layers[source] for source in sources if source in layers), default=0)
    for source, target in wires:
        if source not in layers:
            layers[source] = min(layers[other] for one, other in wires if one == source) - 1
        if target not in layers:
            layers[target] = layers[source] + 1
    return layers


def _place(boxes: Sequence[_Box]) -> None:
    columns: dict[int, list[_Box]] = defaultdict(list)
    for box in boxes:
        columns[box.layer].append(box)
    order = sorted(columns)
    for column in columns.values():
        _stack(column)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for layer in order if forward else reversed(order):
            for box in columns[layer]:
                beside = (box.before if forward else box.after) or box.before or box.after
                box.y = sum(_middle(other) for other in beside) / len(beside) - box.height / 2 if beside else box.y
            if sweep < _SWEEPS - 4:  # the last sweeps move boxes, but keep their order
                columns[layer].sort(key=_middle)
            _separate(columns[layer])


def _middle(box: _Box) -> float:
    return box.y + box.height / 2


def _stack(column: Sequence[_Box]) -> None:
    y = 0.0
    for box in column:
        box.y, y = y, y + box.height + _GAP_Y


def _separate(column: Sequence[_Box]) -> None:
    """Push overlapping boxes apart, and keep the mean position of the column."""
    wanted = [box.y for box in column]
    for above, below in pairwise(column):
        below.y = max(below.y, above.y + above.height + _GAP_Y)
    moved = sum(box.y - was for box, was in zip(column, wanted, strict=True)) / len(column)
    for box in column:
        box.y -= moved


def _curve(line: Sequence[_Box], wires: Sequence[str]) -> str:
    title = f"<title>{escape(chr(10).join(wires))}</title>"
    return f'<path class="wire" d="{_path(line)}" marker-end="url(#arrow)">{title}</path>'


def _path(line: Sequence[_Box]) -> str:
    """A curve through the middles of the lanes, horizontal at both ends."""
    start = line[0]
    parts = [f"M{start.x + _WIDTH} {_middle(start):.1f}"]
    for one, other in pairwise(line):
        bend = one.x + _WIDTH + _GAP_X / 2
        parts.append(f"C{bend} {_middle(one):.1f} {bend} {_middle(other):.1f} {other.x} {_middle(other):.1f}")
        if not other.name:
            parts.append(f"H{other.x + _WIDTH}")
    return "".join(parts)


def _draw_stage(graph: Graph, box: _Box, outcome: StageOutcome) -> str:
    spec, middle = graph.stages[box.name], box.x + _WIDTH / 2
    kind = f"stage {outcome.status.replace(' ', '-')}"
    what = f"{spec.module}, {spec.device}: {outcome.label}"
    corner = 4 if spec.is_library else 16
    place = f'x="{box.x}" y="{box.y:.1f}" width="{_WIDTH}" height="{box.height}" rx="{corner}"'
    return (
        f'<g class="{kind}" data-stage="{escape(box.name)}"><title>{escape(what)}</title>'
        f'<rect {place} fill="{outcome.colour}"/>'
        f'<text class="name" x="{middle}" y="{box.y + 22:.1f}">{escape(box.name)}</text>'
        f'<text x="{middle}" y="{box.y + 38:.1f}">{escape(outcome.label)}</text>'
        f'<text class="faint" x="{middle}" y="{box.y + 53:.1f}">{escape(spec.device)}</text></g>'
    )


def _draw_value(graph: Graph, box: _Box, params: Mapping[str, object]) -> str:
    """Draw an input, an output, or a parameter or constant with its value."""
    place, _, name = box.name.partition(".")
    text = f"{name} = {_spell(params[name])}" if place == PARAMETERS else name
    if place == CONSTANTS:
        stage, port = name.split(".")
        text = f"{port} = {_spell(graph.stages[stage].inputs[port].value)}"
    size = min(12.5, 12.5 * (_WIDTH - 14) / (_LETTER * len(text)))
    return (
        f'<g class="{place}"><rect x="{box.x}" y="{box.y:.1f}" width="{_WIDTH}" height="{box.height}" rx="15"/>'
        f'<text x="{box.x + _WIDTH / 2}" y="{box.y + 19:.1f}" style="font-size:{size:.1f}px">{escape(text)}</text></g>'
    )


def _spell(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

"""A graph and the times of its stages as SVG: layers from left to right, no two boxes on one another.

    layer    longest way from an input; a parameter stands just before what takes it
    order    within a layer by the mean place of the neighbours, swept back and forth
    height   as near to the neighbours as the order allows; a wire that passes a layer keeps a lane there

Source: Sugiyama, Tagawa and Toda, Visual understanding of hierarchical system structures (IEEE SMC 11, 1981).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from runner.engine.run_state import HIT, INJECTED, RUN
from runner.graph.types import GRAPH_INPUTS, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.engine.trace import Event
    from runner.graph.types import Graph

_WIDTH, _HEIGHT, _PILL, _LANE = 118, 62, 30, 12  # of a stage's box, of a value's, and of a wire that passes [px]
_GAP_X, _GAP_Y = 44, 20
_SWEEPS = 12
_OUTPUT = "output"
_BAR, _ROW, _LABELS, _TIMELINE = 16, 26, 120, 1160  # of the timeline [px]
_TICKS = 8  # at most
_LETTER = 6.6  # width of a letter [px]
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>'
)


@dataclass(frozen=True)
class Fate:
    """What became of a stage.

    Attributes:
        share: of the time of all stages that ran.
    """

    status: str
    seconds: float = 0.0
    share: float = 0.0

    @property
    def colour(self) -> str:
        """Of its box: by status and, where it ran, the hotter the longer."""
        return {HIT: "#d3efdf", INJECTED: "#e4dcf8"}.get(self.status) or (
            _mix("#fff0d9", "#f58442", self.share) if self.status == RUN else "#f0f1f4"
        )

    @property
    def words(self) -> str:
        return f"{spell_time(self.seconds)}, {self.share:.0%}" if self.status == RUN else self.status


def spell_time(seconds: float) -> str:
    """With three digits and its unit: 12.3 ms."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


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


def graph_svg(graph: Graph, fates: Mapping[str, Fate], params: Mapping[str, object]) -> str:
    """The graph, each stage in the colour of its fate; wires tell their ports and types to the mouse.

    Args:
        params: their values in the run.
    """
    wires = _wires(graph)
    boxes, lines = _layout(graph, wires)
    named = [box for box in boxes if box.name]
    top, bottom = min(box.y for box in boxes), max(box.y + box.height for box in boxes)
    width = max(box.x for box in named) + _WIDTH
    curves = [_curve(line, wires[ends]) for ends, line in lines.items()]
    drawn = [_stage(graph, box, fates[box.name]) if box.name in fates else _value(box, params) for box in named]
    view = f"-4 {top - 4:.0f} {width + 8} {bottom - top + 8:.0f}"
    label = f"graph {escape(graph.name)}"
    head = f'<svg class="graph" viewBox="{view}" role="img" aria-label="{label}">'
    return f"{head}{_ARROW}{''.join(curves + drawn)}</svg>"


def _wires(graph: Graph) -> dict[tuple[str, str], list[str]]:
    """(from, to) -> what goes there, of all pairs of boxes."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for spec in graph.stages.values():
        for port, wire in spec.inputs.items():
            source = str(wire.ref) if wire.ref.stage in (GRAPH_INPUTS, PARAMETERS) else wire.ref.stage
            found[source, spec.name].append(f"{wire.ref} → {spec.name}.{port}: {wire.type}")
    for name, ref in graph.outputs.items():
        type_ = graph.stages[ref.stage].outputs[ref.port]
        found[ref.stage, f"{_OUTPUT}.{name}"].append(f"{ref} → {name}: {type_}")
    return found


def _layout(
    graph: Graph, wires: Mapping[tuple[str, str], Sequence[str]]
) -> tuple[list[_Box], dict[tuple[str, str], list[_Box]]]:
    """Boxes with their places, and the boxes and lanes that each wire passes."""
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
            if sweep < _SWEEPS - 4:  # the last sweeps move, but no longer change who stands above whom
                columns[layer].sort(key=_middle)
            _separate(columns[layer])


def _middle(box: _Box) -> float:
    return box.y + box.height / 2


def _stack(column: Sequence[_Box]) -> None:
    y = 0.0
    for box in column:
        box.y, y = y, y + box.height + _GAP_Y


def _separate(column: Sequence[_Box]) -> None:
    """Push apart what overlaps, and keep the column where it wanted to be on the whole."""
    wanted = [box.y for box in column]
    for above, below in pairwise(column):
        below.y = max(below.y, above.y + above.height + _GAP_Y)
    moved = sum(box.y - was for box, was in zip(column, wanted, strict=True)) / len(column)
    for box in column:
        box.y -= moved


def _curve(line: Sequence[_Box], says: Sequence[str]) -> str:
    title = f"<title>{escape(chr(10).join(says))}</title>"
    return f'<path class="wire" d="{_path(line)}" marker-end="url(#arrow)">{title}</path>'


def _path(line: Sequence[_Box]) -> str:
    """A curve through the middles of its lanes, level where it leaves and where it arrives."""
    start = line[0]
    parts = [f"M{start.x + _WIDTH} {_middle(start):.1f}"]
    for one, other in pairwise(line):
        bend = one.x + _WIDTH + _GAP_X / 2
        parts.append(f"C{bend} {_middle(one):.1f} {bend} {_middle(other):.1f} {other.x} {_middle(other):.1f}")
        if not other.name:
            parts.append(f"H{other.x + _WIDTH}")
    return "".join(parts)


def _stage(graph: Graph, box: _Box, fate: Fate) -> str:
    spec, middle = graph.stages[box.name], box.x + _WIDTH / 2
    kind = f"stage {fate.status.replace(' ', '-')}"
    what = f"{spec.module}, {spec.device}: {fate.words}"
    round_ = 4 if spec.is_library else 16
    return (
        f'<g class="{kind}" data-stage="{escape(box.name)}"><title>{escape(what)}</title>'
        f'<rect x="{box.x}" y="{box.y:.1f}" width="{_WIDTH}" height="{box.height}" rx="{round_}" fill="{fate.colour}"/>'
        f'<text class="name" x="{middle}" y="{box.y + 22:.1f}">{escape(box.name)}</text>'
        f'<text x="{middle}" y="{box.y + 38:.1f}">{escape(fate.words)}</text>'
        f'<text class="faint" x="{middle}" y="{box.y + 53:.1f}">{escape(spec.device)}</text></g>'
    )


def _value(box: _Box, params: Mapping[str, object]) -> str:
    """An input, an output or a parameter, with its value."""
    place, _, name = box.name.partition(".")
    text = f"{name} = {json.dumps(params[name], ensure_ascii=False)}" if place == PARAMETERS else name
    size = min(12.5, 12.5 * (_WIDTH - 14) / (_LETTER * len(text)))
    return (
        f'<g class="{place}"><rect x="{box.x}" y="{box.y:.1f}" width="{_WIDTH}" height="{box.height}" rx="15"/>'
        f'<text x="{box.x + _WIDTH / 2}" y="{box.y + 19:.1f}" style="font-size:{size:.1f}px">{escape(text)}</text></g>'
    )


def timeline_svg(stages: Sequence[str], events: Sequence[Event], fates: Mapping[str, Fate]) -> str:
    """When each stage was at work; a diamond is a hit."""
    begin = min(event.start for event in events)
    span = max(max(event.start + event.seconds for event in events) - begin, 1e-6)
    scale = (_TIMELINE - _LABELS - 60) / span
    height = _ROW * len(stages) + 30
    drawn = []
    step = _step(span / _TICKS)
    for tick in range(int(span / step) + 1):
        x = _LABELS + tick * step * scale
        drawn.append(f'<path class="grid" d="M{x:.1f} 0V{height - 24}"/>')
        drawn.append(
            f'<text class="faint" x="{x:.1f}" y="{height - 8}">{spell_time(tick * step) if tick else 0}</text>'
        )
    for row, name in enumerate(stages):
        drawn.append(f'<text class="label" x="{_LABELS - 10}" y="{row * _ROW + 18}">{escape(name)}</text>')
        drawn += [_bar(row, event, begin, scale, fates[name]) for event in events if event.name == name]
    return (
        f'<svg class="timeline" viewBox="0 0 {_TIMELINE} {height}" role="img" aria-label="timeline">'
        f"{''.join(drawn)}</svg>"
    )


def _step(least: float) -> float:
    """The next of ... 0.1, 0.2, 0.5, 1, 2, 5 ... that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))


def _bar(row: int, event: Event, begin: float, scale: float, fate: Fate) -> str:
    x, y = _LABELS + (event.start - begin) * scale, row * _ROW + (_ROW - _BAR) / 2
    if not event.seconds:
        middle = y + _BAR / 2
        title = f"<title>{escape(event.name)}: hit</title>"
        return f'<path class="hit" d="M{x:.1f} {middle - 6}l6 6l-6 6l-6 -6z">{title}</path>'
    width, words = max(event.seconds * scale, 2), spell_time(event.seconds)
    return (
        f'<g class="bar"><title>{escape(event.name)}: {words}</title>'
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3" fill="{fate.colour}"/>'
        f'<text x="{x + width + 6:.1f}" y="{y + 12}">{words}</text></g>'
    )

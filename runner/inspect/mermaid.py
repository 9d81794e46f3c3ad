"""Shows a graph: as a mermaid diagram, and as a list of its values with the places where they were written."""

from __future__ import annotations

import json

from runner.errors import Origin
from runner.graph.types import CONSTANTS, GRAPH_INPUTS, PARAMETERS, Graph, Parameter, StageSpec
from runner.graph.yaml_node import Scalar


def draw_mermaid(graph: Graph) -> str:
    """Draw the graph as a mermaid flowchart: Python stages round, compiled ones square, types on the edges."""
    lines = ["flowchart LR"]
    lines += [f'    {GRAPH_INPUTS}_{name}(["{name}"])' for name in graph.inputs]
    lines += [f'    {PARAMETERS}_{name}{{{{"{name} = {_escape(value)}"}}}}' for name, value in graph.params.items()]
    lines += [f"    {_box(stage)}" for stage in graph.stages.values()]
    lines += [f'    output_{name}(["{name}"])' for name in graph.outputs]
    for stage in graph.stages.values():
        for port, wire in stage.inputs.items():
            one, label = _node(wire.ref.stage, wire.ref.port), port
            if wire.value is not None:
                one = f'{CONSTANTS}_{stage.name}_{port}{{{{"{port} = {_escape(wire.value)}"}}}}'
            elif port != wire.ref.port:
                label = f"{wire.ref.port} as {port}"
            lines.append(f'    {one} -- "{label}: {wire.type}" --> {_node(stage.name, port)}')
    for name, ref in graph.outputs.items():
        type_ = graph.stages[ref.stage].outputs[ref.port]
        lines.append(f'    {_node(ref.stage, ref.port)} -- "{ref.port}: {type_}" --> output_{name}')
    return "\n".join(lines) + "\n"


def _box(stage: StageSpec) -> str:
    left, right = ("[", "]") if stage.is_library else ("(", ")")
    return f'{_node(stage.name, "")}{left}"{stage.name}<br/>{stage.device}"{right}'


def _node(stage: str, port: str) -> str:
    """Make a mermaid identifier; the prefix keeps it apart from mermaid's own words, such as `end` and `style`."""
    return f"{stage}_{port}" if stage in (GRAPH_INPUTS, PARAMETERS) else f"stage_{stage}"


def _escape(value: Parameter) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def list_values(graph: Graph) -> list[tuple[str, Scalar | list[object], Origin]]:
    """List the values that were written, in the graph's order: path (`stages.bert.device`), value, and place."""
    return [(".".join(path), node.plain(), node.origin) for path, node in graph.tree.leaves()]

"""A graph as mermaid text."""

from __future__ import annotations

import re

from runner.graph.load import load_graph
from runner.inspect.mermaid import draw_mermaid
from tests.runner.graphs import ROOT

GRAPH = load_graph(str(ROOT / "graphs/default.yaml"))


def test_mermaid_has_every_stage_and_every_edge() -> None:
    lines = draw_mermaid(GRAPH).split("\n")
    assert lines[0] == "flowchart LR"
    assert [line for line in lines if re.match(r" *stage_\w+[\[(]", line)] == [
        *(f'    stage_{name}("{name}<br/>cpu:0")' for name in ("tokenize", "voice")),
        *(f'    stage_{name}["{name}<br/>cpu:0"]' for name in ("bert", "duration", "text_encoder")),
        '    stage_align("align<br/>cpu:0")',
        *(f'    stage_{name}["{name}<br/>cpu:0"]' for name in ("f0n", "decoder")),
        '    stage_trim("trim<br/>cpu:0")',
    ]
    wires = sum(len(stage.inputs) for stage in GRAPH.stages.values())
    assert sum("-->" in line for line in lines) == wires + len(GRAPH.outputs)


def test_mermaid_has_types_on_its_edges() -> None:
    text = draw_mermaid(GRAPH)
    assert '    stage_bert -- "d_en: float32[1, hidden, text]" --> stage_duration\n' in text
    assert '    stage_voice -- "style_decoder as style: float32[1, style]" --> stage_decoder\n' in text
    assert '    params_speed -- "speed: float32[]" --> stage_align\n' in text
    assert '    stage_trim -- "audio: float32[samples]" --> output_audio\n' in text


def test_mermaid_escapes_what_a_caller_wrote() -> None:
    text = draw_mermaid(
        load_graph(str(ROOT / "graphs/default.yaml"), sets=["params.skip_unknown=true", "params.speed=2"])
    )
    assert '    params_skip_unknown{{"skip_unknown = true"}}\n' in text
    assert '    params_speed{{"speed = 2.0"}}\n' in text

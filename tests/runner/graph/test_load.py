"""The checked graph; a graph against the schema; many mistakes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runner.errors import GraphError, SpecError
from runner.graph.load import load_graph, reload_graph
from runner.graph.types import Graph, Ref
from stages.contract import parse_type
from tests.runner.graphs import ROOT, edited, messages, model_of, write

DEFAULT = str(ROOT / "graphs/default.yaml")
ORDER = ["tokenize", "voice", "bert", "duration", "text_encoder", "align", "f0n", "decoder", "trim"]


def test_the_default_graph_is_sound() -> None:
    graph = load_graph(DEFAULT)
    assert list(graph.stages) == ORDER
    assert graph.params == {"speed": 1.0, "seed": 0, "alphabet": "kokoro", "skip_unknown": False}
    assert graph.inputs == {"phonemes": parse_type("str"), "voice": parse_type("voice")}
    assert graph.outputs == {"audio": Ref("trim", "audio")}
    assert (graph.dims["frames"].max, graph.dims["frames"].static) == (5120, False)
    assert (graph.dims["hidden"].max, graph.dims["hidden"].static) == (128, True)


def test_a_compiled_stage_is_as_written() -> None:
    stage = load_graph(DEFAULT).stages["decoder"]
    assert (stage.module, stage.entry) == ("build/{model}/{device}/decoder.so", "decoder_forward")
    assert (stage.source, stage.role, stage.device, stage.cache) == ("stages.decoder", "accel", "cpu:0", True)
    assert list(stage.inputs) == ["asr", "f0", "n", "style", "frame_count", "seed"]
    assert stage.inputs["style"].ref == Ref("voice", "style_decoder")
    assert stage.outputs == {"audio": parse_type("float32[1, 600*frames]")}


def test_stages_are_in_topological_order_whatever_the_file_says(tmp_path: Path) -> None:
    text = edited()
    start, end = text.index("  trim:"), len(text)
    moved = text[:start].replace("stages:\n", f"stages:\n{text[start:end]}\n", 1)
    path, _ = write(tmp_path, moved)
    assert list(load_graph(str(path)).stages) == ORDER


def test_overlays_that_come_with_it_are_sound() -> None:
    external = load_graph(DEFAULT, [str(ROOT / "configs/external.yaml")])
    assert [name for name, stage in external.stages.items() if stage.source] == []
    static = load_graph(DEFAULT, [str(ROOT / "configs/static.yaml")])
    assert [name for name in ("text", "frames", "samples") if static.dims[name].static] == ["text", "frames"]
    assert load_graph(DEFAULT, sets=["devices.accel=cpu-avx2:0"]).stages["decoder"].device == "cpu-avx2:0"


def test_a_graph_that_was_loaded_before_takes_another_model_with_its_sizes() -> None:
    def reload(*options: str, overlays: tuple[str, ...] = ()) -> Graph:
        return reload_graph(graph.path, load_graph(DEFAULT).tree, {"speed": 1.5}, "run 1", overlays, options)

    graph, other = load_graph(DEFAULT), str(ROOT / "configs/models/kokoro-82m.yaml")
    assert (reload().model, reload().dims, reload().params["speed"]) == (graph.model, graph.dims, 1.5)
    for again in (reload(overlays=(other,)), reload(f"model={other}")):
        assert (model_of(again).name, again.dims["hidden"].max, again.params["speed"]) == ("kokoro-82m", 512, 1.5)


def test_sizes_that_the_graph_itself_writes_stay_with_another_model(tmp_path: Path) -> None:
    model = yaml.safe_load((ROOT / "configs/models/mini.yaml").read_text("utf-8"))
    for key in ("config", "checkpoint", "voices"):
        model["model"][key] = str(ROOT / "configs/models" / model["model"][key])
    sizes = "".join(f"  {name}: {size}\n" for name, size in model["dims"].items())
    inline = f"model: {json.dumps(model['model'])}\n"
    text = edited(
        (f"model: {ROOT}/configs/models/mini.yaml", inline), ("  text: {max: 512}\n", f"{sizes}  text: {{max: 512}}\n")
    )
    graph = load_graph(str(write(tmp_path, text)[0]))
    overlay, _ = write(tmp_path, inline.replace('"mini"', '"other"'), "other.yaml")
    again = reload_graph(graph.path, graph.tree, {}, "run 1", [str(overlay)])
    assert (model_of(again).name, again.dims) == ("other", graph.dims)


SHAPES = [
    (("graph: 1 ", "graph: §2 "), "graph takes 1, not 2"),
    (("name: kokoro", "§nam: kokoro"), "unknown key 'nam'; did you mean 'name'?"),
    (("seed: int64[] <- params.seed\n", "seed: int64[] <- params.seed\n      §seed: int64[] <- params.seed\n"),
     "duplicate key 'seed'; it is first written in line 130"),
    (("  trim:\n", "  §decoder:\n"), "duplicate key 'decoder'; it is first written in line 119"),
    (("  phonemes: str\n", "  phonemes: §[str]\n"), "inputs.phonemes takes a string, not a list"),
    (("text: {max: 512}", "text: {max: §lots}"),
     "dims.text takes an integer (a static size) or a map with 'max' alone, not 'lots'"),
    (("    outputs:\n      audio: float32[samples]", "    outputs: §{}"),
     "stages.trim.outputs must not be empty, not a map without entries"),
    (("    module: stages.trim\n", "    module: §12\n"), "stages.trim.module takes a string, not 12"),
    (("stages:\n", "stages: §none\nx:\n"), "stages takes a map, not 'none'"),
    (("      audio: float32[samples]\n", "      audio: float32[samples]\n      §null: x\n"),
     "a key is a string; quote it: 'null'"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), SHAPES)
def test_a_graph_against_the_schema_is_refused(tmp_path: Path, edit: tuple[str, str], message: str) -> None:
    path, marked = write(tmp_path, edited(edit))
    with pytest.raises(SpecError) as caught:
        load_graph(str(path))
    assert f"{marked}: {message}" in messages(caught.value)


def test_a_stage_cannot_be_called_like_a_source(tmp_path: Path) -> None:
    text = edited(("  trim:\n", "  §params:\n"), ("audio: trim.audio", "audio: params.audio"))
    path, marked = write(tmp_path, text)
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    message = "a stage cannot be called 'params': the name is that of another source"
    assert f"{marked}: {message}" in messages(caught.value)


def test_all_mistakes_are_reported_sorted_by_line(tmp_path: Path) -> None:
    text = edited(
        ("audio: trim.audio", "audio: trim.adio"),
        ("<- params.speed", "<- params.sped"),
        ("entry: bert_forward", "entry: bert_foward"),
        ("t_en: float32[1, hidden, text]\n", "t_en: float32[1, hiden, text]\n"),
        ("  accel: cpu:0", "  accel: gpu:0"),
    )
    path, _ = write(tmp_path, text)
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    lines = [int(line.removeprefix(f"{path}:").split(":")[0]) for line in messages(caught.value)]
    assert lines == sorted(lines)
    assert set(lines) == {15, 28, 56, 89, 97, 99}


def test_a_mistake_is_shown_with_its_line_and_a_caret(tmp_path: Path) -> None:
    path, marked = write(tmp_path, edited(("<- tokenize.text_mask", "<- tokenize.§textmask")))
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    assert str(caught.value).split("\n") == [
        f"{marked}: stage 'tokenize' has no output 'textmask'; did you mean 'text_mask'?",
        "   74 |       text_mask: bool[1, text] <- tokenize.textmask",
        "      |                                            ^",
    ]


def test_loading_imports_no_stage_and_no_numeric_library() -> None:
    absent = ("numpy", "tvm", "torch", "networkx", "stages.bert", "stages.tokenize")
    check = f"sys.exit(any(m in sys.modules for m in {absent}))"
    code = f"import sys, runner.graph.load as g; g.load_graph({DEFAULT!r}); {check}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

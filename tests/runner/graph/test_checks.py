"""Mistakes of names, types, axes, sizes and cycles, and their messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import GraphError, SpecError
from runner.graph.load import load_graph
from tests.runner.graphs import ROOT, assert_overlay_refused, assert_refused, edited, messages, write

DEFAULT = str(ROOT / "graphs/default.yaml")
SWAPPED = "; the axes are swapped"
RANKS = "; 2 axes against 3"
UNCONVERTED = "; nothing converts a dtype on the way"
MASK = "a mask is bool at both ends, True where padded: int8 is not converted"
D_EN = "d_en: float32[1, hidden, text] <- bert.d_en"
DURATION_MASK = "text_mask: bool[1, text] <- tokenize.text_mask"

SOURCES = [
    (("<- tokenize.text_mask", "<- tokenize.§textmask"),
     "stage 'tokenize' has no output 'textmask'; did you mean 'text_mask'?"),
    (("<- bert.d_en", "<- §brt.d_en"), "no stage 'brt'; did you mean 'bert'?"),
    (("<- bert.d_en", "<- bert.§input_ids"), "stage 'bert' has no output 'input_ids'; known: d_en"),
    (("<- params.speed", "<- params.§sped"), "the graph has no parameter 'sped'; did you mean 'speed'?"),
    (("<- input.voice", "<- input.§voise"), "the graph has no input 'voise'; did you mean 'voice'?"),
    (("<- input.voice", "<- §inputs.voice"), "no stage 'inputs'; did you mean 'input'?"),
    (("audio: trim.audio", "audio: trim.§adio"), "stage 'trim' has no output 'adio'; did you mean 'audio'?"),
    (("audio: trim.audio", "audio: §trin.audio"), "no stage 'trin'; did you mean 'trim'?"),
    (("audio: trim.audio", "audio: §input.phonemes"),
     "an output of the graph is the output of a stage; write STAGE.PORT"),
    (("audio: trim.audio", "audio: §params.speed"),
     "an output of the graph is the output of a stage; write STAGE.PORT"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), SOURCES)
def test_a_source_that_is_not_there_is_refused(tmp_path: Path, edit: tuple[str, str], message: str) -> None:
    assert_refused(tmp_path, edited(edit), message)


TYPES = [
    (
        (D_EN, "d_en: §float32[1, text, hidden] <- bert.d_en"),
        f"duration.d_en takes float32[1, text, hidden] but bert.d_en gives float32[1, hidden, text] (line 63){SWAPPED}",
        f"stages.duration declares input 'd_en' as float32[1, hidden, text], not float32[1, text, hidden]{SWAPPED}",
    ),
    (
        (DURATION_MASK, "text_mask: §int8[1, text] <- tokenize.text_mask"),
        f"duration.text_mask takes int8[1, text] but tokenize.text_mask gives bool[1, text] (line 41); {MASK}",
        f"stages.duration declares input 'text_mask' as bool[1, text], not int8[1, text]; {MASK}",
    ),
    (
        ("speed: float32[] <-", "speed: §int64[] <-"),
        f"align.speed takes int64[] but params.speed gives float32[] (line 8){UNCONVERTED}",
        f"stages.align declares input 'speed' as float32[], not int64[]{UNCONVERTED}",
    ),
    (
        (D_EN, "d_en: §float32[hidden, text] <- bert.d_en"),
        f"duration.d_en takes float32[hidden, text] but bert.d_en gives float32[1, hidden, text] (line 63){RANKS}",
        f"stages.duration declares input 'd_en' as float32[1, hidden, text], not float32[hidden, text]{RANKS}",
    ),
    (
        (D_EN, "d_en: §float32[1, style, text] <- bert.d_en"),
        "duration.d_en takes float32[1, style, text] but bert.d_en gives float32[1, hidden, text] (line 63)",
        "stages.duration declares input 'd_en' as float32[1, hidden, text], not float32[1, style, text]",
    ),
    (
        (D_EN, "d_en: §float32[1, bins, text] <- bert.d_en"),
        "duration.d_en takes float32[1, bins, text] but bert.d_en gives float32[1, hidden, text] (line 63)",
        "stages.duration declares input 'd_en' as float32[1, hidden, text], not float32[1, bins, text]",
    ),
    (
        ("f0: float32[1, 2*frames] <-", "f0: §float32[1, 3*frames] <-"),
        "decoder.f0 takes float32[1, 3*frames] but f0n.f0 gives float32[1, 2*frames] (line 116)",
        "stages.decoder declares input 'f0' as float32[1, 2*frames], not float32[1, 3*frames]",
    ),
    (
        ("voice: voice <-", "voice: §str <-"),
        "voice.voice takes str but input.voice gives voice (line 25)",
        "stages.voice declares input 'voice' as voice, not str",
    ),
    (
        ("phonemes: str <-", "phonemes: §float32[text] <-"),
        "tokenize.phonemes takes float32[text] but input.phonemes gives str (line 24)",
        "stages.tokenize declares input 'phonemes' as str, not float32[text]",
    ),
]


@pytest.mark.parametrize(("edit", "edge", "contract"), TYPES)
def test_a_type_is_the_same_at_both_ends(tmp_path: Path, edit: tuple[str, str], edge: str, contract: str) -> None:
    assert_refused(tmp_path, edited(edit), edge, contract)


def test_the_other_end_of_an_edge_is_named_with_its_file_when_it_is_another(tmp_path: Path) -> None:
    external = write(tmp_path, "stages: {bert: {source: null, module: /lib/bert.so}}", "external.yaml")[0]
    overlay = "stages:\n  bert:\n    outputs:\n      d_en: float32[1, text, hidden]\n"
    path, _ = write(tmp_path, overlay, "overlay.yaml")
    with pytest.raises(GraphError) as caught:
        load_graph(DEFAULT, [str(external), str(path)])
    end = f"gives float32[1, text, hidden] ({path}:4); the axes are swapped"
    assert [line.endswith(end) for line in messages(caught.value)] == [True]


WIRE_SOURCES = 'STAGE.PORT, input.NAME, params.NAME or a constant: 0.5, true or "text"'
TYPE_SYNTAX = [
    (("t_en: float32[1, hidden, text]\n", "t_en: §flot32[1, hidden, text]\n"),
     "unknown dtype 'flot32'; did you mean 'float32'?"),
    (("t_en: float32[1, hidden, text]\n", "t_en: float32[1, §hiden, text]\n"),
     "unknown dim 'hiden'; did you mean 'hidden'?"),
    (("n: float32[1, 2*frames]\n", "n: float32[1, 2§+frames]\n"),
     "a dim is INT, NAME or INT*NAME, as in 2*frames; there is no other arithmetic"),
    (("n: float32[1, 2*frames]\n", "n: float32[1, frames§*2]\n"),
     "a dim is INT, NAME or INT*NAME, as in 2*frames; there is no other arithmetic"),
    (("n: float32[1, 2*frames]\n", "n: float32[1, 2*frames§\n"), "expected ',' or ']' here"),
    (("n: float32[1, 2*frames]\n", "n: float32[1, 2*frames] §x\n"), "nothing may follow the closing bracket"),
    (("float32[] <- params.speed", "float32[] <-§ "), f"'' is no source; write {WIRE_SOURCES}"),
    (("float32[] <- params.speed", "float32[] <- §speed"),
     f"'speed' is no source; write {WIRE_SOURCES}"),
    (("float32[] <- params.speed", "float32[] <- §a.b.c"),
     f"'a.b.c' is no source; write {WIRE_SOURCES}"),
    (("float32[] <- params.speed", "§float32[]"),
     f"an input says where it comes from: TYPE <- {WIRE_SOURCES}"),
    (("float32[] <- params.speed", "float32§ <- params.speed"),
     "'float32' needs its dims in brackets: float32[1, text], or float32[] for a scalar"),
    (("audio: float32[samples]", "audio: float32[samples] §<- decoder.audio"),
     "takes a type alone; '<- STAGE.PORT' belongs to the inputs of a stage"),
    (("phonemes: str\n", "phonemes: §string\n"), "unknown dtype 'string'; did you mean 'str'?"),
    (("audio: trim.audio", "audio: §trim"), "'trim' is no source; write STAGE.PORT"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), TYPE_SYNTAX)
def test_a_misspelled_type_or_source_is_refused_at_its_column(
    tmp_path: Path, edit: tuple[str, str], message: str
) -> None:
    path, marked = write(tmp_path, edited(edit))
    with pytest.raises((SpecError, GraphError)) as caught:
        load_graph(str(path))
    assert f"{marked}: {message}" in messages(caught.value)
    assert type(caught.value) is (GraphError if message.startswith("unknown dim") else SpecError)


def test_a_misspelled_input_hides_no_mistake_of_the_next_one(tmp_path: Path) -> None:
    misspelled = (D_EN, D_EN.replace("float32", "flot32"))
    path, marked = write(tmp_path, edited(misspelled, (DURATION_MASK, DURATION_MASK.replace("bool", "§int64"))))
    with pytest.raises(SpecError) as caught:
        load_graph(str(path))
    told = [line for line in messages(caught.value) if line.startswith(f"{marked}: duration.text_mask takes int64")]
    assert len(told) == 1


def test_an_unknown_dim_is_named_wherever_it_stands(tmp_path: Path) -> None:
    text = edited(("samples: {max: 3072000}", "sample: {max: 3072000}"), ("float32[samples]", "float32[§samples]"))
    assert_refused(tmp_path, text, "unknown dim 'samples'; did you mean 'sample'?")


SELF = (D_EN, "d_en: float32[1, hidden, text] <- §duration.d")
CYCLES = [
    ([SELF], "duration -> duration"),
    ([("length: int64[1] <- tokenize.length", "length: int64[1] <- §align.frame_count")],
     "voice -> duration -> align -> voice"),
    ([("phonemes: str <- input.phonemes", "phonemes: str <- §trim.audio")],
     "tokenize -> align -> trim -> tokenize"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "cycle"), CYCLES)
def test_a_cycle_is_spelled_out(tmp_path: Path, edits: list[tuple[str, str]], cycle: str) -> None:
    message = f"a cycle: {cycle}; remove one of these inputs"
    path, marked = write(tmp_path, edited(*edits))
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    assert f"{marked}: {message}" in messages(caught.value)


def test_each_group_of_connected_cycles_is_one_mistake(tmp_path: Path) -> None:
    path, _ = write(tmp_path, edited(SELF, ("<- align.asr", "<- trim.audio")))
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    found = [line.split(": ", 2)[2] for line in messages(caught.value) if ": a cycle: " in line]
    assert found == [
        "duration -> duration; remove one of these inputs",
        "decoder -> trim -> decoder; remove one of these inputs",
    ]


UNUSED = [
    ("params: {§gain: 1.0}", "no stage takes the parameter 'gain'; wire it, or remove it (null in an overlay)"),
    ("inputs: {§speaker: str}", "no stage takes the input 'speaker'; wire it, or remove it (null in an overlay)"),
    ("devices: {§acel: cpu:0}", "nothing uses the role 'acel'; did you mean 'accel'?"),
    ("dims: {§frame: 3}", "nothing uses the dim 'frame'; did you mean 'frames'?"),
]


@pytest.mark.parametrize(("overlay", "message"), UNUSED)
def test_a_value_without_effect_is_refused(tmp_path: Path, overlay: str, message: str) -> None:
    assert_overlay_refused(tmp_path, overlay, message, kind=GraphError)


SIZES = [
    ("dims: {hidden: §512}", "dim 'hidden' is 512, but configs/models/mini/config.json makes it 128"),
    ("dims: {features: §161}", "dim 'features' is 161, but configs/models/mini/config.json makes it 160"),
    ("dims: {text: §1024}", "dim 'text' is up to 1024, but configs/models/mini/config.json has positions for 512"),
    ("dims: {text: {max: §513}}", "dim 'text' is up to 513, but configs/models/mini/config.json has positions for 512"),
]


@pytest.mark.parametrize(("overlay", "message"), SIZES)
def test_sizes_are_those_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlay: str, message: str
) -> None:
    monkeypatch.chdir(ROOT)
    assert_overlay_refused(tmp_path, overlay, message, kind=GraphError)


def test_a_dim_of_a_graph_without_dims_is_told_how_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "add.py").write_text(
        "from stages.contract import In, Out, stage\n\n"
        "@stage(x=(In('float32[n]', ''), Out('float32[n]', '')))\ndef add(x): ...\n",
        "utf-8",
    )
    text = (
        "graph: 1\nname: a\ndevices: {host: cpu:0}\ninputs: {x: 'float32[§n]'}\noutputs: {x: add.x}\nstages:\n  add:\n"
        "    module: ./add.py\n    device: host\n"
        "    inputs: {x: 'float32[n] <- input.x'}\n    outputs: {x: 'float32[n]'}\n"
    )
    assert_refused(tmp_path, text, *["unknown dim 'n'; give its size: dims: {n: {max: SIZE}}"] * 3)

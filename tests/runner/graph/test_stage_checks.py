"""Mistakes of modules, contracts and devices, and their messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import GraphError, SpecError
from runner.graph.load import load_graph
from tests.runner.graphs import ROOT, assert_refused, edited, messages, write

DEFAULT = str(ROOT / "graphs/default.yaml")
PLACES = "in devices beside the graph, $KOKORO_RUN_DEVICES or configs/devices"
UNCONVERTED = "; nothing converts a dtype on the way"
IDS = "input_ids: int64[1, text] <- tokenize.input_ids"
F0 = "f0: float32[1, 2*frames] <- f0n.f0"
N = "n: float32[1, 2*frames] <- f0n.n"
ATTENTION = "attention_mask: int64[1, text] <- tokenize.attention_mask"

MODULES = [
    (("stages.trim", "§stages.trimm"), "no stage 'stages.trimm'; did you mean 'stages.trim'?"),
    (("source: stages.bert", "source: §stages.bart"), "no stage 'stages.bart'; did you mean 'stages.bert'?"),
    (("entry: bert_forward", "entry: §bert_foward"),
     "stages.bert is compiled to the entry 'bert_forward', not 'bert_foward'"),
    (("module: stages.trim\n", "module: stages.trim\n    §entry: trim_forward\n"),
     "stage 'trim' is a Python stage: 'entry' is for libraries"),
    (("module: stages.trim\n", "module: stages.trim\n    §source: stages.trim\n"),
     "stage 'trim' is a Python stage: 'source' is for libraries"),
    (("build/{model}/{device}/bert.so", "§build/{model}/{device}/bert.dll"),
     "the path of a library ends in .so, which stands for the suffix of the device kind"),
    (("build/{model}/{device}/bert.so", "build/§{modle}/{device}/bert.so"),
     "unknown placeholder '{modle}' in a library's path; did you mean 'model'?"),
    (("build/{model}/{device}/bert.so", "build/§{model/bert.so"),
     "unknown placeholder '{model/bert.so' in a library's path; known: model, device"),
    (("build/{model}/{device}/bert.so", "§libs/bert.so"),
     "stage 'bert' has a source, so `build` writes its library: the path must begin with build/"),
    (("build/{model}/{device}/bert.so", "§build/../../bert.so"),
     "stage 'bert' has a source, so `build` writes its library: the path must not contain '..'"),
    (("build/{model}/{device}/f0n.so", "§build/{model}/{device}/bert.so"),
     "stage 'bert' is built to the same library, from another source"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), MODULES)
def test_a_module_that_cannot_be_is_refused(tmp_path: Path, edit: tuple[str, str], message: str) -> None:
    assert_refused(tmp_path, edited(edit), message)


def test_an_unknown_module_hides_no_mistake_of_the_next_stage(tmp_path: Path) -> None:
    path, marked = write(tmp_path, edited(("stages.tokenize", "stages.tokenise"), ("stages.trim", "§stages.trimm")))
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    assert f"{marked}: no stage 'stages.trimm'; did you mean 'stages.trim'?" in messages(caught.value)


def test_a_library_needs_an_entry(tmp_path: Path) -> None:
    text = edited(("    entry: bert_forward\n", ""), ("  bert:\n", "  §bert:\n"))
    assert_refused(tmp_path, text, "stage 'bert' is a library and lacks 'entry', the function to call")


@pytest.mark.parametrize(
    "name", ["os.path", "stages.contract", "stages.kernels.lstm", "stages", "runner.engine.pipeline", "x"]
)
def test_only_stages_are_ever_named(tmp_path: Path, name: str) -> None:
    """A dotted name from a YAML file is looked up, never imported."""
    path, marked = write(tmp_path, edited(("stages.trim\n", f"§{name}\n")))
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    assert messages(caught.value)[0].startswith(f"{marked}: no stage '{name}'; ")


def test_a_library_takes_tensors_alone(tmp_path: Path) -> None:
    text = edited((IDS, f"{IDS}\n      x: §str <- input.phonemes"), ("    source: stages.bert ", "    # "))
    message = "bert.x is str, which only Python stages take; a library takes tensors"
    assert_refused(tmp_path, text.replace("build/{model}/{device}/bert.so", "bert.so"), message)


CONTRACTS = [
    ((f"{IDS}\n      {ATTENTION}", f"§{ATTENTION}\n      {IDS}"),
     "stages.bert has its inputs in the order input_ids, attention_mask; here it is attention_mask, input_ids"),
    ((f"{F0}\n      {N}", f"§{N}\n      {F0}"),
     "stages.decoder has its inputs in the order asr, f0, n, style, frame_count, seed; "
     "here it is asr, n, f0, style, frame_count, seed"),
    (("input_ids: int64[1, text] <- tokenize.input_ids", "§inputs_ids: int64[1, text] <- tokenize.input_ids"),
     "stages.bert has no input 'inputs_ids'; did you mean 'input_ids'?"),
    (("seed: int64[] <- params.seed\n", "seed: int64[] <- params.seed\n      §gain: float32[] <- params.speed\n"),
     "stages.decoder has no input 'gain'; known: asr, f0, n, style, frame_count, seed"),
    (("      d: float32[1, text, features]\n", "      d: float32[1, text, features]\n      §e: int64[1]\n"),
     "stages.duration has no output 'e'; known: logits, d"),
    (("n: float32[1, 2*frames]\n", "n: §float64[1, 2*frames]\n"),
     f"stages.f0n declares output 'n' as float32[1, 2*frames], not float64[1, 2*frames]{UNCONVERTED}"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), CONTRACTS)
def test_ports_are_those_of_the_contract_in_its_order(tmp_path: Path, edit: tuple[str, str], message: str) -> None:
    path, marked = write(tmp_path, edited(edit))
    with pytest.raises(GraphError) as caught:
        load_graph(str(path))
    assert f"{marked}: {message}" in messages(caught.value)


def test_a_missing_input_is_named_with_its_type(tmp_path: Path) -> None:
    text = edited((f"      {ATTENTION}\n", ""))
    head, tail = text.split("source: stages.bert", 1)
    text = f"{head}source: stages.bert{tail.replace('    inputs:', '    §inputs:', 1)}"
    assert_refused(tmp_path, text, "stage 'bert' lacks the input 'attention_mask' (int64[1, text])")


def test_a_missing_output_is_named_with_its_type(tmp_path: Path) -> None:
    head, tail = edited(("      durations: int64[1, text]\n", "")).split("<- params.speed", 1)
    text = f"{head}<- params.speed{tail.replace('    outputs:', '    §outputs:', 1)}"
    assert_refused(tmp_path, text, "stage 'align' lacks the output 'durations' (int64[1, text])")


def test_a_library_without_source_may_lack_ports_but_not_types(tmp_path: Path) -> None:
    external = write(tmp_path, (ROOT / "configs/external.yaml").read_text(encoding="utf-8"), "external.yaml")[0]
    overlay = "stages:\n  f0n:\n    inputs:\n      en: §float32[1, frames, features] <- align.en"
    swapped, marked = write(tmp_path, overlay, "swapped.yaml")
    assert load_graph(DEFAULT, [str(external)]).stages["f0n"].source is None
    with pytest.raises(GraphError) as caught:
        load_graph(DEFAULT, [str(external), str(swapped)])
    assert [line.split(": ")[0] for line in messages(caught.value)] == [marked]


DEVICES = [
    (("    device: accel", "    device: §acel"), "no device role 'acel'; did you mean 'accel'?"),
    (
        ("  accel: cpu:0", "  accel: §gpu:0"),
        f"no device kind 'gpu' {PLACES}; did you mean 'cpu'?",
    ),
    (
        ("  accel: cpu:0", "  accel: §cpu-avx:0"),
        f"no device kind 'cpu-avx' {PLACES}; did you mean 'cpu-avx2'?",
    ),
    (
        ("  accel: cpu:0", "  accel: §cpu:1"),
        "devices.accel is cpu:1, but a CPU has the index 0 only; write cpu:0",
    ),
    (
        ("  accel: cpu:0", "  accel: §cpu-avx2:12"),
        "devices.accel is cpu-avx2:12, but a CPU has the index 0 only; write cpu-avx2:0",
    ),
]


@pytest.mark.parametrize(("edit", "message"), DEVICES)
def test_a_device_that_there_cannot_be_is_refused(tmp_path: Path, edit: tuple[str, str], message: str) -> None:
    assert_refused(tmp_path, edited(edit), message)


@pytest.mark.parametrize("device", ["cuda:7", "opencl:1", "metal:99"])
def test_device_with_an_index_of_a_runtime_that_may_have_many_passes_the_check(device: str) -> None:
    graph = load_graph(DEFAULT, sets=[f"devices.accel={device}"])
    assert graph.stages["decoder"].device == device


def test_a_stage_without_a_device_hides_no_mistake_of_the_next_one(tmp_path: Path) -> None:
    role = "    device: accel"
    path, marked = write(
        tmp_path,
        edited(
            ("    module: stages.trim\n    device: host", "    module: stages.trim"),
            (role, role.replace("accel", "§acel")),
        ),
    )
    with pytest.raises(SpecError) as caught:
        load_graph(str(path))
    assert f"{marked}: no device role 'acel'; did you mean 'accel'?" in messages(caught.value)


def test_python_stages_run_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs/devices").mkdir(parents=True)
    for kind, runtime in (("cpu", "cpu"), ("gpu", "cuda")):
        text = f"device: {{kind: {kind}, runtime: {runtime}, target: {{kind: llvm}}, suffix: .so}}"
        write(tmp_path / "configs/devices", text, f"{kind}.yaml")
    monkeypatch.setattr("runner.graph.device_kinds.data_root", lambda: tmp_path)
    trim = "    module: stages.trim\n    device: "
    text = edited(("accel: cpu:0", "accel: gpu:0"), (f"{trim}host", f"{trim}§accel"))
    assert_refused(tmp_path, text, "stage 'trim' is a Python stage and runs on the CPU, but 'accel' is gpu:0")

"""Which graphs a bundle holds, and what becomes of the files that they name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from runner.bundle.layout import Entry
from runner.bundle.portable import check_portable, list_graph, list_voices, make_fields
from runner.errors import RunError, WeightsError
from runner.graph.load import load_graph
from runner.graph.serialize import from_fields
from runner.runtime.machine import this_machine
from tests.runner.toys import MINI

LOW = np.load(MINI / "voices" / "low.npy")


def refusal(graph: Path | str, *sets: str) -> str:
    with pytest.raises(RunError) as error:
        check_portable(load_graph(str(graph), [], sets))
    return str(error.value)


def test_a_graph_that_does_not_speak_is_refused(toy_graph: Path) -> None:
    assert refusal(toy_graph).startswith(f"{toy_graph}: a graph that speaks has an output that is audio")


def test_a_stage_on_another_device_is_refused() -> None:
    text = refusal("default", "devices.accel=cuda:0")
    assert text.endswith(
        "stage 'decoder' is on cuda:0, and a bundle has the runtime of CPUs alone: --set devices.accel=cpu:0"
    )


def test_a_stage_for_another_machine_is_refused() -> None:
    other = "cpu-avx2" if this_machine().processor == "aarch64" else "cpu-arm64"
    text = refusal("default", f"devices.accel={other}:0")
    assert "stage 'decoder' is for Linux on " in text
    assert "and a bundle is made on the kind of machine that it is for, which here is " in text


def test_a_stage_of_other_code_is_refused(tones_graph: Path) -> None:
    (tones_graph.parent / "louder.py").write_text(
        "from kokoro_run import In, Out, stage\n\n@stage(audio=(In('float32[samples]', 'in'), Out('float32[samples]', "
        "'out')))\ndef louder(audio):\n    return {'audio': audio * 2}\n",
        encoding="utf-8",
    )
    text = tones_graph.read_text("utf-8").replace("audio: tones.audio", "audio: louder.audio")
    stage = (
        "  louder:\n    module: louder.py\n    device: host\n"
        "    inputs:\n      audio: float32[samples] <- tones.audio\n"
        "    outputs:\n      audio: float32[samples]\noutputs:\n"
    )
    tones_graph.write_text(text.replace("outputs:\n  audio", stage + "  audio"), encoding="utf-8")
    assert refusal(tones_graph) == (
        f"{tones_graph}: stage 'louder' is louder.py, and a bundle has the code of kokoro-run's own stages alone"
    )


def test_a_graph_with_another_input_is_refused(repository: Path) -> None:
    text = refusal(repository / "tests" / "graphs" / "two_voices.yaml")
    assert "a bundle speaks with a model, and takes one text and at most one voice; this graph has a model and" in text


def test_voices_are_arrays_and_the_default_one_is_first() -> None:
    graph = load_graph("default")
    entries = list_voices(graph, [])
    assert [entry.path for entry in entries] == ["voices/low.npy", "voices/high.npy"]
    assert isinstance(entries[0].content, bytes)
    pack = np.load(io.BytesIO(entries[0].content))
    assert (pack.dtype, pack.tobytes()) == (np.float32, LOW.astype(np.float32).tobytes())
    assert [entry.path for entry in list_voices(graph, ["high", "low", "high"])] == [entry.path for entry in entries]
    assert [entry.path for entry in list_voices(graph, ["high"])] == ["voices/high.npy"]


def test_a_voice_that_is_not_the_model_s_is_refused() -> None:
    graph = load_graph("default")
    with pytest.raises(WeightsError, match=r"voice 'hihg': not in .*; did you mean 'high'"):
        list_voices(graph, ["hihg"])
    with pytest.raises(RunError, match=r"--voice low\*0.5\+high: expected the names of the model's voices"):
        list_voices(graph, ["low*0.5+high"])


def test_the_graph_is_the_same_but_for_its_files() -> None:
    graph = load_graph("text", [], ["params.speed=1.2"])
    moved = from_fields(json.loads(json.dumps(make_fields(graph, ["high"]))))
    assert moved.model is not None
    assert (moved.model.config, moved.model.voices, moved.model.voice) == (Path("config.json"), Path("voices"), "high")
    assert (moved.model.checkpoint, moved.model.hub, moved.model.packages) == (None, None, None)
    assert (moved.path, moved.params, moved.outputs) == (Path("text.yaml"), graph.params, graph.outputs)
    assert moved.stages["bert"].module == "build/bert.so"
    for name, spec in graph.stages.items():
        other = moved.stages[name]
        assert (other.inputs, other.outputs, other.entry) == (spec.inputs, spec.outputs, spec.entry)
    assert str(Path.cwd()) not in json.dumps(make_fields(graph, ["high"]))


def test_a_library_that_was_made_elsewhere_is_carried_without_a_manifest(
    tones_graph: Path, tones_library: Path
) -> None:
    entries = {
        entry.path: entry for entry in list_graph(load_graph(str(tones_graph)), None, [Entry("voices/low.npy", b"")])
    }
    assert entries.keys() == {"config.json", "voices/low.npy", "libraries/tones.so", "graph.json"}
    content = entries["libraries/tones.so"].content
    assert isinstance(content, Path)
    assert content.resolve() == tones_library.resolve()

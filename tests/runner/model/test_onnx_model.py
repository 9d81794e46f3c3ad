"""A graph's model may have an export for a checkpoint: it is built from, and compared with the reference."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.build.build import build
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
from runner.graph.types import Graph
from runner.inspect.sides import GraphSide
from runner.model.checkpoint import Checkpoint
from stages.families import KOKORO
from tests.runner.safetensors_file import write_safetensors

STAGE = "text_encoder"  # has a table, convolutions with norms, gains and an LSTM


@pytest.fixture
def settings() -> dict[str, Any]:
    pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")
    from tests import onnx_exports  # noqa: PLC0415 - imports torch, which may be absent

    return onnx_exports.settings()


def graph_of(folder: Path, settings: dict[str, Any], checkpoint: Path) -> Graph:
    hidden, style, name = settings["hidden_dim"], settings["style_dim"], checkpoint.suffix[1:]
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    np.save(folder / "voice.npy", np.zeros((510, 2 * style), np.float32))
    model = folder / f"{name}.yaml"
    model.write_text(
        f"model: {{name: {name}, config: config.json, checkpoint: {checkpoint}, voices: voice.npy, voice: voice}}\n"
        f"dims: {{hidden: {hidden}, style: {style}, features: {hidden + style}, bins: {settings['max_dur']}}}\n",
        "utf-8",
    )
    return load_graph("default", [str(model)])


def test_a_library_of_an_export_has_the_weights_of_the_same_tensors_in_another_format(
    exported: Callable[[str], Path], settings: dict[str, Any], tmp_path: Path
) -> None:
    export = tmp_path / "model.onnx"
    shutil.copy(exported("audio"), export)
    tensors = {key: tensor.float32() for key, tensor in Checkpoint.open(export, KOKORO).tensors.items()}
    same = write_safetensors(tmp_path / "model.safetensors", tensors)
    for checkpoint in (export, same):
        build(graph_of(tmp_path, settings, checkpoint), tmp_path / "build", only=[STAGE])
    weights = [
        (tmp_path / "build" / name / "cpu" / f"{STAGE}.weights").read_bytes() for name in ("onnx", "safetensors")
    ]
    assert len(weights[0]) > 4 * settings["hidden_dim"] * settings["n_token"]
    assert weights[0] == weights[1]


def test_the_reference_takes_an_export_without_the_tensors_that_it_never_uses(
    exported: Callable[[str], Path], settings: dict[str, Any], tmp_path: Path
) -> None:
    from runner.speech.reference_side import ReferenceSide  # noqa: PLC0415 - as above

    graph = graph_of(tmp_path, settings, exported("waveform"))
    side = ReferenceSide(GraphSide("export", Pipeline(graph, tmp_path)))
    ids, mask = np.arange(5)[None] + 16, np.zeros((1, 5), bool)
    given = {"input_ids": ids, "length": np.array([5]), "text_mask": mask}
    assert side.call(STAGE, given)["t_en"].shape == (1, settings["hidden_dim"], 5)

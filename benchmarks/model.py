"""The model that all contenders hold: Kokoro-82M out of its packages, in the form that each of them reads.

    packages --kokoro-run's own reader--> config.json, model.pth, voice.npy --> PyTorch --> ONNX --> its runtimes
        |---- -c kokoro-82m-int8 -------> kokoro-run
        +---- the file as it is --------> ONNX Runtime, int8

All but the last hold the same float32 numbers; int8 is what those were made of.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from runner.api import Pipeline
from runner.graph.load import Graph, load_graph
from runner.model.packages import find_checkpoint
from tests.real_model import MODEL
from tests.reference import read_weights
from tests.runner.graphs import model_of
from tests.synthetic import save_pth

Array = NDArray[Any]

WORK = Path(__file__).parents[1] / "build" / "bench"


def model_folder() -> Path:
    """Where the files for PyTorch lie; those of another checkpoint have another folder."""
    model = model_of(_graph())
    return WORK / f"model-{(model.sha256 or model.name)[:8]}"


def write_model(folder: Path) -> None:
    """Write the model into `folder` as it was published for PyTorch, once."""
    if (folder / "voice.npy").exists():
        return
    click.echo("the checkpoint for PyTorch ...", err=True)
    graph = _graph()
    config, weights = read_weights(graph)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    save_pth(folder / "model.pth", {key: np.array(value) for key, value in weights.items()})
    np.save(folder / "voice.npy", Pipeline(graph).resolve("voice", None))  # last: it says that all is there


def read_model(folder: Path) -> tuple[dict[str, Any], Array, dict[str, Array]]:
    """config, voice pack and tensors of what `write_model` wrote."""
    write_model(folder)
    parts = torch.load(folder / "model.pth", weights_only=True)
    weights = {
        f"{part}.{key.removeprefix('module.')}": tensor.numpy()
        for part, tensors in parts.items()
        for key, tensor in tensors.items()
    }
    return json.loads((folder / "config.json").read_text("utf-8")), np.load(folder / "voice.npy"), weights


def published() -> bytes:
    """The ONNX file of the packages, byte for byte."""
    return b"".join(path.read_bytes() for path in find_checkpoint(model_of(_graph())))


def _graph() -> Graph:
    return load_graph("default", [MODEL])

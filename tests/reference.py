"""The PyTorch reference (`runner.speech.reference`) as tests and benchmarks use it: with the models they have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from runner.graph.types import Graph
from runner.speech import reference_side
from runner.speech.reference import (
    INPUTS,
    PARTS,
    Ports,
    Reference,
    build_model,
    checkpoint_keys,
    import_kokoro,
    istftnet,
    modules,
    our_noise,
    precision,
    voice_row,
)
from tests.runner.graphs import model_of

__all__ = [
    "INPUTS",
    "MINI",
    "PARTS",
    "Ports",
    "Reference",
    "build_model",
    "checkpoint_keys",
    "import_kokoro",
    "istftnet",
    "load_mini",
    "load_model",
    "modules",
    "our_noise",
    "precision",
    "read_weights",
    "voice_row",
]

MINI = Path(__file__).parents[1] / "configs" / "models" / "mini"


def read_weights(graph: Graph) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """The parsed config.json of the graph's model, and every tensor of its checkpoint under its flat key."""
    model = model_of(graph)
    config = json.loads(model.config.read_text("utf-8"))
    return config, reference_side.read_weights(model, checkpoint_keys(build_model(config, torch.float32)))


def load_model(folder: Path, dtype: torch.dtype = torch.float64) -> tuple[Reference, NDArray[np.float32]]:
    """The reference, and the voice pack `low` or the only one, of a folder with config.json and model.safetensors."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (pack,) = [path for path in (folder / "voices" / "low.npy", folder / "voice.npy") if path.is_file()]
    return Reference(config, load_file(folder / "model.safetensors"), dtype), np.load(pack).astype(np.float32)


def load_mini(dtype: torch.dtype = torch.float64) -> tuple[Reference, NDArray[np.float32]]:
    """The reference holding the default model, and its voice pack."""
    return load_model(MINI, dtype)

"""The checkpoint that all contenders hold: full size, synthetic, written once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from tests import synthetic

Array = NDArray[Any]

MODEL = "synthetic"
WORK = Path(__file__).parents[1] / "build" / "bench"


def model_folder() -> Path:
    """Where the checkpoint lies; another version of the generator has another folder."""
    return WORK / f"model-{hashlib.sha256(Path(synthetic.__file__).read_bytes()).hexdigest()[:8]}"


def synthetic_model(folder: Path) -> tuple[dict[str, Any], Array, dict[str, Array]]:
    """config, voice pack and tensors of the full-size synthetic checkpoint, written into `folder` on first use."""
    if not (folder / "voice.npy").exists():
        click.echo("synthetic checkpoint ...", err=True)
        synthetic.write(folder, "full", seed=0, suffix="pth")
    parts = torch.load(folder / "model.pth", weights_only=True)
    weights = {
        f"{part}.{key.removeprefix('module.')}": tensor.numpy()
        for part, tensors in parts.items()
        for key, tensor in tensors.items()
    }
    return json.loads((folder / "config.json").read_text("utf-8")), np.load(folder / "voice.npy"), weights


def overlay(folder: Path) -> Path:
    """An overlay that puts the synthetic files in the place of the published ones."""
    path = folder / "model.yaml"
    path.write_text(
        "model:\n  config: config.json\n  checkpoint: model.pth\n  voices: voice.npy\n"
        "  voice: voice\n  sha256: null\n  hub: null\n",
        "utf-8",
    )
    return path

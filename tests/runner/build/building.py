"""Builds the small model, and gives the progress that the build reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runner.build.build import build
from runner.engine.pipeline import Pipeline
from tests.runner import small_model

WORD = "hɛloʊ"


def states(folder: Path, root: Path, only: list[str] | None = None) -> list[tuple[str, str]]:
    """Build, and give the states that were reported of each stage."""
    reported: list[tuple[str, str]] = []
    build(small_model.load(folder), root, progress=lambda stage, state, _: reported.append((stage, state)), only=only)
    return reported


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def speak(folder: Path, root: Path, *sets: str) -> np.ndarray:
    result: np.ndarray = Pipeline(small_model.load(folder, *sets), root).run({"phonemes": WORD})["t_en"]
    return result

"""This project's side: the built pipeline, one stage or a whole utterance at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from runner.engine import Pipeline
from runner.graph import load_graph

Array = NDArray[Any]


class Ours:
    """The graph's compiled stages, called with the ports' names."""

    name = "kokoro-run"

    def __init__(self, overlays: Sequence[str], build_root: Path, threads: int) -> None:
        self.pipeline = Pipeline(load_graph("default", overlays), build_root, threads)
        self.pipeline.load()

    def run(self, stage: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return self.pipeline.call_stage(stage, inputs)

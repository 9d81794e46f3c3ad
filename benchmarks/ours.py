"""This project's side: the built pipelines, one stage or a whole utterance at a time.

`VARIANTS` is the list of ours that are measured; the first is what all others are held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.model import WORK
from runner.api import Pipeline
from runner.engine.options import RunOptions
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from tests.real_model import MODEL

Array = NDArray[Any]

ROOT = Path(__file__).parents[1]
BUILT = WORK / "built"


@dataclass(frozen=True)
class Variant:
    """One contender of ours: what is laid over the graph, and what the processor has to have for it.

    stages: those that differ from the first variant's; empty for the first, which has them all.
    """

    name: str
    overlays: tuple[str, ...] = ()
    feature: str | None = None
    stages: tuple[str, ...] = ()

    def obstacle(self) -> str | None:
        """Why this variant cannot be measured here; None if it can."""
        absent = [path for path in self.overlays if not (ROOT / path).is_file()]
        if absent:
            return f"{', '.join(absent)} is not there"
        if self.feature is not None and self.feature not in machine.features():
            return f"this processor has no {self.feature}"
        return None

    def arguments(self) -> list[str]:
        """What `kokoro-run` is told: the graph, the model and the folder of its libraries."""
        layers = [word for path in self.files() for word in ("-c", path)]
        return ["default", *layers, "--build-dir", str(BUILT)]

    def files(self) -> list[str]:
        return [MODEL, *(str(ROOT / path) for path in self.overlays)]


FP32 = Variant("kokoro-run")
BF16 = Variant("kokoro-run bf16", ("configs/bf16.yaml",), feature="avx512_bf16", stages=("decoder",))
VARIANTS = (FP32, BF16)


def variants() -> Iterator[Variant]:
    """Those that can be measured here."""
    return (variant for variant in VARIANTS if variant.obstacle() is None)


class Ours:
    """A variant's compiled stages, called with the ports' names."""

    def __init__(self, variant: Variant, threads: int) -> None:
        self.variant = variant
        self.pipeline = Pipeline(load_graph("default", variant.files()), BUILT, threads)
        self.pipeline.load()

    def has(self, stage: str) -> bool:
        """Whether its `stage` is another than the first variant's."""
        return not self.variant.stages or stage in self.variant.stages

    def run(self, stage: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        return self.pipeline.call_stage(stage, inputs)

    def frames(self, phonemes: str, pack: Array, speed: float) -> int:
        """How long an utterance is, at 40 Hz; its audio is not computed."""
        options = RunOptions({"speed": speed}, scope=Scope(until="align"), keep=True)
        result = self.pipeline.run({"phonemes": phonemes, "voice": pack}, options)
        return int(result["align.frame_count"][0])

    def speak(self, phonemes: str, pack: Array, speed: float) -> Array:
        """float32 [samples] of one utterance."""
        inputs = {"phonemes": phonemes, "voice": pack}
        audio: Array = self.pipeline.run(inputs, RunOptions({"speed": speed}))["audio"]
        return audio

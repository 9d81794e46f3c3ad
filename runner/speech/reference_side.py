"""The PyTorch reference as a side of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import RunError
from runner.files.locate import install_command
from runner.inspect.sides import choose_inputs
from runner.model.checkpoint import Checkpoint
from runner.model.packages import find_checkpoint
from runner.speech.line_runner import find_front
from stages.families import find_family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.graph.types import Graph, ModelSpec, StageSpec
    from runner.inspect.sides import Case, GraphSide
    from runner.runtime.values import Array


class ReferenceSide:
    """kokoro's own PyTorch classes in float64, under the wires of a graph.

    What goes from stage to stage is rounded as the graph's edges are, so that a stage of the other side that is given
    the same numbers is measured for its own arithmetic. Stages that make phonemes of text are those of the graph.
    """

    name = "reference"

    def __init__(self, other: GraphSide) -> None:
        """Load the checkpoint of the graph of `other`.

        Raises:
            RunError: PyTorch or kokoro is not installed, or the graph has a stage that the reference has not.
            WeightsError: the checkpoint is not one of this model.
        """
        try:
            from runner.speech import reference  # noqa: PLC0415 - imports torch: for those who ask for it
        except ModuleNotFoundError as error:
            raise RunError(f"reference: {error.name} is not installed: {_install()}") from None
        self._other = other
        model, config = other.graph.model, other.pipeline.config
        if model is None:
            raise RunError(f"{other.graph.path}: the graph has no model, and the reference is one of a model")
        shapes = reference.checkpoint_keys(reference.build_model(config))
        self._reference = reference.Reference(config, read_weights(model, shapes))
        self._front = {spec.name for spec in find_front(self.graph)}
        stages = {name: spec for name, spec in self.graph.stages.items() if name not in self._front}
        unknown = [name for name, spec in stages.items() if not self._reference.has(_source(spec))]
        if unknown:
            raise RunError(f"{self.graph.path}: the reference has no stage that is {', '.join(unknown)}")

    @property
    def graph(self) -> Graph:
        return self._other.graph

    def given(self, case: Case) -> dict[str, Any]:
        return self._other.given(case)

    def ports(self, case: Case) -> dict[str, Array]:
        values: dict[str, Any] = self.given(case)
        exact: dict[str, Array] = {}
        for spec in self.graph.stages.values():
            outputs = self.call(spec.name, choose_inputs(spec, values))
            exact |= {f"{spec.name}.{port}": value for port, value in outputs.items()}
            values |= exact
        return exact

    def call(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Array]:
        if stage in self._front:
            return self._other.call(stage, inputs)
        return self._reference.stage(_source(self.graph.stages[stage]), **inputs)


def read_weights(model: ModelSpec, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Read the tensors that the reference wants from the checkpoint of a model.

    What the checkpoint lacks and no output depends on is zero.

    Raises:
        WeightsError: the checkpoint is not one of this model.
    """
    checkpoint = Checkpoint.open(find_checkpoint(model), find_family(model.family), model.sha256)
    weights = {
        key: np.zeros(shape, np.float32) if checkpoint.lacks_spare(key) else checkpoint.take(key, shape)
        for key, shape in shapes.items()
    }
    checkpoint.finish()
    return weights


def _install() -> str:
    return f"{install_command('reference')} && pip install --no-deps kokoro==0.9.4"


def _source(spec: StageSpec) -> str:
    """The stage's name in the `stages` package."""
    return (spec.source or spec.module).rpartition(".")[2]

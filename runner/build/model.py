"""Finds the model that stages are built for: its sizes and its checkpoint. Never imports TVM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BuildError
from runner.graph.model_config import read_model
from runner.model.checkpoint import Checkpoint
from runner.model.packages import find_checkpoint
from stages.families import Dims, Family, find_family

if TYPE_CHECKING:
    from runner.graph.types import Graph


@dataclass(frozen=True)
class Model:
    """The inputs of a build beside the code of the stages.

    Attributes:
        dims: sizes of the model.
        checkpoint: the parts of the file of the weights, and its family; None if no stage takes weights.
    """

    dims: Dims
    checkpoint: tuple[tuple[Path, ...], Family] | None

    @classmethod
    def of(cls, graph: Graph) -> Model:
        """Find the model of a graph.

        Raises:
            BuildError: its config.json cannot be read, or describes no model.
            WeightsError: the checkpoint is missing.
        """
        dims = read_model(graph.model, BuildError).dims
        if graph.model is None or not any(spec.weights for spec in graph.stages.values()):
            return cls(dims, None)
        return cls(dims, (find_checkpoint(graph.model), find_family(graph.model.family)))

    def open(self) -> Checkpoint | None:
        """Open the checkpoint; None if there is none.

        Raises:
            WeightsError: the file is no checkpoint.
        """
        return None if self.checkpoint is None else Checkpoint.open(*self.checkpoint)

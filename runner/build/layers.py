"""Makes the layers of a compiled stage without compiling them, to find out which one a tensor of weights belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.build.export import find_class, name_stage_in_errors
from runner.build.targets import resolve_target
from runner.errors import BuildError
from runner.graph.model_config import read_model

if TYPE_CHECKING:
    from runner.graph.types import Graph, StageSpec


def make_layers(graph: Graph, spec: StageSpec) -> Any:
    """Make the `nn.Module` of a stage, with the sizes of the graph's model, for the stage's device.

    Returns:
        None for a library that was made elsewhere.

    Raises:
        BuildError: the stage's code cannot be imported, or raises an error; or config.json cannot be read.
    """
    if spec.source is None:
        return None
    dims, target = read_model(graph.model, BuildError).dims, resolve_target(spec.kind.target)
    with name_stage_in_errors(spec.name, target), target:
        return find_class(spec.source)(dims)

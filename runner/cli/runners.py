"""Makes the runner of a command's rows. Speech is imported only for a graph that has a use for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.errors import RunError
from runner.runtime.values import STR
from stages.contract import NamedType

if TYPE_CHECKING:
    from runner.batch.row_runner import BaseRowRunner
    from runner.cli.inputs import GivenInputs
    from runner.engine.inputs import Resolver
    from runner.engine.options import RunOptions
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph

_AS_USUAL: Mapping[str, Any] = {}


def has_tokenizer(graph: Graph) -> bool:
    """Whether a stage takes the vocabulary of the model, so that lines are phonemes, or become phonemes."""
    return any("vocab" in spec.config for spec in graph.stages.values())


def find_resolvers(graph: Graph) -> Mapping[str, Resolver]:
    """Find the resolvers of the named types of the graph's inputs."""
    if all(type_ == STR or not isinstance(type_, NamedType) for type_ in graph.inputs.values()):
        return {}
    from runner.speech.model import make_resolvers

    return make_resolvers(graph)


def make_runner(
    pipeline: Pipeline,
    given: GivenInputs,
    options: RunOptions,
    *,
    how: Mapping[str, Any] = _AS_USUAL,
    main: str | None = None,
    timed: bool = False,
) -> BaseRowRunner[Any]:
    """Make the runner of rows; the values that all rows share are loaded once.

    Args:
        how: the fields of a `speech.delivery.Delivery` that are not as usual.
        main: the output that is spoken; None for a run that gives no audio.
        timed: find out when each symbol is spoken.

    Raises:
        WeightsError: a voice is not there, or not one of the model.
        RunError: the graph cannot speak, or `how` says how to do it, and it has no phonemes.
    """
    graph = pipeline.graph
    inputs = pipeline.resolve_inputs(given.shared)
    if not has_tokenizer(graph):
        for name, value in how.items():
            raise RunError(f"--{name} {value}: {graph.path} has no phonemes to cut or join; leave it out")
        from runner.batch.row_runner import RowRunner

        return RowRunner(pipeline, inputs, given.lines, options)
    from runner.speech.delivery import Delivery

    delivery = Delivery(**how)
    if main is None:
        from runner.speech.line_runner import OutputRunner

        return OutputRunner(pipeline, inputs, given.lines, options, delivery=delivery)
    from runner.speech.speaker import Speaker

    return Speaker(pipeline, inputs, given.lines, options, main=main, timed=timed, delivery=delivery)

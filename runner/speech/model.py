"""Gives speech what it needs of a graph's model: its sizes, and its voices."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError, WeightsError
from runner.graph.model_config import read_model
from runner.speech.voices import load_voice
from stages.contract import NamedType
from stages.dims import ModelDims

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.engine.inputs import Resolver
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph, ModelSpec
    from runner.runtime.values import Array

VOICE = "voice"  # the type of an input, and the name of the one that all lines share
VOICE_TYPE = NamedType(VOICE)


def model_dims(pipeline: Pipeline) -> ModelDims:
    """The sizes of the pipeline's model.

    Raises:
        RunError: it is not of a family that speaks.
    """
    dims = pipeline.dims
    if not isinstance(dims, ModelDims):
        raise RunError(
            f"{pipeline.graph.path}: speech takes a model of the family 'kokoro': name one, as in model: FILE"
        )
    return dims


def make_resolvers(graph: Graph) -> dict[str, Resolver]:
    """The resolvers of the types of inputs that speech brings, for a pipeline of `graph`."""
    return {VOICE: make_voice_resolver(graph)}


def make_voice_resolver(graph: Graph) -> Callable[[str | Array | None], Array]:
    """Make the resolver of inputs of type `voice`: it takes a specification, a pack, or None for the model's own voice.

    It raises WeightsError where a specification is misspelled, a voice is missing, damaged or for another model, or the
    graph has no model that has voices.
    """
    read_dims = functools.cache(lambda: read_model(graph.model, WeightsError).dims)

    def resolve(given: str | Array | None) -> Array:
        if isinstance(given, np.ndarray):
            return given
        model, dims = graph.model, read_dims()
        if model is None or not isinstance(dims, ModelDims):
            raise WeightsError("the graph has no model, which says what a voice is: name one, as in model: FILE")
        return load_voice(given, model.voices, model.voice, dims.voice_row, _hub_voices(model))

    return resolve


def _hub_voices(model: ModelSpec) -> Callable[[str], Path] | None:
    if model.hub is None:
        return None
    from runner.model import hub  # noqa: PLC0415 - 10 ms that a model on the disk need not pay

    return hub.voices(model)

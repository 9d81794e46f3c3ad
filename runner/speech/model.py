"""Gives speech what it needs of a graph's model: its sizes, and its voices."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError, WeightsError
from runner.graph.model_config import read_model
from runner.speech.voice_formats import check_pack
from runner.speech.voices import ListedVoice, list_voices, load_voice
from stages.contract import NamedType
from stages.dims import ModelDims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def find_frame_samples(pipelines: Iterable[Pipeline]) -> set[int]:
    """Find the samples of a frame of the models that speak."""
    return {pipeline.dims.frame_samples for pipeline in pipelines if isinstance(pipeline.dims, ModelDims)}


def make_resolvers(graph: Graph) -> dict[str, Resolver]:
    """The resolvers of the types of inputs that speech brings, for a pipeline of `graph`."""
    return {VOICE: make_voice_resolver(graph)}


def make_voice_resolver(graph: Graph) -> Callable[[str | Path | Array | None], Array]:
    """Make the resolver of inputs of type `voice`.

    It takes a specification, the path of a file, a pack as `check_pack` does, or None for the model's own voice. It
    raises WeightsError where a specification is misspelled, a voice is missing, damaged or for another model, or the
    graph has no model that has voices.
    """
    read_dims = functools.cache(lambda: read_model(graph.model, WeightsError).dims)

    def resolve(given: str | Path | Array | None) -> Array:
        model, dims = graph.model, read_dims()
        if isinstance(given, np.ndarray):
            row = dims.voice_row if isinstance(dims, ModelDims) else given.shape[-1] if given.ndim else 0
            return check_pack("the voice", given, row)
        if given is not None and not isinstance(given, str | Path):
            kind = type(given).__name__
            raise WeightsError(f"the voice is a {kind}, expected a name, a file, a mix, or a NumPy array [N, 2*style]")
        if model is None or not isinstance(dims, ModelDims):
            raise WeightsError("the graph has no model, which says what a voice is: name one, as in model: FILE")
        spec = str(given.absolute()) if isinstance(given, Path) else given
        return load_voice(spec, model.voices, model.voice, dims.voice_row, hub_voices(model))

    return resolve


def list_model_voices(model: ModelSpec) -> list[ListedVoice]:
    """List the voices of a model that are on this machine, sorted by name.

    Raises:
        WeightsError: the config.json or a file of voices cannot be read, or the voices are missing and no hub has them.
    """
    dims = read_model(model, WeightsError).dims
    if model.voices is None or not isinstance(dims, ModelDims):
        return []
    if not model.voices.exists() and hub_voices(model) is None:
        raise WeightsError(f"{model.voices}: no such file or folder; set model.voices to the model's voices")
    return list_voices(model.voices, model.voice, dims.voice_row)


def hub_voices(model: ModelSpec) -> Callable[[str], Path] | None:
    """Make a function that fetches a voice of the model by its name; None if it has no hub to fetch from."""
    if model.hub is None:
        return None
    from runner.model import hub  # noqa: PLC0415 - 10 ms that a model on the disk need not pay

    return hub.voices(model)

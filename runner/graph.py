"""A graph that has been checked: what the engine, the builder and `show` work from.

path, overlays, --set --> read_graph --> draft --> checks --> Graph
                             |             |          |
                             +-------------+----------+--> every mistake, by file and line
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.checks import check, order
from runner.errors import Mistake, report
from runner.forms import DimSpec, MergedGraph, ModelEntry, StageEntry
from runner.spec import find_file, read_graph
from runner.wires import Draft, DraftStage, Ref, read_draft
from runner.yaml_source import Node
from stages.contract import Type

__all__ = ["DimSpec", "Graph", "HubSpec", "InputSpec", "ModelSpec", "Ref", "StageSpec", "load_graph"]

Parameter = bool | int | float | str
Given = typing.TypeVar("Given")


@dataclass(frozen=True)
class HubSpec:
    """Where a model's files are on the hub.

    Attributes:
        revision: a commit.
        checkpoint: the file's name in the repo.
        voices: the folder in the repo that holds VOICE.pt.
    """

    repo: str
    revision: str
    checkpoint: str
    voices: str


@dataclass(frozen=True)
class ModelSpec:
    """The model of a graph; paths are absolute, and only `config` has been looked at.

    Attributes:
        checkpoint: None where it comes from the hub alone.
        sha256: of the checkpoint.
        voices: a folder of voice packs, or one pack.
        voice: the name of the default voice.
    """

    name: str
    config: Path
    checkpoint: Path | None
    sha256: str | None
    voices: Path
    voice: str
    hub: HubSpec | None


@dataclass(frozen=True)
class InputSpec:
    """An input port: its type, and the output, graph input or parameter it is wired to."""

    type: Type
    ref: Ref


@dataclass(frozen=True)
class StageSpec:
    """One stage; ports are in the order of its contract.

    Attributes:
        module: the name of a Python stage, or the path of a library: absolute, or below `build/`, which stands for the
            build root. `{model}` and `{device}` are still to be filled in.
        entry: the function of a library; None for a Python stage.
        source: the stage that `build` compiles to the library; None for a Python stage or a library made elsewhere.
        role: the graph's name for the device.
        device: the device, as in cpu:0.
        cache: whether results may be kept.
    """

    name: str
    module: str
    entry: str | None
    source: str | None
    role: str
    device: str
    cache: bool
    inputs: dict[str, InputSpec]
    outputs: dict[str, Type]

    @property
    def is_library(self) -> bool:
        """Whether this is a library rather than a Python stage."""
        return self.entry is not None


@dataclass(frozen=True)
class Graph:
    """A checked graph.

    Attributes:
        path: of the graph file.
        params: parameters by name, with their values after overlays.
        devices: device (cpu:0) by role.
        inputs: what a caller gives.
        outputs: the stage's output behind each output of the graph.
        stages: in topological order, else as written.
        tree: every value with its origin.
    """

    name: str
    path: Path
    model: ModelSpec
    params: dict[str, Parameter]
    devices: dict[str, str]
    dims: dict[str, DimSpec]
    inputs: dict[str, Type]
    outputs: dict[str, Ref]
    stages: dict[str, StageSpec]
    tree: Node = field(repr=False, compare=False)


def load_graph(path: str, overlays: Sequence[str] = (), sets: Sequence[str] = ()) -> Graph:
    """Read, merge and check a graph; no stage is imported and no library loaded.

    Args:
        path: a graph file, or the name of a packaged one, such as `default`.
        overlays: files, or names of packaged ones, such as `static`; later ones win.
        sets: options of the form `a.b=value`; they win over every file.

    Raises:
        SpecError: a file or option does not say what it should. The message lists every mistake, by file and line.
        GraphError: all is well-formed, but names, types, axes or order do not fit. Likewise.
    """
    mistakes: list[Mistake] = []
    file = find_file(path, "graphs")
    tree, form = read_graph(file, [find_file(overlay, "configs") for overlay in overlays], sets, mistakes)
    draft = read_draft(tree, mistakes)
    mistakes += check(draft)
    if mistakes or form is None:
        raise report(mistakes)
    return _graph(file, form, draft)


def _graph(path: Path, form: MergedGraph, draft: Draft) -> Graph:
    stages = {name: _stage(stage, form.stages[name], form.devices) for name, stage in draft.stages.items()}
    edges = [
        (wire.ref.stage, stage.name)
        for stage in stages.values()
        for wire in stage.inputs.values()
        if wire.ref.stage in stages
    ]
    return Graph(
        name=form.name,
        path=path,
        model=_model(form.model),
        params=form.params,
        devices=form.devices,
        dims=form.dims,
        inputs={name: _sound(typed).type for name, typed in draft.inputs.items()},
        outputs={name: _sound(source).ref for name, source in draft.outputs.items()},
        stages={name: stages[name] for name in _sound(order(list(stages), edges))},
        tree=draft.tree,
    )


def _stage(draft: DraftStage, form: StageEntry, devices: dict[str, str]) -> StageSpec:
    inputs = {port: InputSpec(_sound(wire.typed).type, _sound(wire.source).ref) for port, wire in draft.inputs.items()}
    return StageSpec(
        name=draft.name,
        module=form.module,
        entry=form.entry,
        source=form.source,
        role=form.device,
        device=devices[form.device],
        cache=form.cache,
        inputs=inputs,
        outputs={port: _sound(typed).type for port, typed in draft.outputs.items()},
    )


def _model(form: ModelEntry) -> ModelSpec:
    return ModelSpec(
        name=form.name,
        config=Path(form.config),
        checkpoint=None if form.checkpoint is None else Path(form.checkpoint),
        sha256=form.sha256,
        voices=Path(form.voices),
        voice=form.voice,
        hub=None if form.hub is None else HubSpec(**form.hub.model_dump()),
    )


def _sound(value: Given | None) -> Given:
    """A part of a draft without mistakes: it is there."""
    assert value is not None
    return value

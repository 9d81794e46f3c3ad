"""A graph that has been checked: what the engine, the builder and `show` work from.

path, overlays, --set --> read_graph --> draft --> checks --> Graph
                             |             |          |
                             +-------------+----------+--> every mistake, by file and line
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.errors import Mistake, report
from runner.files.locate import find_file
from runner.graph.checks import check, order
from runner.graph.contracts import contract_of
from runner.graph.draft import Draft, DraftStage, read_draft
from runner.graph.merge import reread_tree
from runner.graph.schema import MergedGraph, ModelEntry, StageEntry
from runner.graph.types import DimSpec, Graph, HubSpec, InputSpec, ModelSpec, Parameter, Ref, StageSpec
from runner.graph.validate import judge, read_graph
from runner.graph.yaml_node import Node

__all__ = ["DimSpec", "Graph", "HubSpec", "InputSpec", "ModelSpec", "Parameter", "Ref", "StageSpec", "load_graph"]

Given = typing.TypeVar("Given")


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
    return _checked(file, tree, form, mistakes)


def reload_graph(
    path: Path,
    tree: Node,
    params: Mapping[str, object],
    origin: str,
    overlays: Sequence[str] = (),
    sets: Sequence[str] = (),
) -> Graph:
    """As `load_graph`, from the tree of a graph that was loaded before instead of its files.

    Args:
        path: of the graph file, which need not be there any more.
        tree: of that graph; it is used up.
        params: values of parameters in place of those in the tree, below `overlays` and `sets`.
        origin: where these come from, for messages.

    Raises:
        SpecError, GraphError: as `load_graph`.
    """
    mistakes: list[Mistake] = []
    files = [find_file(overlay, "configs") for overlay in overlays]
    merged = reread_tree(tree, params, origin, files, sets, mistakes)
    return _checked(path, merged, judge(merged, mistakes), mistakes)


def _checked(file: Path, tree: Node, form: MergedGraph | None, mistakes: list[Mistake]) -> Graph:
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
        model=_model(form.model, draft.tree),
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
        config=contract_of(form.module).config if form.entry is None else (),
    )


def _model(form: ModelEntry, tree: Node) -> ModelSpec:
    nodes = {key: tree.get("model", key) for key in ("name", "checkpoint", "voices")}
    files = {key: node.origin.file for key, node in nodes.items() if node is not None}
    return ModelSpec(
        name=form.name,
        config=Path(form.config),
        checkpoint=None if form.checkpoint is None else Path(form.checkpoint),
        sha256=form.sha256,
        voices=Path(form.voices),
        voice=form.voice,
        hub=None if form.hub is None else HubSpec(**form.hub.model_dump()),
        overridden=tuple(key for key, file in files.items() if file != files["name"]),
    )


def _sound(value: Given | None) -> Given:
    """A part of a draft without mistakes: it is there."""
    assert value is not None
    return value

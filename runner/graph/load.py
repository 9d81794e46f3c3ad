"""Loads a checked graph, which the engine, the builder and `show` work with.

path, overlays, --set --> read_graph --> draft --> checks --> Graph
                             |             |          |
                             +-------------+----------+--> every mistake, by file and line
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.errors import Mistake, SpecError, report
from runner.files.locate import find_file
from runner.graph.checks import check, read_bounds, sort_names
from runner.graph.contracts import read_contract
from runner.graph.device_kinds import find_device_files, list_graph_files
from runner.graph.dim_names import find_names
from runner.graph.draft import Draft, DraftStage, read_draft
from runner.graph.merge import overlay_tree
from runner.graph.model_config import read_model
from runner.graph.schema import MergedGraph, ModelEntry, StageEntry
from runner.graph.types import (
    DeviceSpec,
    DimSpec,
    Graph,
    HubSpec,
    InputSpec,
    ModelSpec,
    PackagesSpec,
    Parameter,
    Ref,
    StageSpec,
)
from runner.graph.validate import read_device, read_graph, validate_graph
from runner.graph.yaml_node import Node
from stages.contract import Type
from stages.families import find_family

__all__ = ["DimSpec", "Graph", "HubSpec", "InputSpec", "ModelSpec", "Parameter", "Ref", "StageSpec", "load_graph"]

T = typing.TypeVar("T")


def load_graph(path: str, overlays: Sequence[str] = (), sets: Sequence[str] = ()) -> Graph:
    """Read, merge and check a graph; no stage is imported and no library loaded.

    Args:
        path: a graph file, or the name of a packaged one, such as `default`.
        overlays: files, or names of packaged ones, such as `static`; later ones win.
        sets: options such as `params.speed=1.2`; they win over every file.

    Raises:
        SpecError: a file or an option breaks the syntax or the schema.
        GraphError: names, types, axes or order do not fit. Both messages list every mistake, by file and line.
    """
    mistakes: list[Mistake] = []
    file = find_file(path, "graphs")
    tree, entry = read_graph(file, [find_file(overlay, "configs") for overlay in overlays], sets, mistakes)
    return _check_graph(file, tree, entry, mistakes)


def reload_graph(
    path: Path,
    tree: Node,
    params: Mapping[str, object],
    origin: str,
    overlays: Sequence[str] = (),
    sets: Sequence[str] = (),
) -> Graph:
    """Load a graph as `load_graph` does, but from the tree of a graph that was loaded before.

    Args:
        path: the graph file, which need not exist any more.
        tree: tree of that graph; it is used up.
        params: values of parameters in place of those in the tree, below `overlays` and `sets`.
        origin: origin of these values, for messages.

    Raises:
        SpecError, GraphError: as `load_graph`.
    """
    mistakes: list[Mistake] = []
    files = [find_file(overlay, "configs") for overlay in overlays]
    merged = overlay_tree(tree, params, origin, files, sets, mistakes)
    return _check_graph(path, merged, validate_graph(merged, mistakes), mistakes)


def _check_graph(file: Path, tree: Node, entry: MergedGraph | None, mistakes: list[Mistake]) -> Graph:
    draft = read_draft(tree, mistakes)
    mistakes += check(draft)
    if mistakes or entry is None:
        raise report(mistakes)
    return _make_graph(file, entry, draft)


def _make_graph(path: Path, entry: MergedGraph, draft: Draft) -> Graph:
    model = None if entry.model is None else _make_model(entry.model, draft.tree)
    fixed = read_model(model, SpecError).dims.named()
    kinds = _read_kinds(entry.devices, draft.tree)
    stages = {
        name: _make_stage(stage, entry.stages[name], entry.devices, kinds, fixed)
        for name, stage in draft.stages.items()
    }
    edges = [
        (wire.ref.stage, stage.name)
        for stage in stages.values()
        for wire in stage.inputs.values()
        if wire.ref.stage in stages
    ]
    params = draft.tree.children("params")
    outputs = {name: _require(source).ref for name, source in draft.outputs.items()}
    return Graph(
        name=entry.name,
        path=path,
        model=model,
        params={name: (node.get("default") or node).value for name, node in params.items()},
        devices=entry.devices,
        dims=entry.dims,
        inputs={name: _require(typed).type for name, typed in draft.inputs.items()},
        outputs=outputs,
        stages={name: stages[name] for name in _require(sort_names(list(stages), edges))},
        fixed=fixed,
        audio=_find_audio(entry, {name: stages[ref.stage].outputs[ref.port] for name, ref in outputs.items()}),
        bounds={name: bounds for name, node in params.items() if (bounds := read_bounds(node)) is not None},
        tree=draft.tree,
    )


def _read_kinds(devices: dict[str, str], tree: Node) -> dict[str, DeviceSpec]:
    """Read the descriptions of the device kinds of the roles `devices`, by kind."""
    files, mistakes = find_device_files(list_graph_files(tree)), list[Mistake]()
    kinds = {device.partition(":")[0] for device in devices.values()}
    return {kind: _require(read_device(kind, files[kind], mistakes)) for kind in kinds}


def _find_audio(entry: MergedGraph, types: Mapping[str, Type]) -> dict[str, int]:
    """Find the outputs that are audio, with their rates: those that say so, and the one that the model's family has."""
    audio = {name: output.rate for name, output in entry.outputs.items() if output.rate is not None}
    if entry.model is None:
        return audio
    family = find_family(entry.model.family)
    plain = entry.outputs.get(family.audio_name)
    if plain is not None and plain.kind is None and str(types[family.audio_name]) == family.audio_type:
        audio[family.audio_name] = family.rate_hz
    return audio


def _make_stage(
    draft: DraftStage,
    entry: StageEntry,
    devices: dict[str, str],
    kinds: Mapping[str, DeviceSpec],
    fixed: Mapping[str, int],
) -> StageSpec:
    inputs = {
        port: InputSpec(_require(wire.typed).type, (source := _require(wire.source)).ref, source.value)
        for port, wire in draft.inputs.items()
    }
    code = entry.module if entry.entry is None else entry.source
    contract = None if code is None else read_contract(code)
    return StageSpec(
        name=draft.name,
        module=entry.module,
        entry=entry.entry,
        source=entry.source,
        role=entry.device,
        device=devices[entry.device],
        kind=kinds[devices[entry.device].partition(":")[0]],
        cache=entry.cache,
        inputs=inputs,
        outputs={port: _require(typed).type for port, typed in draft.outputs.items()},
        config=() if contract is None or entry.entry is not None else contract.config,
        weights=() if contract is None else contract.weights,
        files=() if contract is None or entry.entry is not None else contract.files,
        packages=() if contract is None or entry.entry is not None else contract.packages,
        renamed={} if contract is None else find_names(draft, contract, fixed),
    )


def _make_model(entry: ModelEntry, tree: Node) -> ModelSpec:
    nodes = {key: tree.get("model", key) for key in ("name", "checkpoint", "voices")}
    files = {key: node.origin.file for key, node in nodes.items() if node is not None}
    return ModelSpec(
        name=entry.name,
        config=Path(entry.config),
        checkpoint=None if entry.checkpoint is None else Path(entry.checkpoint),
        sha256=entry.sha256,
        voices=None if entry.voices is None else Path(entry.voices),
        voice=entry.voice,
        hub=None if entry.hub is None else HubSpec.of(entry.hub.model_dump()),
        family=entry.family,
        overridden=tuple(key for key, file in files.items() if file != files["name"]),
        packages=None if entry.packages is None else PackagesSpec.of(entry.packages.model_dump()),
    )


def _require(value: T | None) -> T:
    """Give a part of a draft that has no mistakes, and therefore no part that is None."""
    assert value is not None
    return value

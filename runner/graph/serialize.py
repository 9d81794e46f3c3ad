"""Turns a checked graph into a table of JSON and back, for the cache of checked graphs and the records of runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from runner.graph.types import (
    CONSTANTS,
    Bounds,
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
from runner.graph.yaml_node import from_rows, to_rows
from stages.contract import parse_type


def to_fields(graph: Graph) -> dict[str, Any]:
    """Turn a graph into a table that JSON can hold."""
    return {
        "name": graph.name,
        "path": str(graph.path),
        "model": None if graph.model is None else _model_fields(graph.model),
        "params": graph.params,
        "devices": graph.devices,
        "dims": {name: [dim.max, dim.static] for name, dim in graph.dims.items()},
        "inputs": {name: str(type_) for name, type_ in graph.inputs.items()},
        "outputs": {name: str(ref) for name, ref in graph.outputs.items()},
        "stages": [_stage_fields(spec) for spec in graph.stages.values()],
        "fixed": graph.fixed,
        "audio": graph.audio,
        "bounds": {name: [bounds.min, bounds.max] for name, bounds in graph.bounds.items()},
        "tree": to_rows(graph.tree),
    }


def _model_fields(model: ModelSpec) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(model).items()}


def _stage_fields(spec: StageSpec) -> dict[str, Any]:
    plain = {name: getattr(spec, name) for name in ("name", "module", "entry", "source", "role", "device", "cache")}
    return {
        **plain,
        "kind": {**asdict(spec.kind), "origin": str(spec.kind.origin)},
        "inputs": {port: _wire_fields(wire) for port, wire in spec.inputs.items()},
        "outputs": {port: str(type_) for port, type_ in spec.outputs.items()},
        "config": list(spec.config),
        "weights": list(spec.weights),
        "files": list(spec.files),
        "packages": list(spec.packages),
        "renamed": spec.renamed,
    }


def _wire_fields(wire: InputSpec) -> list[Any]:
    constant = [] if wire.value is None else [wire.value]
    return [str(wire.type), str(wire.ref), *constant]


def from_fields(fields: dict[str, Any]) -> Graph:
    """Make a graph from the table of `to_fields`."""
    return Graph(
        name=fields["name"],
        path=Path(fields["path"]),
        model=None if fields["model"] is None else _read_model(fields["model"]),
        params=fields["params"],
        devices=fields["devices"],
        dims={name: DimSpec(*dim) for name, dim in fields["dims"].items()},
        inputs={name: parse_type(type_) for name, type_ in fields["inputs"].items()},
        outputs={name: Ref.parse(ref) for name, ref in fields["outputs"].items()},
        stages={spec["name"]: _read_stage(spec) for spec in fields["stages"]},
        fixed=fields["fixed"],
        audio=fields["audio"],
        bounds={name: Bounds(*bounds) for name, bounds in fields["bounds"].items()},
        tree=from_rows(fields["tree"]),
    )


def _read_model(fields: dict[str, Any]) -> ModelSpec:
    paths = {name: fields[name] and Path(fields[name]) for name in ("config", "checkpoint", "voices")}
    hub, packages = fields["hub"], fields.get("packages")  # records of earlier versions have no packages
    places = {"hub": hub and HubSpec.of(hub), "packages": packages and PackagesSpec.of(packages)}
    return ModelSpec(**{**fields, **paths, **places, "overridden": tuple(fields.get("overridden", ()))})


def _read_stage(fields: dict[str, Any]) -> StageSpec:
    inputs = {port: _read_wire(*wire) for port, wire in fields["inputs"].items()}
    outputs = {port: parse_type(type_) for port, type_ in fields["outputs"].items()}
    return StageSpec(
        **{
            **fields,
            "kind": DeviceSpec(**{**fields["kind"], "origin": Path(fields["kind"]["origin"])}),
            "inputs": inputs,
            "outputs": outputs,
            "config": tuple(fields["config"]),
            "weights": tuple(fields["weights"]),
            "files": tuple(fields.get("files", ())),  # records of earlier versions have none, and no packages
            "packages": tuple(fields.get("packages", ())),
        }
    )


def _read_wire(type_: str, ref: str, value: Parameter | None = None) -> InputSpec:
    return InputSpec(parse_type(type_), Ref.parse(ref) if value is None else Ref(CONSTANTS, ref), value)

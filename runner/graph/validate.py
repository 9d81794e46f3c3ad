"""Reads the YAML files: finds them, merges them, validates them against the schema, resolves their paths.

Every mistake against the schema is noted at the line and column it was written at. Nothing is raised until all are
known.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runner.errors import Mistake, SpecError, report, suggest
from runner.files.locate import BUILD_ROOT, display_path
from runner.graph.contracts import is_stage_file
from runner.graph.device_kinds import VARIABLE, find_device_files
from runner.graph.merge import read_tree
from runner.graph.schema import PATTERNS, DeviceFile, MergedGraph
from runner.graph.types import DeviceSpec
from runner.graph.yaml_node import Node
from runner.graph.yaml_reader import read_yaml

Entry = TypeVar("Entry", bound=BaseModel)

_EXPECTED = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "an integer",
    "dict_type": "a map",
    "model_type": "a map",
    "list_type": "a list",
}


def read_graph(
    graph: Path, overlays: Sequence[Path], sets: Sequence[str], mistakes: list[Mistake]
) -> tuple[Node, MergedGraph | None]:
    """Read and merge a graph; gives its tree with absolute paths, and its entry if the tree is valid.

    Raises:
        SpecError: the graph file cannot be read at all.
    """
    tree = read_tree(graph, overlays, sets, mistakes)
    if tree is None:
        raise report(mistakes)
    return tree, validate_graph(tree, mistakes)


def validate_graph(tree: Node, mistakes: list[Mistake]) -> MergedGraph | None:
    """Make the paths of a merged tree absolute, and validate it; gives its entry, or None if it has mistakes."""
    _resolve_paths(tree)
    return validate(tree, MergedGraph, mistakes)


def _resolve_paths(tree: Node) -> None:
    """Make paths absolute, from the folder of the file that wrote them; libraries below `build/` stay as they are."""
    for name in ("config", "checkpoint", "voices"):
        _resolve(tree.get("model", name))
    for stage in tree.children("stages").values():
        module = stage.get("module")
        if module is not None and is_library(module.value) and not module.value.startswith(BUILD_ROOT):
            _resolve(module)
        for key in ("module", "source"):
            node = stage.get(key)
            if node is not None and is_stage_file(node.value):
                _resolve(node)


def _resolve(node: Node | None) -> None:
    if node is not None and isinstance(node.value, str) and node.value:
        node.value = os.path.normpath((node.folder / node.value).absolute())
        node.verbatim = None


def is_library(module: object) -> bool:
    """Whether a stage's module is the path of a library rather than the name or the file of a Python stage."""
    if not isinstance(module, str) or is_stage_file(module):
        return False
    return "/" in module or "\\" in module or module.endswith(".so")


def validate(tree: Node, schema: type[Entry], mistakes: list[Mistake]) -> Entry | None:
    """Validate a tree against `schema`; gives None where it has mistakes, which are noted at their line and column."""
    plain = tree.plain()
    outputs = plain.get("outputs")
    if isinstance(outputs, dict):
        plain["outputs"] = {
            name: value if isinstance(value, dict) else {"from": value} for name, value in outputs.items()
        }
    try:
        return schema.model_validate(plain)
    except ValidationError as error:
        details = error.errors(include_url=False)
        if has_unread_model(tree):
            details = [one for one in details if one["loc"] != ("model",)]
        mistakes += [_make_mistake(tree, schema, one) for one in details]
        return None


def has_unread_model(tree: Node) -> bool:
    """Whether the tree names a model file that gave no model; the mistake has been noted."""
    model = tree.get("model")
    return model is not None and isinstance(model.value, str)


def _make_mistake(tree: Node, schema: type[BaseModel], detail: ErrorDetails) -> Mistake:
    path = [part for part in detail["loc"] if isinstance(part, str)]
    is_key = path[-1:] == ["[key]"] or detail["type"] == "extra_forbidden"
    path = [part for part in path if part != "[key]"]
    if path[-1:] == ["from"] and tree.get(*path) is None and tree.get(*path[:-1]) is not None:
        path = path[:-1] if detail["type"] != "missing" else path
    where, place = ".".join(path), _deepest_node(tree, path)
    if detail["type"] == "missing":
        above = _deepest_node(tree, path[:-1])
        message = f"{'.'.join(path[:-1]) or 'the graph'} lacks the key '{path[-1]}'"
        return Mistake(above.key, message, of_fit=False)
    if detail["type"] == "extra_forbidden":
        fields = _schema_at(schema, path[:-1]).model_fields
        known = [field.alias or name for name, field in fields.items()]
        message = f"unknown key '{path[-1]}'{suggest(path[-1], known)}"
    elif detail["type"] == "bounded":
        message = f"{where} {detail['msg']}"
        unknown = place.get(str(detail.get("ctx", {}).get("key", "")))
        place = place if unknown is None else Node(None, unknown.key, unknown.key, place.folder)
    elif is_key:
        message = f"{'.'.join(path[:-1])} {_describe_expected(detail)}, not '{path[-1]}'"
    else:
        if detail["type"] == "dim" and isinstance(place.value, dict) and place.value:
            place = next((child for name, child in place.value.items() if name != "max"), place.value.get("max", place))
        message = f"{where} {_describe_expected(detail)}, not {_describe_value(place.value)}"
    return Mistake(place.key if is_key else place.origin, message, of_fit=False)


def _describe_expected(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in _EXPECTED:
        return f"takes {_EXPECTED[kind]}"
    if kind in ("dim", "parameter", "name"):
        return detail["msg"]
    context = detail.get("ctx", {})
    if kind == "literal_error":
        return f"takes {context['expected']}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"takes at least {context['ge']}" if "ge" in context else f"takes at most {context['le']}"
    if kind == "string_pattern_mismatch":
        return f"takes {PATTERNS[context['pattern']]}"
    return "must not be empty" if kind in ("string_too_short", "too_short") else f"is refused: {detail['msg']}"


def _describe_value(value: Any) -> str:
    if isinstance(value, dict | list):
        return ("a map" if isinstance(value, dict) else "a list") + ("" if value else " without entries")
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _deepest_node(tree: Node, path: Sequence[str]) -> Node:
    """Find the node at `path`, or the deepest one on the way to it."""
    node = tree
    for name in path:
        below = node.get(name)
        if below is None:
            break
        node = below
    return node


def _schema_at(schema: type[BaseModel], path: Sequence[str]) -> type[BaseModel]:
    """Find the pydantic model of the values at `path`, through fields and through maps with free keys."""
    here: Any = schema
    for name in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[name].annotation
        else:
            here = typing.get_args(here)[1]
        options = [option for option in typing.get_args(here) if option is not type(None)]
        if typing.get_origin(here) is not dict and options:
            here = options[0]
    return typing.cast("type[BaseModel]", here)


def load_device(kind: str) -> DeviceSpec:
    """Read the description of a device kind that belongs to no graph.

    Raises:
        SpecError: there is no such kind, or its file has mistakes.
    """
    files = find_device_files([])
    if kind not in files:
        raise SpecError(f"no device kind '{kind}' in ${VARIABLE} or configs/devices{suggest(kind, sorted(files))}")
    mistakes: list[Mistake] = []
    device = read_device(kind, files[kind], mistakes)
    if device is None:
        raise report(mistakes)
    return device


def read_device(kind: str, path: Path, mistakes: list[Mistake]) -> DeviceSpec | None:
    """Read the description of a device kind; None if it has mistakes, which are appended."""
    tree = read_yaml(path, display_path(path), mistakes)
    entry = None if tree is None else validate(tree, DeviceFile, mistakes)
    if tree is None or entry is None:
        return None
    device = entry.device
    if device.kind != kind:
        message = f"describes the kind '{device.kind}', but its file name is that of '{kind}'"
        mistakes.append(Mistake(tree.value["device"].value["kind"].origin, message, of_fit=False))
        return None
    return DeviceSpec(kind, device.runtime, dict(device.target), device.suffix, path)

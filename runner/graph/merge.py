"""One tree of values from many files: maps merge, scalars and lists replace, null removes; origins are kept.

    model file  <  graph file  <  -c overlays, in order  <  --set options, in order

A `model` that is a string names a model file, which holds `model` and `dims`. It is the lowest layer, so whatever else
is written wins. A `model` map that has a `name` is a whole model: it replaces the one below instead of merging into it,
so that `-c configs/models/kokoro-82m.yaml` leaves nothing of the default model behind. A `model` that is
null removes the one below.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.errors import Mistake, Origin, suggest
from runner.files.locate import is_file, shown
from runner.graph.yaml_node import Node
from runner.graph.yaml_reader import ScalarError, read_yaml, resolve_plain

# Maps whose keys the author chooses; '*' stands for any key. Elsewhere the models of `spec` say which keys there are.
FREE_MAPS = (
    ("params",),
    ("devices",),
    ("dims",),
    ("inputs",),
    ("outputs",),
    ("stages",),
    ("stages", "*", "inputs"),
    ("stages", "*", "outputs"),
)
_MODEL_FILE_KEYS = ("model", "dims")


def is_free(path: Sequence[str]) -> bool:
    """Whether the map at `path` takes any key."""
    return any(
        len(path) == len(free) and all(mark in ("*", name) for mark, name in zip(free, path, strict=True))
        for free in FREE_MAPS
    )


def read_tree(graph: Path, overlays: Sequence[Path], sets: Sequence[str], mistakes: list[Mistake]) -> Node | None:
    """The merged tree, or None where the graph file itself cannot be read. Mistakes against the schema are appended."""
    base = read_yaml(graph, shown(graph), mistakes)
    above = _read_layers(overlays, sets, mistakes)
    return None if base is None else _merged([base, *above], mistakes)


def reread_tree(
    merged: Node,
    params: Mapping[str, object],
    origin: str,
    overlays: Sequence[Path],
    sets: Sequence[str],
    mistakes: list[Mistake],
) -> Node:
    """A tree that was merged before, under `params`, which `origin` gives, and more overlays and options.

    If these bring another model, the dims of the model that was there before go with it.
    """
    above = _read_layers(overlays, sets, mistakes)
    name = merged.get("model", "name")
    if any(_is_whole(layer.value.get("model")) for layer in above) and name is not None:
        file = name.origin.file
        dims = merged.children("dims")
        if file != merged.origin.file:
            merged.value["dims"].value = {key: node for key, node in dims.items() if node.leaf_file() != file}
    place = Origin(origin)
    given = Node({key: Node(value, place, place, Path()) for key, value in params.items()}, place, place, Path())
    return _merged([merged, Node({"params": given}, place, place, Path()), *above], mistakes)


def _read_layers(overlays: Sequence[Path], sets: Sequence[str], mistakes: list[Mistake]) -> list[Node]:
    files = [read_yaml(path, shown(path), mistakes) for path in overlays]
    options = [_read_set(text, mistakes) for text in sets]
    return [layer for layer in (*files, *options) if layer is not None]


def _merged(layers: list[Node], mistakes: list[Mistake]) -> Node:
    base = layers[0]
    merged = Node({}, base.origin, base.key, base.folder)
    for layer in _with_model(layers, mistakes):
        _merge(merged, layer, (), mistakes, adds=layer is base)
    return merged


def _read_set(text: str, mistakes: list[Mistake]) -> Node | None:
    """`a.b=value` as a layer of its own."""
    origin = Origin(f"--set {text}")
    path, equals, value = text.partition("=")
    names = path.strip().split(".")
    if not equals or not all(names):
        mistakes.append(Mistake(origin, "is not KEY.KEY=VALUE, as in params.speed=1.2", of_fit=False))
        return None
    try:
        node = Node(_option_value(value.strip()), origin, origin, Path())
    except ScalarError as error:
        mistakes.append(Mistake(origin, str(error), of_fit=False))
        return None
    for name in reversed(names):
        node = Node({name: node}, origin, origin, Path())
    return node


def _option_value(text: str) -> object:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else resolve_plain(text)


def _with_model(layers: list[Node], mistakes: list[Mistake]) -> list[Node]:
    """The layers with at most one whole model among them: a `model` that is a string is read and put lowest.

    A `model` stays a string where its file does not hold one, which has been noted as a mistake.
    """
    wholes = [at for at, layer in enumerate(layers) if _is_whole(layer.value.get("model"))]
    if not wholes:
        return layers
    for layer in layers[: wholes[-1]]:
        layer.value.pop("model", None)
    chosen = layers[wholes[-1]]
    reference = chosen.value["model"]
    if reference.value is None and len(wholes) > 1:  # what it removes has just gone
        del chosen.value["model"]
    if not isinstance(reference.value, str):
        return layers
    lowest = _read_model(reference, mistakes)
    if lowest is None:
        return layers
    del chosen.value["model"]
    return [lowest, *layers]


def _is_whole(model: Node | None) -> bool:
    """Whether a layer's `model` leaves nothing of one below: a whole model, the name of its file, or null."""
    return model is not None and (model.value is None or isinstance(model.value, str) or "name" in model.children())


def _read_model(reference: Node, mistakes: list[Mistake]) -> Node | None:
    path = Path(os.path.normpath(reference.folder / reference.value))
    if not is_file(path):
        message = f"no model file '{shown(path)}'; model names a file such as configs/models/mini.yaml"
        mistakes.append(Mistake(reference.origin, message, of_fit=False))
        return None
    tree = read_yaml(path, shown(path), mistakes)
    if tree is None:
        return None
    for name, child in tree.value.items():
        if name not in _MODEL_FILE_KEYS:
            message = f"a model file has no key '{name}'{suggest(name, _MODEL_FILE_KEYS)}"
            mistakes.append(Mistake(child.key, message, of_fit=False))
    tree.value = {name: child for name, child in tree.value.items() if name in _MODEL_FILE_KEYS}
    if tree.get("model", "name") is None:
        message = "a model file holds a map 'model' that has a 'name'"
        mistakes.append(Mistake(tree.origin, message, of_fit=False))
        tree.value["model"] = reference
    return tree


def _merge(below: Node, above: Node, path: tuple[str, ...], mistakes: list[Mistake], *, adds: bool = False) -> None:
    """Lay `above` over `below`. An option changes what is there; it adds to a free map only if `adds`."""
    for name, child in above.value.items():
        lower = below.value.get(name)
        is_option = not child.origin.line
        if lower is None and (child.value is None or (is_option and is_free(path) and not adds)):
            mistakes.append(_absent(name, child, below, path))
        elif child.value is None:
            del below.value[name]
        elif isinstance(child.value, dict):
            if lower is None or not isinstance(lower.value, dict):
                below.value[name] = Node({}, child.origin, child.key, child.folder)
            _merge(below.value[name], child, (*path, name), mistakes, adds=adds)
        else:
            below.value[name] = copy.copy(child)
            if path == ("params",) and lower is not None:
                _keep_kind(lower, below.value[name], name, mistakes)


def _keep_kind(default: Node, value: Node, name: str, mistakes: list[Mistake]) -> None:
    """A parameter has the kind of its default; an integer is a fine way to write a float."""
    if isinstance(default.value, float) and type(value.value) is int:
        value.value = float(value.value)
    elif type(value.value) is not type(default.value):
        kinds = {float: "a number", int: "an integer", bool: "true or false", str: "a string"}
        expected = kinds.get(type(default.value), "a scalar")
        message = f"params.{name} takes {expected} like its default {_said(default)}, not {_said(value)}"
        mistakes.append(Mistake(value.origin, message, of_fit=False))
        value.value = default.value


def _said(node: Node) -> str:
    return json.dumps(node.plain(), ensure_ascii=False)


def _absent(name: str, child: Node, below: Node, path: tuple[str, ...]) -> Mistake:
    fact = f"{'.'.join(path) or 'the graph'} has no '{name}'"
    if child.value is None:
        fact = f"null removes, but {fact}"
    return Mistake(child.key, fact + suggest(name, below.value), of_fit=False)

"""Merges files into one tree of values: maps merge, scalars and lists replace, null removes; origins are kept.

    model file  <  graphs that it extends  <  graph file  <  overlays, in order  <  options, in order

A `model` that is a string names a model file, which holds `model` and `dims`. It is the lowest layer: every other
layer wins over it. A `model` map that has a `name` is a whole model: it replaces the model of the layers below instead
of merging into it, so that the overlay `configs/models/kokoro-82m.yaml` leaves nothing of the default model. A `model`
that is null removes the model of the layers below.

`extends` names a graph that this one adds to: a file beside it, else a packaged graph. In the merged tree it is the
list of all graphs that were extended, the nearest first.

A parameter may be a map of `default`, `min` and `max`; a scalar laid over it replaces its default. A map laid over an
output that is STAGE.PORT keeps that as its `from`.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.errors import Mistake, Origin, suggest
from runner.files.locate import data_root, display_path, is_file, list_yaml_files
from runner.graph.yaml_node import Node
from runner.graph.yaml_reader import ScalarError, read_yaml, resolve_plain

# Maps whose keys the author chooses; '*' stands for any key. The keys of all other maps are in `schema`.
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
_MOST_EXTENDED = 16  # graphs in a row
EXTENDS = "extends"


def is_free(path: Sequence[str]) -> bool:
    """Whether the map at `path` takes any key."""
    return any(
        len(path) == len(free) and all(mark in ("*", name) for mark, name in zip(free, path, strict=True))
        for free in FREE_MAPS
    )


def read_tree(graph: Path, overlays: Sequence[Path], sets: Sequence[str], mistakes: list[Mistake]) -> Node | None:
    """Read and merge all files and options; None if the graph, or one that it extends, cannot be read.

    Mistakes are appended.
    """
    base = read_yaml(graph, display_path(graph), mistakes)
    above = _read_layers(overlays, sets, mistakes)
    extended = None if base is None else _read_extended(graph, base, mistakes)
    if base is None or extended is None:
        return None
    merged = _merge_layers([*extended, base, *above], mistakes)
    merged.origin, merged.key, merged.folder = base.origin, base.key, base.folder
    return merged


def _read_extended(path: Path, graph: Node, mistakes: list[Mistake]) -> list[Node] | None:
    """Read the graphs that `graph` extends, the farthest first; None if one cannot be read.

    The key `extends` of `graph` becomes the list of their files.
    """
    key = graph.get(EXTENDS)
    if key is None:
        return []
    found: list[Node] = []
    files, last = [path.resolve()], graph
    while (reference := last.value.pop(EXTENDS, None)) is not None:
        file = _find_extended(reference, mistakes)
        if file is None:
            return None
        if file.resolve() in files or len(files) > _MOST_EXTENDED:
            chain = " -> ".join(map(display_path, [*files, file]))
            fact = "a graph cannot extend itself" if file.resolve() in files else f"more than {_MOST_EXTENDED} graphs"
            mistakes.append(Mistake(reference.origin, f"{fact}: {chain}", of_fit=False))
            return None
        read = read_yaml(file, display_path(file), mistakes)
        if read is None:
            return None
        files.append(file.resolve())
        found.insert(0, read)
        last = read
    names = [Node(str(file), key.origin, key.key, key.folder) for file in files[1:]]
    graph.value[EXTENDS] = Node(names, key.origin, key.key, key.folder)
    return found


def _find_extended(reference: Node, mistakes: list[Mistake]) -> Path | None:
    """Find the file that `extends` names: beside the file that writes it, else among the packaged graphs."""
    name = reference.value
    if not isinstance(name, str) or not name:
        mistakes.append(Mistake(reference.origin, "extends names a graph, as in default.yaml", of_fit=False))
        return None
    packaged = data_root() / "graphs"
    places = (reference.folder / name, packaged / name, packaged / f"{name}.yaml")
    found = next((Path(os.path.normpath(place.absolute())) for place in places if is_file(place)), None)
    if found is None:
        beside = {path.name for path in reference.folder.glob("*.yaml")} - {Path(reference.origin.file).name}
        known = sorted({path.name for path in list_yaml_files(packaged)} | beside)
        fact = f"no graph '{name}' beside this file, nor among the packaged ones{suggest(name, known)}"
        mistakes.append(Mistake(reference.origin, fact, of_fit=False))
    return found


def overlay_tree(
    merged: Node,
    params: Mapping[str, object],
    origin: str,
    overlays: Sequence[Path],
    sets: Sequence[str],
    mistakes: list[Mistake],
) -> Node:
    """Lay parameters, overlays and options over a merged tree, in that order; the tree itself is used up.

    If they replace the model, the dims that came with the old model are removed.

    Args:
        origin: origin of `params`, for messages.
    """
    above = _read_layers(overlays, sets, mistakes)
    name = merged.get("model", "name")
    if any(_is_whole(layer.value.get("model")) for layer in above) and name is not None:
        file = name.origin.file
        dims = merged.children("dims")
        if file != merged.origin.file:
            merged.value["dims"].value = {key: node for key, node in dims.items() if node.leaf_file() != file}
    start = Origin(origin)
    known = merged.children("params")
    keys = {name: known[name].key if name in known else start for name in params}  # a parameter stays the graph's own
    given = Node({key: Node(value, start, keys[key], Path()) for key, value in params.items()}, start, start, Path())
    return _merge_layers([merged, Node({"params": given}, start, start, Path()), *above], mistakes)


def _read_layers(overlays: Sequence[Path], sets: Sequence[str], mistakes: list[Mistake]) -> list[Node]:
    files = [read_yaml(path, display_path(path), mistakes) for path in overlays]
    options = [_read_option(text, mistakes) for text in sets]
    layers = [layer for layer in (*files, *options) if layer is not None]
    for layer in layers:
        extends = layer.value.pop(EXTENDS, None)
        if extends is not None:
            message = "only a graph file extends another; an overlay is laid over any graph"
            mistakes.append(Mistake(extends.key, message, of_fit=False))
    return layers


def _merge_layers(layers: list[Node], mistakes: list[Mistake]) -> Node:
    base = layers[0]
    merged = Node({}, base.origin, base.key, base.folder)
    for layer in _insert_model(layers, mistakes):
        _merge(merged, layer, (), mistakes, adds=layer is base)
    return merged


def _read_option(text: str, mistakes: list[Mistake]) -> Node | None:
    """Make a layer of the option `a.b=value`."""
    origin = Origin(f"set {text}")
    path, equals, value = text.partition("=")
    names = path.strip().split(".")
    if not equals or not all(names):
        mistakes.append(Mistake(origin, "is not KEY.KEY=VALUE, as in params.speed=1.2", of_fit=False))
        return None
    try:
        node = Node(_read_value(value.strip()), origin, origin, Path())
    except ScalarError as error:
        mistakes.append(Mistake(origin, str(error), of_fit=False))
        return None
    for name in reversed(names):
        node = Node({name: node}, origin, origin, Path())
    return node


def _read_value(text: str) -> object:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else resolve_plain(text)


def _insert_model(layers: list[Node], mistakes: list[Mistake]) -> list[Node]:
    """Leave at most one whole model in the layers. If it is the name of a file, that file becomes the lowest layer.

    A `model` stays a string if its file does not hold a model; that has been noted as a mistake.
    """
    wholes = [at for at, layer in enumerate(layers) if _is_whole(layer.value.get("model"))]
    if not wholes:
        return layers
    for layer in layers[: wholes[-1]]:
        layer.value.pop("model", None)
    chosen = layers[wholes[-1]]
    reference = chosen.value["model"]
    if reference.value is None and len(wholes) > 1:  # the model that null removes is gone already
        del chosen.value["model"]
    if not isinstance(reference.value, str):
        return layers
    lowest = _read_model(reference, mistakes)
    if lowest is None:
        return layers
    del chosen.value["model"]
    return [lowest, *layers]


def _is_whole(model: Node | None) -> bool:
    """Whether a layer's `model` replaces those below: a whole model, the name of its file, or null."""
    return model is not None and (model.value is None or isinstance(model.value, str) or "name" in model.children())


def _read_model(reference: Node, mistakes: list[Mistake]) -> Node | None:
    path = Path(os.path.normpath(reference.folder / reference.value))
    if not is_file(path):
        message = f"no model file '{display_path(path)}'; model names a file such as configs/models/mini.yaml"
        mistakes.append(Mistake(reference.origin, message, of_fit=False))
        return None
    tree = read_yaml(path, display_path(path), mistakes)
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
    """Lay `above` over `below`. An option changes values; it adds a key to a free map only if `adds` is set."""
    for name, child in above.value.items():
        lower = below.value.get(name)
        is_option = not child.origin.line
        if lower is None and (child.value is None or (is_option and is_free(path) and not adds)):
            mistakes.append(_missing_key(name, child, below, path))
        elif child.value is None:
            del below.value[name]
        elif (
            path == ("params",) and lower is not None and isinstance(lower.value, dict) != isinstance(child.value, dict)
        ):
            _merge_parameter(below.value, name, child, mistakes)
        elif isinstance(child.value, dict):
            if lower is None or not isinstance(lower.value, dict):
                kept = {"from": lower} if path == ("outputs",) and lower is not None else {}
                below.value[name] = Node(kept, child.origin, child.key, child.folder)
            _merge(below.value[name], child, (*path, name), mistakes, adds=adds)
        else:
            below.value[name] = copy.copy(child)
            if lower is not None and (path == ("params",) or (path[:1] == ("params",) and name == "default")):
                _check_kind(lower, below.value[name], (*path, name)[1], mistakes)


def _merge_parameter(params: dict[str, Node], name: str, above: Node, mistakes: list[Mistake]) -> None:
    """Lay a parameter that is a scalar over one that is a map, or the other way round."""
    lower = params[name]
    if isinstance(lower.value, dict):
        default = lower.value.get("default")
        value = copy.copy(above)
        if default is not None:
            _check_kind(default, value, name, mistakes)
        params[name] = Node({**lower.value, "default": value}, lower.origin, lower.key, lower.folder)
    else:
        params[name] = Node({"default": lower, **above.value}, above.origin, above.key, above.folder)


def _check_kind(default: Node, value: Node, name: str, mistakes: list[Mistake]) -> None:
    """Check that a parameter has the kind of its default, and keep the default if not; an integer may be a float."""
    if isinstance(default.value, float) and type(value.value) is int:
        value.value = float(value.value)
    elif type(value.value) is not type(default.value):
        kinds = {float: "a number", int: "an integer", bool: "true or false", str: "a string"}
        expected = kinds.get(type(default.value), "a scalar")
        message = f"params.{name} takes {expected} like its default {_quote(default)}, not {_quote(value)}"
        mistakes.append(Mistake(value.origin, message, of_fit=False))
        value.value = default.value


def _quote(node: Node) -> str:
    return json.dumps(node.plain(), ensure_ascii=False)


def _missing_key(name: str, child: Node, below: Node, path: tuple[str, ...]) -> Mistake:
    fact = f"{'.'.join(path) or 'the graph'} has no '{name}'"
    if child.value is None:
        fact = f"null removes, but {fact}"
    return Mistake(child.key, fact + suggest(name, below.value), of_fit=False)

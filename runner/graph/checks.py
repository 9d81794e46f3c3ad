"""Checks that a graph fits together: names, types, axes and sizes, and that it has no cycle.

Each check takes the draft of a graph and yields the mistakes that it finds. A check does not need the others to have
passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.errors import Mistake, Origin, suggest
from runner.files.locate import display_path
from runner.graph.device_kinds import list_graph_files
from runner.graph.draft import Draft, DraftType, Source, Wire
from runner.graph.model_config import ModelConfigError, read_config
from runner.graph.stage_checks import check_contracts, check_devices, check_modules
from runner.graph.type_difference import describe_difference
from runner.graph.types import CONSTANTS, GRAPH_INPUTS, PARAMETERS, Bounds, Ref
from runner.graph.validate import has_unread_model
from runner.graph.yaml_node import Node
from stages.contract import TensorType, Type, parse_type
from stages.families import DEFAULT_FAMILY, Dims, find_family

_LARGEST_FLOATS = {"float16": 65504.0, "float32": 3.4028234663852886e38}
_PARAMETER_TYPES = {bool: "bool[]", int: "int64[]", float: "float32[]", str: "str"}


def check(draft: Draft) -> list[Mistake]:
    """List every mistake of fit, in no order."""
    checks: tuple[Callable[[Draft], Iterator[Mistake]], ...] = (
        check_names,
        check_sources,
        check_types,
        check_dims,
        check_modules,
        check_contracts,
        check_devices,
        check_cycles,
        check_unused,
        check_params,
        check_outputs,
        check_model,
    )
    return [mistake for one in checks for mistake in one(draft)]


def find_parameter_type(value: object) -> Type | None:
    """Find the type of a parameter from its value."""
    text = _PARAMETER_TYPES.get(type(value))
    return None if text is None else parse_type(text)


def check_names(draft: Draft) -> Iterator[Mistake]:
    """Check that no stage is called `input`, `params` or `constant`, which are sources themselves."""
    for stage in draft.stages.values():
        if stage.name in (GRAPH_INPUTS, PARAMETERS, CONSTANTS):
            yield Mistake(
                stage.node.key, f"a stage cannot be called '{stage.name}': the name is that of another source"
            )


def check_sources(draft: Draft) -> Iterator[Mistake]:
    """Check that the sources of all wires and of all outputs of the graph exist."""
    for source in _list_sources(draft):
        yield from _check_source(draft, source)
    for source in (source for source in draft.outputs.values() if source is not None):
        if source.ref.stage in (GRAPH_INPUTS, PARAMETERS):
            yield Mistake(source.stage_origin, "an output of the graph is the output of a stage; write STAGE.PORT")
        else:
            yield from _check_source(draft, source)


def _list_sources(draft: Draft) -> Iterator[Source]:
    for stage in draft.stages.values():
        yield from (wire.source for wire in stage.inputs.values() if wire.source is not None)


def _check_source(draft: Draft, source: Source) -> Iterator[Mistake]:
    name, port = source.ref.stage, source.ref.port
    if source.value is not None:
        return
    if name == GRAPH_INPUTS:
        kind, known = "input", list(draft.inputs)
    elif name == PARAMETERS:
        kind, known = "parameter", list(draft.tree.children("params"))
    elif name in draft.stages:
        kind, known = "output", list(draft.stages[name].outputs)
    else:
        names = [*draft.stages, GRAPH_INPUTS, PARAMETERS]
        yield Mistake(source.stage_origin, f"no stage '{name}'{suggest(name, names)}")
        return
    if port not in known:
        where = f"stage '{name}'" if kind == "output" else "the graph"
        yield Mistake(source.port_origin, f"{where} has no {kind} '{port}'{suggest(port, known)}")


def check_types(draft: Draft) -> Iterator[Mistake]:
    """Check that both ends of a wire have the same type; dims are compared by name."""
    for stage in draft.stages.values():
        for port, wire in stage.inputs.items():
            if wire.typed is None or wire.source is None:
                continue
            if wire.source.value is not None:
                yield from _check_constant(f"{stage.name}.{port}", wire.typed, wire.source)
                continue
            given, origin = _find_type(draft, wire.source.ref)
            if given is not None and given != wire.typed.type:
                taken = f"{stage.name}.{port} takes {wire.typed.type}"
                gives = f"{wire.source.ref} gives {given} ({_describe_line(origin, wire.typed.origin)})"
                yield Mistake(wire.typed.origin, f"{taken} but {gives}{describe_difference(wire.typed.type, given)}")


def _check_constant(port: str, typed: DraftType, source: Source) -> Iterator[Mistake]:
    """Check that a constant is one of its port's type; a whole number may stand for a float."""
    given = find_parameter_type(source.value)
    type_, is_number = typed.type, type(source.value) in (int, float)
    if isinstance(type_, TensorType) and not type_.dims and is_number:
        fits = type_.dtype.startswith("float") or (type(source.value) is int and "int" in type_.dtype)
        if fits and not _is_within(source.value, type_.dtype):
            yield Mistake(source.stage_origin, f"{port} takes {type_}, and {source.ref} is beyond its range")
            return
    else:
        fits = given == type_
    if not fits:
        fix = f'; write "{source.ref}"' if str(type_) == "str" else ""
        yield Mistake(source.stage_origin, f"{port} takes {type_}, not the constant {source.ref}{fix}")


def _is_within(value: object, dtype: str) -> bool:
    if dtype.startswith("float"):
        return isinstance(value, int | float) and abs(value) <= _LARGEST_FLOATS.get(dtype, math.inf)
    bits = int("".join(filter(str.isdigit, dtype)))
    lowest, highest = (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return isinstance(value, int) and lowest <= value <= highest


def _find_type(draft: Draft, ref: Ref) -> tuple[Type | None, Origin]:
    """Find the type of a source, if it is known, and the origin of that type."""
    if ref.stage == PARAMETERS:
        node = draft.tree.get("params", ref.port)
        default = node.get("default") if node is not None and isinstance(node.value, dict) else node
        return (None, Origin("")) if default is None else (find_parameter_type(default.value), default.origin)
    outputs = draft.inputs if ref.stage == GRAPH_INPUTS else {}
    if ref.stage in draft.stages:
        outputs = draft.stages[ref.stage].outputs
    typed = outputs.get(ref.port)
    return (None, Origin("")) if typed is None else (typed.type, typed.origin)


def _describe_line(origin: Origin, beside: Origin) -> str:
    """Describe the line of `origin` in short, in a message about `beside`."""
    if origin.line and origin.file == beside.file:
        return f"line {origin.line}"
    return f"{origin.file}:{origin.line}" if origin.line else origin.file


def check_dims(draft: Draft) -> Iterator[Mistake]:
    """Check that every dim of a type has a size."""
    known = draft.tree.children("dims")
    if has_unread_model(draft.tree):  # its dims are not known
        return
    for typed in _list_types(draft):
        for name in dict.fromkeys(_list_dims(typed.type)):
            if name not in known:
                hint = suggest(name, known) if known else f"; give its size: dims: {{{name}: {{max: SIZE}}}}"
                yield Mistake(typed.at_dim(name), f"unknown dim '{name}'{hint}")


def _list_types(draft: Draft) -> Iterator[DraftType]:
    yield from (typed for typed in draft.inputs.values() if typed is not None)
    for stage in draft.stages.values():
        yield from (wire.typed for wire in stage.inputs.values() if wire.typed is not None)
        yield from (typed for typed in stage.outputs.values() if typed is not None)


def _list_dims(type_: Type) -> list[str]:
    return [dim.name for dim in type_.dims if dim.name is not None] if isinstance(type_, TensorType) else []


def check_cycles(draft: Draft) -> Iterator[Mistake]:
    """Check that no stage depends on itself. One cycle is listed for each strongly connected component."""
    edges = [
        (wire.source.ref.stage, stage.name)
        for stage in draft.stages.values()
        for wire in stage.inputs.values()
        if wire.source is not None and wire.source.ref.stage in draft.stages.keys() - {GRAPH_INPUTS, PARAMETERS}
    ]
    if sort_names(list(draft.stages), edges) is not None:
        return
    import networkx as nx  # noqa: PLC0415 - 0.1 s that a graph without a cycle does not need

    graph = nx.DiGraph(edges)
    for component in nx.strongly_connected_components(graph):
        first = next(name for name in draft.stages if name in component)
        if len(component) == 1 and not graph.has_edge(first, first):
            continue
        ways = (nx.shortest_path(graph, name, first) for name in graph.successors(first) if name in component)
        after = min(ways, key=len)
        wire = next(wire for wire in _list_wires_from(draft, first, after[-2] if len(after) > 1 else first))
        yield Mistake(_find_origin(wire), f"a cycle: {' -> '.join([first, *after])}; remove one of these inputs")


def _list_wires_from(draft: Draft, consumer: str, producer: str) -> Iterator[Wire]:
    for wire in draft.stages[consumer].inputs.values():
        if wire.source is not None and wire.source.ref.stage == producer:
            yield wire


def _find_origin(wire: Wire) -> Origin:
    return wire.node.origin if wire.source is None else wire.source.stage_origin


def sort_names(names: list[str], edges: list[tuple[str, str]]) -> list[str] | None:
    """Sort names so that every edge goes forward, otherwise in the order given; None if there is a cycle."""
    before: dict[str, set[str]] = {name: set() for name in names}
    for source, target in edges:
        before[target].add(source)
    done: dict[str, None] = {}
    while len(done) < len(names):
        ready = next((name for name in names if name not in done and before[name] <= done.keys()), None)
        if ready is None:
            return None
        done[ready] = None
    return list(done)


def check_unused(draft: Draft) -> Iterator[Mistake]:
    """Check that every input and parameter has an effect, and every role and dim that an overlay adds.

    Nothing is reported while a source is unknown: its misspelled name may be that of a value that seems unused.
    """
    if any(True for _ in check_sources(draft)) or None in (wire.source for wire in _list_wires(draft)):
        return
    used = {source.ref for source in _list_sources(draft)}
    own = draft.tree.origin.file
    extends = draft.tree.get("extends") is not None
    for prefix, key, kind in ((GRAPH_INPUTS, "inputs", "input"), (PARAMETERS, "params", "parameter")):
        nodes = draft.tree.children(key)
        live = [name for name in nodes if Ref(prefix, name) in used]
        for name in nodes.keys() - live:
            if extends and nodes[name].key.line and nodes[name].key.file != own:
                continue  # of a graph that this one extends, whose stages it may have removed
            message = f"no stage takes the {kind} '{name}'; wire it, or remove it (null in an overlay)"
            yield Mistake(nodes[name].key, message)
    yield from _check_added(draft)


def _check_added(draft: Draft) -> Iterator[Mistake]:
    """Check that the roles and dims that an overlay adds to those of the graph are used."""
    dims = {name for typed in _list_types(draft) for name in _list_dims(typed.type)}
    roles = {device.value for stage in draft.stages.values() if (device := stage.text("device")) is not None}
    files = {draft.tree.origin.file, *map(display_path, list_graph_files(draft.tree))}
    for key, used, kind in (("dims", dims, "dim"), ("devices", roles, "role")):
        for name, node in draft.tree.children(key).items():
            if name not in used and node.key.file not in files and not _is_from_model(draft, node):
                yield Mistake(node.key, f"nothing uses the {kind} '{name}'{suggest(name, used)}")


def _is_from_model(draft: Draft, node: Node) -> bool:
    """Whether a node comes from the model's file: a graph need not use all dims of a model."""
    model = draft.tree.get("model")
    return model is not None and node.key.file == model.origin.file


def check_params(draft: Draft) -> Iterator[Mistake]:
    """Check that the value of each parameter is within its bounds."""
    for name, node in draft.tree.children("params").items():
        default, bounds = node.get("default"), read_bounds(node)
        if default is None or bounds is None:
            continue
        expected = bounds.describe_violation(default.value)
        if expected is not None:
            yield Mistake(default.origin, f"params.{name} is {default.value}, expected {expected}")


def read_bounds(parameter: Node) -> Bounds | None:
    """Read the bounds of a parameter; None if it has none, or if they are a mistake against the schema."""
    if not isinstance(parameter.value, dict):
        return None
    low, high = (None if (node := parameter.get(key)) is None else node.value for key in ("min", "max"))
    default = parameter.get("default")
    given = [*(bound for bound in (low, high) if bound is not None), None if default is None else default.value]
    if not given[:-1] or not all(type(value) in (int, float) for value in given):
        return None
    return None if low is not None and high is not None and low > high else Bounds(low, high)


def check_outputs(draft: Draft) -> Iterator[Mistake]:
    """Check that the outputs of the graph are of the kind that they say, and that audio has a rate."""
    for name, node in draft.tree.children("outputs").items():
        source = draft.outputs.get(name)
        kind = node.get("as")
        rate = node.get("rate")
        if source is None or not isinstance(node.value, dict) or (kind is not None and kind.value not in _KINDS):
            continue
        if (kind is not None and kind.value == "audio") != (rate is not None):
            fact = "has a rate, which only audio has: as: audio" if rate else "is audio and lacks its rate: rate: 24000"
            yield Mistake(node.key, f"outputs.{name} {fact}")
        given, _ = _find_type(draft, source.ref)
        if kind is not None and given is not None and not _is_kind(given, kind.value):
            yield Mistake(kind.origin, f"outputs.{name}: {source.ref} is {given}, {_KINDS[kind.value]}")


_KINDS = {
    "audio": "and audio is float32[n] or float32[1, n]",
    "array": "and an array is a tensor",
    "text": "and text is str",
}


def _is_kind(type_: Type, kind: object) -> bool:
    """Whether a port of `type_` gives an output of `kind`."""
    if not isinstance(type_, TensorType):
        return kind == "text"
    sizes = [str(dim) for dim in type_.dims]
    is_mono = len(sizes) == 1 or (len(sizes) == 2 and sizes[0] == "1")
    return kind == "array" or (kind == "audio" and type_.dtype == "float32" and is_mono)


def _list_wires(draft: Draft) -> Iterator[Wire]:
    for stage in draft.stages.values():
        yield from stage.inputs.values()


def check_model(draft: Draft) -> Iterator[Mistake]:
    """Check that the model's family is known, and that the dims it fixes have the sizes of its config.json."""
    node, named = draft.tree.get("model", "config"), draft.tree.get("model", "family")
    if node is None or not isinstance(node.value, str):
        return
    family, path = DEFAULT_FAMILY if named is None else named.value, Path(node.value)
    if not isinstance(family, str):
        return
    try:
        find_family(family)
    except ValueError as error:
        yield Mistake(node.origin if named is None else named.origin, str(error))
        return
    try:
        dims = read_config(path, family).dims
    except ModelConfigError as error:
        about = "the model's config " if error.unreadable else ""
        yield Mistake(node.origin, f"{display_path(path)}: {about}{'; '.join(error.facts)}")
    else:
        yield from _check_sizes(draft, dims, path)


def _check_sizes(draft: Draft, sizes: Dims, config: Path) -> Iterator[Mistake]:
    dims = draft.tree.children("dims")
    for name, size in sizes.named().items():
        node = dims.get(name)
        if node is not None and type(node.value) is int and node.value != size:
            yield Mistake(node.origin, f"dim '{name}' is {node.value}, but {display_path(config)} makes it {size}")
    for name, limit in sizes.limits().items():
        dim = dims.get(name)
        bound = None if dim is None else dim.get("max") or dim
        if bound is not None and type(bound.value) is int and bound.value > limit:
            message = f"dim '{name}' is up to {bound.value}, but {display_path(config)} has positions for {limit}"
            yield Mistake(bound.origin, message)

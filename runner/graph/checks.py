"""Whether a graph fits together: names, types, axes, sizes, and no way round in a circle.

Each check looks at the draft of a graph and yields what it finds; none relies on another having found nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from runner.errors import Mistake, Origin, suggest
from runner.files.locate import shown
from runner.graph.draft import Draft, Source, Typed, Wire, difference
from runner.graph.model_config import ModelConfigError, read_config
from runner.graph.stage_checks import check_contracts, check_devices, check_modules
from runner.graph.types import GRAPH_INPUTS, PARAMETERS, Ref
from runner.graph.validate import has_unread_model
from runner.graph.yaml_node import Node
from stages.contract import TensorType, Type, parse_type
from stages.families import DEFAULT_FAMILY, Dims, find_family

_PARAMETER_TYPES = {bool: "bool[]", int: "int64[]", float: "float32[]", str: "str"}


def check(draft: Draft) -> list[Mistake]:
    """Every mistake of fit, in no order."""
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
        check_model,
    )
    return [mistake for one in checks for mistake in one(draft)]


def parameter_type(value: object) -> Type | None:
    """The type of a parameter, by its value."""
    text = _PARAMETER_TYPES.get(type(value))
    return None if text is None else parse_type(text)


def check_names(draft: Draft) -> Iterator[Mistake]:
    """`input` and `params` are sources of their own."""
    for stage in draft.stages.values():
        if stage.name in (GRAPH_INPUTS, PARAMETERS):
            yield Mistake(stage.node.key, f"a stage cannot be called '{stage.name}': that name is a source of its own")


def check_sources(draft: Draft) -> Iterator[Mistake]:
    """Every wire and every output of the graph begins at something that is there."""
    for source in _sources(draft):
        yield from _check_source(draft, source)
    for source in (source for source in draft.outputs.values() if source is not None):
        if source.ref.stage in (GRAPH_INPUTS, PARAMETERS):
            yield Mistake(source.stage_origin, "an output of the graph is an output of a stage: STAGE.PORT")
        else:
            yield from _check_source(draft, source)


def _sources(draft: Draft) -> Iterator[Source]:
    for stage in draft.stages.values():
        yield from (wire.source for wire in stage.inputs.values() if wire.source is not None)


def _check_source(draft: Draft, source: Source) -> Iterator[Mistake]:
    name, port = source.ref.stage, source.ref.port
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
    """A wire has one type at both ends, dims compared by name."""
    for stage in draft.stages.values():
        for port, wire in stage.inputs.items():
            if wire.typed is None or wire.source is None:
                continue
            given, origin = _given(draft, wire.source.ref)
            if given is not None and given != wire.typed.type:
                taken = f"{stage.name}.{port} takes {wire.typed.type}"
                gives = f"{wire.source.ref} gives {given} ({_line(origin, wire.typed.origin)})"
                yield Mistake(wire.typed.origin, f"{taken} but {gives}{difference(wire.typed.type, given)}")


def _given(draft: Draft, ref: Ref) -> tuple[Type | None, Origin]:
    """What a source gives, where that is known, and where it says so."""
    if ref.stage == PARAMETERS:
        node = draft.tree.get("params", ref.port)
        return (None, Origin("")) if node is None else (parameter_type(node.value), node.origin)
    outputs = draft.inputs if ref.stage == GRAPH_INPUTS else {}
    if ref.stage in draft.stages:
        outputs = draft.stages[ref.stage].outputs
    typed = outputs.get(ref.port)
    return (None, Origin("")) if typed is None else (typed.type, typed.origin)


def _line(origin: Origin, beside: Origin) -> str:
    """Where the other end is, as briefly as can be."""
    if origin.line and origin.file == beside.file:
        return f"line {origin.line}"
    return f"{origin.file}:{origin.line}" if origin.line else origin.file


def check_dims(draft: Draft) -> Iterator[Mistake]:
    """Every dim of a type has a bound."""
    known = draft.tree.children("dims")
    if has_unread_model(draft.tree):  # the dims that it brings are unknown
        return
    for typed in _types(draft):
        for name in dict.fromkeys(_dim_names(typed.type)):
            if name not in known:
                yield Mistake(typed.at_dim(name), f"unknown dim '{name}'{suggest(name, known)}")


def _types(draft: Draft) -> Iterator[Typed]:
    yield from (typed for typed in draft.inputs.values() if typed is not None)
    for stage in draft.stages.values():
        yield from (wire.typed for wire in stage.inputs.values() if wire.typed is not None)
        yield from (typed for typed in stage.outputs.values() if typed is not None)


def _dim_names(type_: Type) -> list[str]:
    return [dim.name for dim in type_.dims if dim.name is not None] if isinstance(type_, TensorType) else []


def check_cycles(draft: Draft) -> Iterator[Mistake]:
    """No stage waits for itself: one circle is spelled out for each knot of stages."""
    edges = [
        (wire.source.ref.stage, stage.name)
        for stage in draft.stages.values()
        for wire in stage.inputs.values()
        if wire.source is not None and wire.source.ref.stage in draft.stages.keys() - {GRAPH_INPUTS, PARAMETERS}
    ]
    if order(list(draft.stages), edges) is not None:
        return
    import networkx as nx  # noqa: PLC0415 - 0.1 s that a graph without a cycle does not need

    graph = nx.DiGraph(edges)
    for knot in nx.strongly_connected_components(graph):
        first = next(name for name in draft.stages if name in knot)
        if len(knot) == 1 and not graph.has_edge(first, first):
            continue
        after = min((nx.shortest_path(graph, name, first) for name in graph.successors(first) if name in knot), key=len)
        wire = next(wire for wire in _wires_from(draft, first, after[-2] if len(after) > 1 else first))
        yield Mistake(_origin(wire), f"a cycle: {' -> '.join([first, *after])}; one of these inputs must go")


def _wires_from(draft: Draft, consumer: str, producer: str) -> Iterator[Wire]:
    for wire in draft.stages[consumer].inputs.values():
        if wire.source is not None and wire.source.ref.stage == producer:
            yield wire


def _origin(wire: Wire) -> Origin:
    return wire.node.origin if wire.source is None else wire.source.stage_origin


def order(names: list[str], edges: list[tuple[str, str]]) -> list[str] | None:
    """The names so that every edge goes forward, otherwise as given; None where there is a cycle."""
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
    """What a caller can set has an effect. Silent while a source is unknown: it may be meant for what seems unused."""
    if any(True for _ in check_sources(draft)) or None in (wire.source for wire in _wires(draft)):
        return
    used = {source.ref for source in _sources(draft)}
    for prefix, key, kind in ((GRAPH_INPUTS, "inputs", "input"), (PARAMETERS, "params", "parameter")):
        nodes = draft.tree.children(key)
        live = [name for name in nodes if Ref(prefix, name) in used]
        for name in nodes.keys() - live:
            message = f"no stage takes the {kind} '{name}'; wire it, or remove it (null in an overlay)"
            yield Mistake(nodes[name].key, message)
    yield from _check_added(draft)


def _check_added(draft: Draft) -> Iterator[Mistake]:
    """Roles and dims that an overlay adds to those of the graph are used."""
    dims = {name for typed in _types(draft) for name in _dim_names(typed.type)}
    roles = {device.value for stage in draft.stages.values() if (device := stage.text("device")) is not None}
    for key, used, kind in (("dims", dims, "dim"), ("devices", roles, "role")):
        for name, node in draft.tree.children(key).items():
            if name not in used and node.key.file != draft.tree.origin.file and not _of_model(draft, node):
                yield Mistake(node.key, f"nothing uses the {kind} '{name}'{suggest(name, used)}")


def _of_model(draft: Draft, node: Node) -> bool:
    """Whether the model's own file wrote it: a model has dims that a graph need not use."""
    model = draft.tree.get("model")
    return model is not None and node.key.file == model.origin.file


def _wires(draft: Draft) -> Iterator[Wire]:
    for stage in draft.stages.values():
        yield from stage.inputs.values()


def check_model(draft: Draft) -> Iterator[Mistake]:
    """The model's family is known, and the dims that the model fixes are those of its config.json."""
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
        yield Mistake(node.origin, f"{shown(path)}: {about}{'; '.join(error.facts)}")
    else:
        yield from _check_sizes(draft, dims, path)


def _check_sizes(draft: Draft, sizes: Dims, config: Path) -> Iterator[Mistake]:
    dims = draft.tree.children("dims")
    for name, size in sizes.named().items():
        node = dims.get(name)
        if node is not None and type(node.value) is int and node.value != size:
            yield Mistake(node.origin, f"dim '{name}' is {node.value}, but {shown(config)} makes it {size}")
    for name, limit in sizes.limits().items():
        dim = dims.get(name)
        bound = None if dim is None else dim.get("max") or dim
        if bound is not None and type(bound.value) is int and bound.value > limit:
            message = f"dim '{name}' is up to {bound.value}, but {shown(config)} has positions for {limit}"
            yield Mistake(bound.origin, message)

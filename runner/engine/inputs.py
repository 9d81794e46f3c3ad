"""Collects the inputs and parameters of a run, and checks that each is what its consumers take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import RunError, suggest
from runner.graph.types import GRAPH_INPUTS, PARAMETERS, Ref
from runner.runtime.values import Sizes
from stages.contract import NamedType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from runner.graph.types import Graph

Resolver = Callable[[Any], Any]
"""Makes the value of an input of a named type, such as `voice`, from what the caller gives: None for nothing."""


def collect_inputs(
    graph: Graph,
    resolvers: Mapping[str, Resolver],
    inputs: Mapping[str, object],
    params: Mapping[str, object],
    varying: Collection[str] = (),
) -> dict[Ref, Any]:
    """Collect the values of all inputs and parameters of a graph.

    Args:
        resolvers: by named type. An input of a type that has none takes its value as it is.
        inputs: by name. One that a resolver makes may be left out.
        params: in place of the graph's own.
        varying: the inputs that are given later, run by run.

    Raises:
        RunError: an unknown name, an input that is missing, or a value that a stage does not take.
    """
    refuse_unknown("input", [*inputs, *varying], graph.inputs)
    refuse_unknown("parameter", params, graph.params)
    _check_bounds(graph, params)
    values = {Ref(PARAMETERS, name): value for name, value in {**graph.params, **params}.items()}
    wires = [(f"{spec.name}.{port}", wire) for spec in graph.stages.values() for port, wire in spec.inputs.items()]
    values |= {wire.ref: wire.value for _, wire in wires if wire.value is not None}
    for name, type_ in graph.inputs.items():
        if name in varying:
            continue
        resolver = resolvers.get(type_.name) if isinstance(type_, NamedType) else None
        if resolver is not None:
            values[Ref(GRAPH_INPUTS, name)] = resolver(inputs.get(name))
        elif name in inputs:
            values[Ref(GRAPH_INPUTS, name)] = inputs[name]
        else:
            raise RunError(f"input '{name}' of the graph is missing: it takes {type_}")
    sizes = Sizes(graph.dims)
    for port, wire in wires:
        if wire.ref in values:
            sizes.take(port if wire.value is not None else str(wire.ref), wire.type, values[wire.ref])
    return values


def resolve_inputs(graph: Graph, resolvers: Mapping[str, Resolver], given: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve the inputs of named types that have a resolver; others stay as they are."""
    named = {name: type_.name for name, type_ in graph.inputs.items() if isinstance(type_, NamedType)}
    resolved = {n: resolvers[type_](given.get(n)) for n, type_ in named.items() if type_ in resolvers}
    return {**given, **resolved}


def _check_bounds(graph: Graph, params: Mapping[str, object]) -> None:
    for name, value in params.items():
        bounds = graph.bounds.get(name)
        plain = value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value
        expected = bounds.describe_violation(plain) if bounds is not None and isinstance(plain, int | float) else None
        if expected is not None:
            raise RunError(f"params.{name} is {plain}, expected {expected}")


def refuse_unknown(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that there are not.

    Args:
        kind: of the names, for the message.

    Raises:
        RunError: naming the first, and what may be meant.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise RunError(f"no {kind} is called '{name}'{suggest(name, known)}")

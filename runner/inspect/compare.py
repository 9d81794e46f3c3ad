"""Compares two ways to compute one thing, port by port: runs, graphs, and a reference.

                    case --> A --ports-->  distance of each port
                     |                        ^
                     +-----> B --ports--------+           what follows a wrong stage is wrong as well

    cross            case --> B --ports--> each stage of A alone, on B's values --> distance

With `cross` a stage is judged for what it does itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.errors import RunError
from runner.inspect.distance import Distance, measure
from runner.inspect.sides import choose_inputs
from runner.runtime.values import spell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.graph.types import Graph
    from runner.inspect.distance import Metric
    from runner.inspect.sides import Case, Side
    from runner.inspect.tolerance import Tolerances
    from runner.runtime.values import Array


def compare(
    a: Side,
    b: Side,
    cases: tuple[Case, Case],
    tolerances: Tolerances,
    *,
    cross: bool,
    metrics: Sequence[Metric] = (),
) -> list[Distance]:
    """Measure the distance of each port of A from that of B, in A's order.

    Args:
        cases: the input of A, and that of B.
        cross: give each stage of A what B's stages gave.
        metrics: to be measured too, at the ports to which they apply.

    Returns:
        a distance for each port; a port that only one side has, or whose stage failed, has a fault.

    Raises:
        RunError: an input is refused; or a stage, other than one of A's with `cross`.
    """
    theirs = b.ports(cases[1])
    failed: dict[str, str] = {}
    ours = _cross(a, {**b.given(cases[1]), **theirs}, failed) if cross else a.ports(cases[0])
    distances = []
    for port in dict.fromkeys([*_ports(a.graph), *_ports(b.graph)]):
        if port in ours and port in theirs:
            distances.append(_measure(a, b, port, ours[port], theirs[port], tolerances, metrics))
        elif port in ours or port in theirs or port.partition(".")[0] in failed:
            shapes = (spell(ours[port]) if port in ours else None, spell(theirs[port]) if port in theirs else None)
            lacking = a.name if port in theirs else b.name
            fault = failed.get(port.partition(".")[0], f"{lacking} has no such port")
            distances.append(Distance(port, shapes, fault=fault))
    return distances


def _cross(a: Side, values: Mapping[str, Any], failed: dict[str, str]) -> dict[str, Array]:
    """Call each stage of A on the values of the other side.

    Args:
        failed: gets the message of each stage that gives nothing.
    """
    ours: dict[str, Array] = {}
    for spec in a.graph.stages.values():
        refs = [str(wire.ref) for wire in spec.inputs.values() if wire.value is None]
        absent = [ref for ref in refs if ref not in values]
        if absent:
            failed[spec.name] = f"the other side has no {', '.join(absent)}"
            continue
        inputs = choose_inputs(spec, values)
        try:
            ours |= {f"{spec.name}.{port}": value for port, value in a.call(spec.name, inputs).items()}
        except RunError as error:
            failed[spec.name] = str(error)
    return ours


def _ports(graph: Graph) -> list[str]:
    return [f"{spec.name}.{port}" for spec in graph.stages.values() for port in spec.outputs]


def _measure(
    a: Side,
    b: Side,
    port: str,
    ours: Array | str,
    theirs: Array | str,
    tolerances: Tolerances,
    metrics: Sequence[Metric],
) -> Distance:
    stage, _, name = port.partition(".")
    side = a if stage in a.graph.stages and name in a.graph.stages[stage].outputs else b
    return measure(
        *(port, side.graph.stages[stage].outputs[name], ours, theirs),
        times=side.graph.dims.keys() - side.graph.fixed.keys(),
        tolerance=tolerances.of(port),
        metrics=metrics,
    )

"""Finds the names that a graph gives to the dims of a contract.

The names of dims in a contract are formal, as those of a function's parameters are: each use of the stage binds its
own, so that one graph may hold a stage twice, for two lengths. The dims that the model fixes keep their names.

    contract   input_ids: int64[1, text]      logits: float32[1, text, bins]
    graph      input_ids: int64[1, reply]     logits: float32[1, reply, bins]      text -> reply
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from runner.graph.draft import DraftStage
    from stages.contract import Contract, Dim, Type


def find_names(stage: DraftStage, contract: Contract, fixed: Collection[str]) -> dict[str, str]:
    """Find the dims of a contract that a stage of a graph calls otherwise: contract's name -> graph's name.

    Names that exchange the places of two dims of the contract are none: there the axes are swapped. If no names fit
    every port, those of the first ports are taken, and a port that disagrees has another type than the contract's.

    Args:
        fixed: dims that the model fixes.
    """
    pairs = list(_pair_dims(stage, contract))
    names = _bind(pairs, fixed)
    if names is None or _is_swapped(names):
        names = _bind_first(pairs, fixed)
    return {one: other for one, other in names.items() if one != other}


def _bind(pairs: list[tuple[Dim, Dim]], fixed: Collection[str]) -> dict[str, str] | None:
    """Bind each dim of a contract to one name of its own; None if that is not possible."""
    names: dict[str, str] = {}
    for declared, given in pairs:
        if declared.factor != given.factor or (declared.name is None) != (given.name is None):
            return None
        if declared.name is None or given.name is None:
            continue
        if names.setdefault(declared.name, given.name) != given.name:
            return None
    is_kept = all(names[name] == name for name in names.keys() & set(fixed))
    return names if is_kept and len(set(names.values())) == len(names) else None


def _is_swapped(names: dict[str, str]) -> bool:
    """Whether names of several dims of a contract have changed places with each other."""
    for start, first in names.items():
        name = first
        while name in names and name != start:
            name = names[name]
        if name == start != first:
            return True
    return False


def _bind_first(pairs: list[tuple[Dim, Dim]], fixed: Collection[str]) -> dict[str, str]:
    """Bind each dim where it is first, but to no name of another dim of the contract."""
    names: dict[str, str] = {}
    formal = {declared.name for declared, _ in pairs} | set(fixed)
    for declared, given in pairs:
        if declared.name is None or given.name is None or declared.factor != given.factor:
            continue
        if declared.name in names or declared.name in fixed or given.name in names.values():
            continue
        if given.name == declared.name or given.name not in formal:
            names[declared.name] = given.name
    return names


def rename_dims(type_: Type, names: dict[str, str]) -> Type:
    """Give a type of a contract with the graph's names of its dims."""
    if not isinstance(type_, TensorType) or not names:
        return type_
    dims = (dim if dim.name is None else replace(dim, name=names.get(dim.name, dim.name)) for dim in type_.dims)
    return TensorType(type_.dtype, tuple(dims))


def _pair_dims(stage: DraftStage, contract: Contract) -> Iterator[tuple[Dim, Dim]]:
    """Pair the dims of the contract with those that the graph has in their places."""
    given = {port: wire.typed for port, wire in stage.inputs.items()}
    for declared, ports in ((contract.inputs, given), (contract.outputs, stage.outputs)):
        for name, typed in ports.items():
            port = declared.get(name)
            if port is None or typed is None:
                continue
            one, other = port.type, typed.type
            if isinstance(one, TensorType) and isinstance(other, TensorType) and len(one.dims) == len(other.dims):
                yield from zip(one.dims, other.dims, strict=True)

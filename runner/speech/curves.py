"""Curves of speech: values that the graph has for each piece of time, such as the pitch and the energy of the voice.

f0n.f0: float32[1, 2*frames]    180 182 185 ...   two values a frame, which is 25 ms
                                |   |   |
audio of the part           ----|---|---|--->     a joint has cut off its start: the first value lies before it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.graph.types import Ref
from stages.contract import Dim, TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.graph.types import Graph
    from runner.runtime.values import Array

_FRAMES = "frames"  # the dim that counts them
_MOST = 16  # values of a frame; a port that has more is audio


@dataclass(frozen=True)
class Curve:
    """The values of a part.

    Attributes:
        name: of the port.
        start: of the first value [samples from the start of the part]; less than 0 where a joint has cut audio off.
        step: from one value to the next [samples].
        values: float32 [values].
    """

    name: str
    start: int
    step: float
    values: Array


def find_curves(graph: Graph) -> dict[Ref, int]:
    """Find the ports that are curves, and how many values each has for a frame; of ports of one name, the first."""
    found: dict[Ref, int] = {}
    for name, spec in graph.stages.items():
        for port, type_ in spec.outputs.items():
            if not isinstance(type_, TensorType) or type_.dtype != "float32" or len(type_.dims) != 2:
                continue
            one, values = type_.dims
            is_curve = one == Dim(1, None) and values.name == spec.dim(_FRAMES) and values.factor <= _MOST
            if is_curve and port not in {ref.port for ref in found}:
                found[Ref(name, port)] = values.factor
    return found


def cut_curves(
    arrays: Mapping[Ref, Array | None], factors: Mapping[Ref, int], *, frames: int, hop: float, start: int
) -> list[Curve]:
    """Make the curves of a part.

    Args:
        arrays: of the ports, [1, values]; padding follows; None of one that is not at hand.
        factors: values of a frame.
        frames: of the part.
        hop: samples of a frame.
        start: of the first frame [samples from the start of the part].
    """
    return [
        Curve(ref.port, start, hop / factors[ref], array[0, : frames * factors[ref]])
        for ref, array in arrays.items()
        if array is not None
    ]

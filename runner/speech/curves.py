"""Curves of speech: values that the graph has for each piece of time, such as the pitch and the energy of the voice.

f0n.f0: float32[1, 2*frames]   0  180 182 185 ...   two values a frame, which is 25 ms
                                  |   |   |
audio of the part                 |---|---|--->     a joint has cut off what lies before
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
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
        start: of the first value [samples from the start of the part].
        step: from one value to the next [samples].
        values: float32 [values].
    """

    name: str
    start: float
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
    arrays: Mapping[Ref, Array | None], factors: Mapping[Ref, int], *, frames: int, hop: float, shift: int, samples: int
) -> list[Curve]:
    """Make the curves of a part: the values that lie in its audio.

    Args:
        arrays: of the ports, [1, values]; padding follows; None of one that is not at hand.
        factors: values of a frame.
        frames: of the part.
        hop: samples of a frame.
        shift: samples from the start of the audio to the first frame; less than 0 where a joint has cut frames off.
        samples: of the audio.
    """
    curves = []
    for ref, array in arrays.items():
        if array is None:
            continue
        step = hop / factors[ref]
        first = max(0, ceil(-shift / step))
        last = min(frames * factors[ref], ceil((samples - shift) / step))
        curves.append(Curve(ref.port, shift + first * step, step, array[0, first:last]))
    return curves

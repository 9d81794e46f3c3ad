"""Makes the two tensors of a weight norm from a weight in which the norm was folded.

    weight = weight_g * weight_v / |weight_v|      weight_g = |weight|, weight_v = weight

Exports fold the norm, and users do (`remove_weight_norm`). The lengths are those of the first axis' rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ModelTensor(Protocol):
    """A tensor of a checkpoint, of any format."""

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def float32(self) -> NDArray[np.float32]:
        """Give the values, C-contiguous.

        Raises:
            ValueError: they are no floats.
        """
        ...

    def float64(self) -> NDArray[np.float64]:
        """Give the values before they are rounded to float32."""
        ...


@dataclass(frozen=True)
class _OfFolded:
    """A tensor that is made of a folded weight, whose dtype it has."""

    folded: ModelTensor

    @property
    def dtype(self) -> str:
        return self.folded.dtype


class Direction(_OfFolded):
    """The tensor `weight_v` of a folded weight."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.folded.shape

    def float32(self) -> NDArray[np.float32]:
        """Give the weight; a row of zeros becomes ones, since 0 * 0 / |0| is no number and 0 * 1 / |1| is 0."""
        values = self.folded.float32()
        rows = values.reshape(len(values), -1).any(axis=1)
        if rows.all():
            return values
        values = values.copy()
        values[~rows] = 1
        return values

    def float64(self) -> NDArray[np.float64]:
        return self.float32().astype(np.float64)


class Length(_OfFolded):
    """The tensor `weight_g` of a folded weight."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.folded.shape[:1], *(1 for _ in self.folded.shape[1:]))

    def float64(self) -> NDArray[np.float64]:
        rows = self.folded.float64()
        squares: NDArray[np.float64] = np.square(rows.reshape(len(rows), -1)).sum(axis=1)
        return np.sqrt(squares).reshape(self.shape)

    def float32(self) -> NDArray[np.float32]:
        return self.float64().astype(np.float32)


def find_folded(tensors: Mapping[str, ModelTensor], key: str) -> tuple[str, ModelTensor] | None:
    """Find a tensor of a weight norm in the weight that it was folded into.

    Returns:
        The name of the weight, and the tensor; None if `key` is none of a norm, no such weight is there, or either of
        the norm's own tensors is.
    """
    module, _, last = key.rpartition(".")
    name = f"{module}.weight"
    folded = tensors.get(name)
    if folded is None or not folded.shape or any(f"{name}_{part}" in tensors for part in "gv"):
        return None
    if last == "weight_v":
        return name, Direction(folded)
    return (name, Length(folded)) if last == "weight_g" else None

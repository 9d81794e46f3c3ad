"""The valid rows of a buffer, and statistics over blocks of them."""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.simd import Expr, Index, let, load, registers, splat, store


@dataclass(frozen=True)
class Rows:
    """How many rows a buffer has for a length, in tokens or frames: scale * length + extra."""

    scale: int = 1
    extra: int = 0

    def of(self, length: Index) -> Index:
        """Return how many rows a length has."""
        return length * self.scale + self.extra


@dataclass(frozen=True)
class Partials:
    """The statistics of the blocks of a buffer (see `moments`).

    data: float32 [2, blocks, padded(channels)]. block: rows of a block.
    """

    data: nn.Tensor
    block: int


def block_moments(
    partials: tirx.Buffer, y: tirx.Buffer, first: Expr, rows: Expr, channel: Expr, block: int, lanes: int
) -> None:
    """Store the mean and the sum of squared deviations of rows first:first + rows of y.

    They go to partials[:, first / block, channel:channel + lanes].
    """
    total = registers((lanes,))
    store(total, splat(0.0, lanes), 0, lanes=lanes)
    with T.serial(rows) as r:
        store(total, load(total, 0, lanes=lanes) + load(y, first + r, channel, lanes=lanes), 0, lanes=lanes)
    mean = let(load(total, 0, lanes=lanes) / splat(T.Cast("float32", rows), lanes))
    store(total, splat(0.0, lanes), 0, lanes=lanes)
    with T.serial(rows) as r:
        deviation = let(load(y, first + r, channel, lanes=lanes) - mean)
        store(total, load(total, 0, lanes=lanes) + deviation * deviation, 0, lanes=lanes)
    store(partials, mean, 0, tirx.truncdiv(first, block), channel, lanes=lanes)
    store(partials, load(total, 0, lanes=lanes), 1, tirx.truncdiv(first, block), channel, lanes=lanes)

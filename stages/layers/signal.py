"""What flows between layers: a tensor, the axis its rows lie on, and how many of its channels are real."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tvm.relax.frontend import nn

from stages import ops
from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import Expr

PER_UNIT = Rows()  # one row a token or frame


@dataclass(frozen=True)
class Axis:
    """A time axis: rows = rate.scale * n + rate.extra, n being tokens or frames.

    length: int64[1], how many tokens or frames are valid. capacity: how many the buffers hold (symbolic).
    """

    length: nn.Tensor
    capacity: Expr | int
    rows: Rows = PER_UNIT

    @property
    def total(self) -> Expr:
        """Rows that a buffer on this axis has."""
        return self.rows.of(self.capacity)

    def at(self, scale: int, extra: int = 0) -> Axis:
        """The same time at another rate."""
        return replace(self, rows=Rows(scale, extra))


@dataclass(frozen=True)
class Signal:
    """data [axis.total, padded(channels)], float32; partials: its block statistics, where its producer made them."""

    data: nn.Tensor
    channels: int
    axis: Axis
    partials: Partials | None = None

    def moments(self) -> Partials:
        """Its block statistics, computed if its producer did not."""
        if self.partials is not None:
            return self.partials
        axis = self.axis
        return ops.moments(
            x=self.data, length=axis.length, channels=self.channels, rows=axis.rows, capacity=axis.capacity
        )

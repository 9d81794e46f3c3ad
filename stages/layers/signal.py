"""The values between layers: a tensor, the axis of its rows, and its number of channels without padding."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tvm.relax.frontend import nn

from stages import ops
from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import Expr, Index

PER_UNIT = Rows()  # one row a token or frame


@dataclass(frozen=True)
class Axis:
    """A time axis.

    Attributes:
        length: int64 [1], valid tokens or frames.
        capacity: tokens or frames that the buffers hold (symbolic).
        rows: rows for a length.
    """

    length: nn.Tensor
    capacity: Index
    rows: Rows = PER_UNIT

    @property
    def total(self) -> Expr:
        """The rows of a buffer on this axis."""
        return self.rows.of(self.capacity)

    def at(self, scale: int, extra: int = 0) -> Axis:
        """Return the same time at another rate."""
        return replace(self, rows=Rows(scale, extra))


@dataclass(frozen=True)
class Signal:
    """A sequence of rows.

    Attributes:
        data: float32 [axis.total, padded(channels)].
        channels: channels without padding.
        axis: the axis of the rows.
        partials: the partial statistics, where the signal's producer made them.
    """

    data: nn.Tensor
    channels: int
    axis: Axis
    partials: Partials | None = None

    def moments(self) -> Partials:
        """Return the partial statistics; they are computed if the producer did not make them."""
        if self.partials is not None:
            return self.partials
        axis = self.axis
        return ops.moments(
            x=self.data, length=axis.length, channels=self.channels, rows=axis.rows, capacity=axis.capacity
        )

"""Ports to signals and back. A port has the graph's layout and is exactly zero past its valid length."""

from __future__ import annotations

from collections.abc import Sequence

from tvm.relax.frontend import nn

from stages import ops
from stages.layers.conv import single_row
from stages.layers.signal import Axis, Signal


def from_channel_port(x: nn.Tensor, axis: Axis) -> Signal:
    """Load a port [1, channels, rows] as a signal."""
    return Signal(ops.to_time_major(length=axis.length, x=x, rows=axis.rows), int(x.shape[1]), axis)


def from_vector_port(x: nn.Tensor, length: nn.Tensor) -> Signal:
    """Load a port [1, channels], one vector for the whole utterance, as a signal of one row."""
    one = single_row(x, int(x.shape[1]), length)
    data = ops.to_time_major(length=length, x=nn.op.unsqueeze(x, 2), rows=one.axis.rows)
    return single_row(data, one.channels, length)


def to_channel_port(x: Signal) -> nn.Tensor:
    """Store a signal as a port [1, channels, rows]."""
    return ops.to_channel_major(length=x.axis.length, x=x.data, channels=x.channels, rows=x.axis.rows)


def to_row_port(x: Signal) -> nn.Tensor:
    """Store a signal as a port [1, rows, channels]."""
    return ops.store_port(length=x.axis.length, x=x.data, channels=x.channels, rows=x.axis.rows)


def concat(parts: Sequence[Signal]) -> Signal:
    """Put channels side by side, on the axis of the first part; a signal of one row is repeated for every row."""
    axis = parts[0].axis
    pairs = [(part.data, part.channels) for part in parts]
    data = ops.concatenate(length=axis.length, parts=pairs, rows=axis.rows, capacity=axis.total)
    return Signal(data, sum(part.channels for part in parts), axis)

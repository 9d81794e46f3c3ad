"""Ports to signals and back: a port has the graph's layout and is exactly zero past its valid length."""

from __future__ import annotations

from collections.abc import Sequence

from tvm.relax.frontend import nn

from stages.dispatch import by_target
from stages.kernels import ports as kernel
from stages.layers.conv import single_row
from stages.layers.signal import Axis, Signal
from stages.operators import ports as operator

_to_time_major = by_target(kernel.to_time_major, operator.to_time_major)
_to_channel_major = by_target(kernel.to_channel_major, operator.to_channel_major)
_store_port = by_target(kernel.store_port, operator.store_port)
_concatenate = by_target(kernel.concatenate, operator.concatenate)


def channel_port(x: nn.Tensor, axis: Axis) -> Signal:
    """Port [1, channels, rows] as a signal."""
    return Signal(_to_time_major(axis.length, x, axis.rows), int(x.shape[1]), axis)


def row_port(x: nn.Tensor, length: nn.Tensor) -> Signal:
    """Port [1, channels], one vector for the whole utterance, as a signal of one row."""
    one = single_row(x, int(x.shape[1]), length)
    return single_row(_to_time_major(length, nn.op.unsqueeze(x, 2), one.axis.rows), one.channels, length)


def to_channel_port(x: Signal) -> nn.Tensor:
    """Signal as port [1, channels, rows]."""
    return _to_channel_major(x.axis.length, x.data, x.channels, x.axis.rows)


def to_row_port(x: Signal) -> nn.Tensor:
    """Signal as port [1, rows, channels]."""
    return _store_port(x.axis.length, x.data, x.channels, x.axis.rows)


def concat(parts: Sequence[Signal]) -> Signal:
    """Channels side by side, on the axis of the first; a signal of one row is repeated for every row."""
    axis = parts[0].axis
    data = _concatenate(axis.length, [(p.data, p.channels) for p in parts], axis.rows, axis.total)
    return Signal(data, sum(p.channels for p in parts), axis)

"""Changes of layout where a stage begins and ends, and rows put side by side, as tensor expressions.

Rows past the valid ones are zeros in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm import te, tirx
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr, Index
from stages.operators.call import choose, expression, f32, i64, is_valid, placeholder


def to_time_major(*, length: nn.Tensor, x: nn.Tensor, rows: Rows) -> nn.Tensor:
    """Transpose as `kernels.ports.to_time_major`: port [1, channels, t] to rows [t, channels]."""
    _, channels, t = x.shape
    return _copy("to_time_major", length, x, rows, (t, channels), lambda x, t, c: x[i64(0), c, t], time=0)


def to_channel_major(*, length: nn.Tensor, x: nn.Tensor, channels: int, rows: Rows) -> nn.Tensor:
    """Transpose as `kernels.ports.to_channel_major`: rows [t, channels] to port [1, channels, t]."""
    shape = (1, channels, x.shape[0])
    return _copy("to_channel_major", length, x, rows, shape, lambda x, _, c, t: x[t, c], time=2)


def store_port(*, length: nn.Tensor, x: nn.Tensor, channels: int, rows: Rows) -> nn.Tensor:
    """Copy as `kernels.ports.store_port`: rows [t, channels] to port [1, t, channels]."""
    shape = (1, x.shape[0], channels)
    return _copy("store_port", length, x, rows, shape, lambda x, _, t, c: x[t, c], time=1)


def _copy(
    name: str,
    length: nn.Tensor,
    x: nn.Tensor,
    rows: Rows,
    shape: Sequence[Index],
    read: Callable[..., Expr],
    time: int,
) -> nn.Tensor:
    """Compute `read(x, *index)` where the index along axis `time` is a valid row, else 0."""

    def body(extents: list[Expr], length: te.Tensor, x: te.Tensor) -> te.Tensor:
        return te.compute(
            extents,
            lambda *at: choose(is_valid(at[time], length, rows), read(x, *at), f32(0)),
            name="copy",
        )

    return expression(name, body, [length, x], placeholder(shape))


def concatenate(
    *,
    length: nn.Tensor,
    parts: Sequence[tuple[nn.Tensor, int]],
    rows: Rows,
    capacity: Index,
) -> nn.Tensor:
    """Put side by side as `kernels.ports.concatenate`: rows [capacity, sum of channels]."""
    channels = [count for _, count in parts]

    def body(shape: list[Expr], length: te.Tensor, *xs: te.Tensor) -> te.Tensor:
        def value(t: Expr, c: Expr) -> Expr:
            first, found = sum(channels), None
            for (buffer, count), x in zip(reversed(parts), reversed(xs), strict=True):
                first -= count
                here = x[i64(0) if _is_one(buffer.shape[0]) else t, c - first]
                found = here if found is None else choose(c < first + count, here, found)
            return choose(is_valid(t, length, rows), found, f32(0))

        return te.compute(shape, value, name="concatenate")

    args = [length, *(x for x, _ in parts)]
    return expression("concatenate", body, args, placeholder((capacity, sum(channels))))


def _is_one(extent: Index) -> bool:
    return isinstance(extent, int | tirx.IntImm) and int(extent) == 1

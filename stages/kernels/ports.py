"""Changes of layout where a stage begins and ends, and rows put side by side.

    port [1, c, t]  --to_time_major-->     rows [t, padded(c)]   --to_channel_major-->  port [1, c, t]
                                           rows [t, padded(c)]   --store_port-->        port [1, t, c]
    rows [t, *] and single rows [1, *]  --concatenate-->  rows [t, padded(sum of channels)]

A port has the graph's layout and exact zeros past its valid rows; rows are undefined there. These kernels never read
the rows past the valid ones, and write zeros into the padding channels of rows. They copy: every result is bit-exact.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr, Index, Simd, arg, blocks, call, kernel, let, load, padded, size, splat, store

_BLOCK = 64  # rows of a task


def to_time_major_kernel(channels: int, rows: Rows, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `to_time_major`.

    Arguments: length int64[1], x [1, channels, t], y [t, padded(channels)].
    """
    lanes, whole = simd.lanes, channels // simd.lanes * simd.lanes
    with kernel("to_time_major") as function:
        t = size("t")
        length = arg("length", (1,), "int64")
        x = arg("x", (1, channels, t))
        y = arg("y", (t, padded(channels)))
        valid = let(rows.of(length[0]))
        with T.parallel(blocks(valid, _BLOCK)) as task:
            first = let(task * _BLOCK)
            here = let(T.min(valid - first, _BLOCK))
            # channels outside, rows inside: the cache lines that one strided load touches serve the rows after it
            with T.serial(whole // lanes) as v, T.serial(here) as i:
                value = _pack([x[0, v * lanes + j, first + i] for j in range(lanes)])
                store(y, value, first + i, v * lanes, lanes=lanes)
            with T.serial(here) as i:
                for c in range(whole, channels):
                    T.buffer_store(y, x[0, c, first + i], [first + i, c])
                _fill_zeros(y, [first + i, channels], padded(channels) - channels, lanes)
    return function.get()


def to_channel_major_kernel(channels: int, rows: Rows, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `to_channel_major`.

    Arguments: length int64[1], x [t, padded(channels)], y [1, channels, t].
    """
    lanes = simd.lanes
    with kernel("to_channel_major") as function:
        t = size("t")
        length = arg("length", (1,), "int64")
        x = arg("x", (t, padded(channels)))
        y = arg("y", (1, channels, t))
        valid = let(rows.of(length[0]))
        whole = let(valid // lanes * lanes)
        with T.parallel(-(-channels // lanes)) as task:
            first = let(task * lanes)
            here = let(T.min(channels - first, lanes))
            with T.serial(whole // lanes) as v, T.serial(here) as i:
                value = _pack([x[v * lanes + j, first + i] for j in range(lanes)])
                store(y, value, 0, first + i, v * lanes, lanes=lanes)
            with T.serial(here) as i:
                with T.serial(valid - whole) as r:
                    T.buffer_store(y, x[whole + r, first + i], [0, first + i, whole + r])
                with T.serial(t - valid) as r:
                    T.buffer_store(y, tirx.const(0.0, "float32"), [0, first + i, valid + r])
    return function.get()


def store_port_kernel(channels: int, rows: Rows, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `store_port`.

    Arguments: length int64[1], x [t, padded(channels)], y [1, t, channels].
    """
    with kernel("store_port") as function:
        t = size("t")
        length = arg("length", (1,), "int64")
        x = arg("x", (t, padded(channels)))
        y = arg("y", (1, t, channels))
        valid = let(rows.of(length[0]))
        with T.parallel(blocks(valid, _BLOCK)) as task:
            first = let(task * _BLOCK)
            with T.serial(T.min(valid - first, _BLOCK)) as i:
                _copy(x, [first + i, 0], y, [0, first + i, 0], channels, simd.lanes)
        with T.serial(t - valid) as i:
            _fill_zeros(y, [0, valid + i, 0], channels, simd.lanes)
    return function.get()


def concatenate_kernel(
    channels: Sequence[int], widths: Sequence[int], single: Sequence[bool], rows: Rows, simd: Simd
) -> tirx.PrimFunc:
    """Build the loop nest of `concatenate`.

    widths: values of a row of each buffer, the first `channels` of which are copied.
    Arguments: length int64[1], every x_i [t, widths[i]], or [1, widths[i]] where `single`: the same row for all t; then
    y [t, padded(sum of channels)].
    """
    total = sum(channels)
    with kernel("concatenate") as function:
        t = size("t")
        length = arg("length", (1,), "int64")
        parts = [arg(f"x{i}", (1 if single[i] else t, width)) for i, width in enumerate(widths)]
        y = arg("y", (t, padded(total)))
        valid = let(rows.of(length[0]))
        with T.parallel(blocks(valid, _BLOCK)) as task:
            first = let(task * _BLOCK)
            with T.serial(T.min(valid - first, _BLOCK)) as i:
                row, column = let(first + i), 0
                for part, count, one in zip(parts, channels, single, strict=True):
                    _copy(part, [0 if one else row, 0], y, [row, column], count, simd.lanes)
                    column += count
                _fill_zeros(y, [row, total], padded(total) - total, simd.lanes)
    return function.get()


def _pack(values: Sequence[Expr]) -> Expr:
    """Make a vector of scalars. Only a buffer's last index may be a vector, so this is how one loads across rows."""
    return tirx.Shuffle(list(values), [tirx.const(i, "int32") for i in range(len(values))])


def _copy(x: tirx.Buffer, source: list[Index], y: tirx.Buffer, target: list[Index], count: int, lanes: int) -> None:
    """Copy `count` neighbours along the last axes, and not one more: the next value may belong to another task."""
    with T.serial(count // lanes) as v:
        value = load(x, *source[:-1], source[-1] + v * lanes, lanes=lanes)
        store(y, value, *target[:-1], target[-1] + v * lanes, lanes=lanes)
    for c in range(count // lanes * lanes, count):
        T.buffer_store(y, x[(*source[:-1], source[-1] + c)], [*target[:-1], target[-1] + c])


def _fill_zeros(y: tirx.Buffer, target: list[Index], count: int, lanes: int) -> None:
    with T.serial(count // lanes) as v:
        store(y, splat(0.0, lanes), *target[:-1], target[-1] + v * lanes, lanes=lanes)
    for c in range(count // lanes * lanes, count):
        T.buffer_store(y, tirx.const(0.0, "float32"), [*target[:-1], target[-1] + c])


def to_time_major(*, length: nn.Tensor, x: nn.Tensor, rows: Rows) -> nn.Tensor:
    """Transpose a port into rows.

    Computes:
        y[t, c] = x[0, c, t]
    Arguments:
        length: int64 [1], valid tokens or frames.
        x: float32 [1, channels, t], the port.
        rows: valid rows of x for a length.
    Returns:
        y float32 [t, padded(channels)]; zero in the padding channels, undefined past the valid rows.
    Needs:
        Nothing.
    Numerics:
        A copy: bit-exact.
    Variants:
        kernel: a task a block of rows; a vector is loaded from as many strided channels.
        operator: a tensor expression; 0 past the valid rows.
    Source:
        Decision 0003.
    """
    _, channels, t = x.shape
    function = to_time_major_kernel(int(channels), rows, Simd.of())
    out = nn.Tensor.placeholder((t, padded(int(channels))), "float32")
    return call(function, "to_time_major", [length, x], out=out)


def to_channel_major(*, length: nn.Tensor, x: nn.Tensor, channels: int, rows: Rows) -> nn.Tensor:
    """Transpose rows into a port.

    Computes:
        y[0, c, t] = x[t, c]          0 past the valid rows
    Arguments:
        length: int64 [1], valid tokens or frames.
        x: float32 [t, padded(channels)], the rows.
        channels: channels of x that the port has.
        rows: valid rows of x for a length.
    Returns:
        y float32 [1, channels, t], exact zeros past the valid rows.
    Needs:
        Nothing.
    Numerics:
        A copy: bit-exact.
    Variants:
        kernel: a task as many channels as the target has lanes.
        operator: a tensor expression.
    Source:
        Decision 0003.
    """
    function = to_channel_major_kernel(channels, rows, Simd.of())
    out = nn.Tensor.placeholder((1, channels, x.shape[0]), "float32")
    return call(function, "to_channel_major", [length, x], out=out)


def store_port(*, length: nn.Tensor, x: nn.Tensor, channels: int, rows: Rows) -> nn.Tensor:
    """Copy rows into a port of the same order of axes.

    Computes:
        y[0, t, c] = x[t, c]          0 past the valid rows
    Arguments:
        length: int64 [1], valid tokens or frames.
        x: float32 [t, padded(channels)], the rows.
        channels: channels of x that the port has.
        rows: valid rows of x for a length.
    Returns:
        y float32 [1, t, channels], exact zeros past the valid rows.
    Needs:
        Nothing.
    Numerics:
        A copy: bit-exact.
    Variants:
        kernel: a task a block of rows.
        operator: a tensor expression.
    Source:
        Decision 0003.
    """
    function = store_port_kernel(channels, rows, Simd.of())
    out = nn.Tensor.placeholder((1, x.shape[0], channels), "float32")
    return call(function, "store_port", [length, x], out=out)


def concatenate(
    *,
    length: nn.Tensor,
    parts: Sequence[tuple[nn.Tensor, int]],
    rows: Rows,
    capacity: Index,
) -> nn.Tensor:
    """Put the first channels of several buffers side by side.

    Computes:
        y[t, :] = the first n_i values of x_i[t, :] for each i, one after the other
    Arguments:
        length: int64 [1], valid tokens or frames.
        parts: pairs of a buffer x_i float32 [t, *] and its n_i channels; a buffer of one row, such as the style vector,
            is repeated for every row.
        rows: valid rows of y for a length.
        capacity: rows of y.
    Returns:
        y float32 [capacity, padded(sum of channels)]; zero in the padding channels, undefined past the valid rows.
    Needs:
        Buffers of one row or of `capacity` rows.
    Numerics:
        A copy: bit-exact.
    Variants:
        kernel: a task a block of rows.
        operator: a tensor expression; 0 past the valid rows.
    Source:
        Decision 0003.
    """
    single = [_is_one(x.shape[0]) for x, _ in parts]
    channels = [count for _, count in parts]
    widths = [int(x.shape[1]) for x, _ in parts]
    function = concatenate_kernel(channels, widths, single, rows, Simd.of())
    out = nn.Tensor.placeholder((capacity, padded(sum(channels))), "float32")
    return call(function, "concatenate", [length, *(x for x, _ in parts)], out=out)


def _is_one(extent: Index) -> bool:
    return isinstance(extent, (int, tirx.IntImm)) and int(extent) == 1

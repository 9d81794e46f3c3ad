"""Doubling of the frame rate in an up-sampling AdainResBlk1d.

The residual path has `depthwise_upsample`, the shortcut has `repeat_rows`. A task computes a few input rows.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.rows import Rows
from stages.kernels.simd import (
    Expr,
    Index,
    Simd,
    arg,
    blocks,
    call,
    kernel,
    let,
    load,
    padded,
    registers,
    size,
    splat,
    store,
    when,
)

_ROWS = 16  # input rows of a task


def depthwise_upsample_kernel(channels: int, rows: Rows, leaky: float, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `depthwise_upsample`.

    Arguments: length int64[1], x [n, w], weight [3, w], bias [w], norm [3, w], y [2n, w], where w = padded(channels).
    """
    lanes, width = simd.lanes, padded(channels)
    with kernel("depthwise_upsample") as function:
        n, m = size("n"), size("m")
        length = arg("length", (1,), "int64")
        x, weight, bias, norm = (
            arg("x", (n, width)),
            arg("weight", (3, width)),
            arg("bias", (width,)),
            arg("norm", (3, width)),
        )
        y = arg("y", (m, width))
        valid = let(rows.of(length[0]))
        with T.parallel(blocks(valid, _ROWS)) as block:
            first = let(block * _ROWS)
            with T.serial(T.min(valid - first, _ROWS)) as r, T.serial(width // lanes) as v:
                t, c = let(first + r), let(v * lanes)

                def activated(row: Expr) -> Expr:
                    mean, scale, shift = (load(norm, i, c, lanes=lanes) for i in range(3))
                    return vector_math.leaky_relu((load(x, row, c, lanes=lanes) - mean) * scale + shift, leaky, lanes)

                following = registers((lanes,))
                store(following, splat(0.0, lanes), 0, lanes=lanes)
                with when(t + 1 < valid):
                    store(following, activated(t + 1), 0, lanes=lanes)
                here, offset = activated(t), let(load(bias, c, lanes=lanes))
                before, middle, after = (load(weight, i, c, lanes=lanes) for i in range(3))
                store(y, here * middle + offset, t * 2, c, lanes=lanes)
                store(y, here * after + load(following, 0, lanes=lanes) * before + offset, t * 2 + 1, c, lanes=lanes)
    return function.get()


def repeat_rows_kernel(channels: int, rows: Rows, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `repeat_rows`.

    Arguments: length int64[1], x [n, padded(channels)], y [2n, padded(channels)].
    """
    lanes, width = simd.lanes, padded(channels)
    with kernel("repeat_rows") as function:
        n, m = size("n"), size("m")
        length = arg("length", (1,), "int64")
        x, y = arg("x", (n, width)), arg("y", (m, width))
        valid = let(rows.of(length[0]))
        with T.parallel(blocks(valid, _ROWS)) as block:
            first = let(block * _ROWS)
            with T.serial(T.min(valid - first, _ROWS)) as r, T.serial(width // lanes) as v:
                t, c = let(first + r), let(v * lanes)
                value = let(load(x, t, c, lanes=lanes))
                store(y, value, t * 2, c, lanes=lanes)
                store(y, value, t * 2 + 1, c, lanes=lanes)
    return function.get()


def depthwise_upsample(
    *,
    x: nn.Tensor,
    weight: nn.Tensor,
    bias: nn.Tensor,
    norm: nn.Tensor,
    length: nn.Tensor,
    channels: int,
    rows: Rows,
    capacity: Index,
    leaky: float,
) -> nn.Tensor:
    """Double the rate by a transposed convolution of each channel, behind AdaIN and leaky ReLU.

    Computes:
        y[2t, c] = w1[c] * p(x[t, c]) + b[c]
        y[2t + 1, c] = w2[c] * p(x[t, c]) + w0[c] * p(x[t + 1, c]) + b[c]

        p is AdaIN and leaky ReLU (`kernels.convolution`), and 0 past the valid rows.
    Arguments:
        x: float32 [rows(capacity), padded(channels)], the input.
        weight: float32 [3, padded(channels)], w0, w1, w2.
        bias: float32 [padded(channels)], b.
        norm: float32 [3, padded(channels)], mean, scale and shift of AdaIN (`adain`).
        length: int64 [1], valid tokens or frames.
        channels: channels of x.
        rows: rows of x for a length.
        capacity: tokens or frames that the buffers hold.
        leaky: slope of the leaky ReLU.
    Returns:
        y float32 [2 * rows(capacity), padded(channels)], undefined past the valid rows.
    Needs:
        Nothing.
    Numerics:
        Every output is one float32 sum in a fixed order.
    Variants:
        kernel: vectors of the target's lanes over channels; p is computed twice for each value.
        operator: p is a tensor expression of its own, and the sum another.
    Source:
        kokoro 0.9.4, istftnet.py, AdainResBlk1d.pool: ConvTranspose1d(groups=channels, kernel 3, stride 2, padding 1,
        output_padding 1).
    """
    out = nn.Tensor.placeholder((rows.of(capacity) * 2, padded(channels)), "float32")
    function = depthwise_upsample_kernel(channels, rows, leaky, Simd.of())
    return call(function, "depthwise_upsample", [length, x, weight, bias, norm], out=out)


def repeat_rows(*, x: nn.Tensor, length: nn.Tensor, channels: int, rows: Rows, capacity: Index) -> nn.Tensor:
    """Double the rate by repeating every row: nearest-neighbour up-sampling.

    Computes:
        y[2t, c] = y[2t + 1, c] = x[t, c]
    Arguments:
        x: float32 [rows(capacity), padded(channels)], the input.
        length: int64 [1], valid tokens or frames.
        channels: channels of x.
        rows: rows of x for a length.
        capacity: tokens or frames that the buffers hold.
    Returns:
        y float32 [2 * rows(capacity), padded(channels)], undefined past the valid rows.
    Needs:
        Nothing.
    Numerics:
        A copy: bit-exact.
    Variants:
        kernel: vectors of the target's lanes over channels.
        operator: a tensor expression.
    Source:
        kokoro 0.9.4, istftnet.py, UpSample1d.
    """
    out = nn.Tensor.placeholder((rows.of(capacity) * 2, padded(channels)), "float32")
    return call(repeat_rows_kernel(channels, rows, Simd.of()), "repeat_rows", [length, x], out=out)

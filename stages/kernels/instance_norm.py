"""Instance norm over the valid rows, in two steps around the convolutions.

`moments` reads a buffer and computes the statistics of its blocks; a convolution's epilogue computes the same for its
own output. `adain` combines the blocks and gives the scale and shift that a convolution's prologue applies.
"""

from __future__ import annotations

import functools

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.rows import Partials, Rows, block_moments
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
    number,
    padded,
    registers,
    size,
    splat,
    store,
)


@functools.cache
def moments_kernel(simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `moments`, for any number of channels and any rows.

    Arguments: length int64[1], x [n, w], scale and extra of the rows, partials [2, blocks, w], where w =
    padded(channels).
    """
    with kernel("moments") as function:
        n, b, width = size("n"), size("b"), size("w")
        length = arg("length", (1,), "int64")
        x = arg("x", (n, width))
        valid = let(length[0] * number("scale") + number("extra"))
        partials = arg("partials", (2, b, width))
        with T.parallel(blocks(valid, simd.block)) as block:
            first = let(block * simd.block)
            here = let(T.min(valid - first, simd.block))
            with T.serial(tirx.truncdiv(width, simd.lanes)) as v:
                block_moments(partials, x, first, here, let(v * simd.lanes), simd.block, simd.lanes)
    return function.get()


@functools.cache
def adain_kernel(eps: float, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `adain`, for any number of channels, any rows and blocks.

    Arguments: length int64[1], partials [2, blocks, w], style [1, 2 * w] (gamma, then beta), scale and extra of the
    rows, the rows of a block, norm [3, w], where w = padded(channels).
    """
    lanes = simd.lanes
    with kernel("adain") as function:
        b, width, both = size("b"), size("w"), size("both")
        length = arg("length", (1,), "int64")
        partials = arg("partials", (2, b, width))
        style = arg("style", (1, both))
        scale, extra, block_rows = (number(name) for name in ("scale", "extra", "block"))
        norm = arg("norm", (3, width))
        valid = let(length[0] * scale + extra)
        count = let(tirx.truncdiv(valid + (block_rows - 1), block_rows))
        inverse = let(tirx.const(1.0, "float32") / T.Cast("float32", valid))
        with T.serial(tirx.truncdiv(width, lanes)) as v:
            c = let(v * lanes)
            total = registers((lanes,))

            def rows_of(block: Expr) -> Expr:
                return splat(T.Cast("float32", T.min(valid - block * block_rows, block_rows)), lanes)

            store(total, splat(0.0, lanes), 0, lanes=lanes)
            with T.serial(count) as block:
                term = load(partials, 0, block, c, lanes=lanes) * rows_of(block)
                store(total, load(total, 0, lanes=lanes) + term, 0, lanes=lanes)
            mean = let(load(total, 0, lanes=lanes) * splat(inverse, lanes))
            store(total, splat(0.0, lanes), 0, lanes=lanes)
            with T.serial(count) as block:
                shift = let(load(partials, 0, block, c, lanes=lanes) - mean)
                term = load(partials, 1, block, c, lanes=lanes) + rows_of(block) * shift * shift
                store(total, load(total, 0, lanes=lanes) + term, 0, lanes=lanes)
            variance = let(load(total, 0, lanes=lanes) * splat(inverse, lanes))
            gain = splat(1.0, lanes) + load(style, 0, c, lanes=lanes)
            store(norm, mean, 0, c, lanes=lanes)
            store(norm, gain / T.sqrt(variance + splat(eps, lanes)), 1, c, lanes=lanes)
            store(norm, load(style, 0, c + width, lanes=lanes), 2, c, lanes=lanes)
    return function.get()


def moments(*, x: nn.Tensor, length: nn.Tensor, channels: int, rows: Rows, capacity: Index) -> Partials:
    """Compute the partial statistics of a buffer: of each block of rows, for each channel.

    Computes:
        partials[0, b, c] = mean of block b
        partials[1, b, c] = sum of squared deviations from it
    Arguments:
        x: float32 [rows(capacity), padded(channels)], the buffer.
        length: int64 [1], valid tokens or frames.
        channels: channels of x.
        rows: rows of x for a length.
        capacity: tokens or frames that the buffer holds.
    Returns:
        Partials: float32 [2, blocks, padded(channels)] and the rows of a block; undefined past the last valid block.
    Needs:
        Nothing.
    Numerics:
        Sums are float32, over the rows of a block in order. Deviations are taken from a mean that is already known, so
        no digits cancel, however long the signal is. Blocks have a fixed number of rows: the result depends on the
        valid length alone.
    Variants:
        kernel: a task a block, whose rows are `Simd.block`.
        operator: a thread a block and channel; blocks of 128 rows.
    Source:
        Chan, Golub & LeVeque 1983.
    """
    simd = Simd.of()
    out = nn.Tensor.placeholder((2, blocks(rows.of(capacity), simd.block), padded(channels)), "float32")
    args = [length, x, rows.scale, rows.extra]
    return Partials(call(moments_kernel(simd), "moments", args, out=out), simd.block)


def adain(
    *,
    partials: Partials,
    style: nn.Tensor,
    length: nn.Tensor,
    channels: int,
    rows: Rows,
    eps: float = 1e-5,
) -> nn.Tensor:
    """Compute the mean, scale and shift of each channel from its partial statistics and the style.

    Computes:
        mean = sum_b n_b * partials[0, b] / n                  n_b rows in block b, n in all
        m2 = sum_b ( partials[1, b] + n_b * (partials[0, b] - mean)^2 )
        norm = mean, (1 + gamma) / sqrt(m2 / n + eps), beta
    Arguments:
        partials: the partial statistics of the signal.
        style: float32 [1, 2 * padded(channels)], gamma, then beta, each padded.
        length: int64 [1], valid tokens or frames.
        channels: channels of the signal.
        rows: rows of the signal for a length.
        eps: added to the variance.
    Returns:
        norm float32 [3, padded(channels)]: mean, scale and shift, which a convolution's prologue applies.
    Needs:
        At least one valid row.
    Numerics:
        Sums are float32, over blocks in order: the result depends on the valid length and the block's rows alone.
    Variants:
        kernel: one task; vectors of the target's lanes over channels.
        operator: a thread a channel.
    Source:
        Combination of moments: Chan, Golub & LeVeque 1983. AdaIN: Huang & Belongie 2017; kokoro 0.9.4, istftnet.py,
        AdaIN1d.
    """
    out = nn.Tensor.placeholder((3, padded(channels)), "float32")
    args = [length, partials.data, style, rows.scale, rows.extra, partials.block]
    return call(adain_kernel(eps, Simd.of()), "adain", args, out=out)

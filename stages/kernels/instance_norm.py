"""Instance norm over the valid rows, in two steps around the convolutions.

`moments` reads a buffer and computes the statistics of its blocks; a convolution's epilogue computes the same for its
own output. `adain` combines the blocks and gives the scale and shift that a convolution's prologue applies.
"""

from __future__ import annotations

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
    padded,
    registers,
    size,
    splat,
    store,
)


def moments_kernel(channels: int, rows: Rows, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `moments`.

    Arguments: length int64[1], x [n, padded(channels)], partials [2, blocks, padded(channels)].
    """
    with kernel("moments") as function:
        n, b = size("n"), size("b")
        length = arg("length", (1,), "int64")
        x = arg("x", (n, padded(channels)))
        partials = arg("partials", (2, b, padded(channels)))
        valid = let(rows.of(length[0]))
        with T.parallel(blocks(valid, simd.block)) as block:
            first = let(block * simd.block)
            here = let(T.min(valid - first, simd.block))
            with T.serial(padded(channels) // simd.lanes) as v:
                block_moments(partials, x, first, here, let(v * simd.lanes), simd.block, simd.lanes)
    return function.get()


def adain_kernel(channels: int, rows: Rows, eps: float, block_rows: int, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `adain`; `block_rows` is the number of rows of a block.

    Arguments: length int64[1], partials [2, blocks, w], style [1, 2 * w] (gamma, then beta), norm [3, w], where
    w = padded(channels).
    """
    lanes, width = simd.lanes, padded(channels)
    with kernel("adain") as function:
        b = size("b")
        length = arg("length", (1,), "int64")
        partials = arg("partials", (2, b, width))
        style = arg("style", (1, 2 * width))
        norm = arg("norm", (3, width))
        valid = let(rows.of(length[0]))
        count = let(blocks(valid, block_rows))
        inverse = let(tirx.const(1.0, "float32") / T.Cast("float32", valid))
        with T.serial(width // lanes) as v:
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
    return Partials(call(moments_kernel(channels, rows, simd), "moments", [length, x], out=out), simd.block)


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
    return call(
        adain_kernel(channels, rows, eps, partials.block, Simd.of()), "adain", [length, partials.data, style], out=out
    )

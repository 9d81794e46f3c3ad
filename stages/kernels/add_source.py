"""Addition of the harmonic source to the generator's signal, with the statistics of the sum, in one pass over memory.

A task computes one block of rows.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.rows import Partials, Rows, block_moments
from stages.kernels.simd import Index, Simd, arg, blocks, call, kernel, let, load, padded, size, store


def add_source_kernel(channels: int, rows: Rows, reflect: int, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `add_source`; `reflect` is 1 or 0.

    Arguments: length int64[1], x [n, w], source [m, w], y [m, w], partials [2, blocks, w], where w = padded(channels).
    """
    lanes, width = simd.lanes, padded(channels)
    with kernel("add_source") as function:
        n, m, b = size("n"), size("m"), size("b")
        length = arg("length", (1,), "int64")
        x, source, y = arg("x", (n, width)), arg("source", (m, width)), arg("y", (m, width))
        partials = arg("partials", (2, b, width))
        valid = let(rows.of(length[0]))
        with T.parallel(blocks(valid, simd.block)) as block:
            first = let(block * simd.block)
            here = let(T.min(valid - first, simd.block))
            with T.serial(here) as r, T.serial(width // lanes) as v:
                t, c = let(first + r), let(v * lanes)
                mirrored = let(T.max(t - reflect, reflect - t))
                store(y, load(x, mirrored, c, lanes=lanes) + load(source, t, c, lanes=lanes), t, c, lanes=lanes)
            with T.serial(width // lanes) as v:
                block_moments(partials, y, first, here, let(v * lanes), simd.block, lanes)
    return function.get()


def add_source(
    *,
    x: nn.Tensor,
    source: nn.Tensor,
    length: nn.Tensor,
    channels: int,
    rows: Rows,
    capacity: Index,
    reflect: bool,
) -> tuple[nn.Tensor, Partials]:
    """Add the harmonic source's features to the generator's signal.

    Computes:
        y[t, c] = x[t, c] + source[t, c]
        y[t, c] = x[|t - 1|, c] + source[t, c]        with `reflect`: x is reflected by one row on its left
    Arguments:
        x: float32 [n, padded(channels)], the signal; with `reflect` it has one valid row less than `source`.
        source: float32 [rows(capacity), padded(channels)], the features of the harmonic source.
        length: int64 [1], valid frames.
        channels: channels of x, source and y.
        rows: rows of source and y for a length.
        capacity: frames that the buffers hold.
        reflect: whether x is reflected, as in the last up-sampling.
    Returns:
        y float32 [rows(capacity), padded(channels)], undefined past the valid rows, and its partial statistics.
    Needs:
        With `reflect` at least two valid rows of x.
    Numerics:
        One float32 addition a value, which is bit-exact; the statistics are those of `moments`.
    Variants:
        kernel: vectors of the target's lanes; the statistics are made in the same pass.
        operator: a tensor expression; the statistics are None, and `moments` computes them.
    Source:
        kokoro 0.9.4, istftnet.py, Generator.forward.
    """
    simd = Simd.of()
    total = rows.of(capacity)
    out = [
        nn.Tensor.placeholder((total, padded(channels)), "float32"),
        nn.Tensor.placeholder((2, blocks(total, simd.block), padded(channels)), "float32"),
    ]
    function = add_source_kernel(channels, rows, int(reflect), simd)
    y, partials = call(function, "add_source", [length, x, source], out=out)
    return y, Partials(partials, simd.block)

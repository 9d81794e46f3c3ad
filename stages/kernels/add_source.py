"""The harmonic source joins the generator's signal; one pass, with the partial statistics of the norms that follow.

    y[t] = x[t] + source[t]                  or, with `reflect` = 1 (the last stage),
    y[t] = x[|t - 1|] + source[t]            the signal reflection-padded by one row on its left

Partial statistics as in instance_norm.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.rows import Partials, Rows, block_moments
from stages.kernels.simd import Index, Simd, arg, blocks, call, kernel, let, load, padded, size, store


def add_source_kernel(channels: int, rows: Rows, reflect: int, simd: Simd) -> tirx.PrimFunc:
    """length int64[1], x [n, w], source [m, w] -> y [m, w], partials [2, blocks, w]; `rows` are those of source and
    y."""
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
    """y [rows(capacity), padded(channels)] and its partial statistics."""
    simd = Simd.of()
    total = rows.of(capacity)
    out = [
        nn.Tensor.placeholder((total, padded(channels)), "float32"),
        nn.Tensor.placeholder((2, blocks(total, simd.block), padded(channels)), "float32"),
    ]
    function = add_source_kernel(channels, rows, int(reflect), simd)
    y, partials = call(function, "add_source", [length, x, source], out=out)
    return y, Partials(partials, simd.block)

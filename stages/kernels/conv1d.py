"""Convolution over time, and with one tap the matrix product: one pass over memory.

    y[t, o] = gain * (bias[o] + sum_{k, i} p(x[t * stride - padding + k * dilation, i]) w[o, i, k] + residuals[t, o])

`p` is applied while a block of rows is copied into cache-resident scratch, and is 0 past the valid rows; a product
without `p` reads its input where it lies:

    norm    (x - mean[i]) * scale[i] + shift[i]     (AdaIN; `norm` is [3, padded(inputs)])
    leaky   max(x, slope * x)
    snake   x + sin^2(alpha[i] * x) / alpha[i]      (`alpha` is [2, padded(inputs)]: alpha and its inverse)

In the epilogue come bias, up to two residuals, `gain`, GELU, and the partial statistics of the next instance norm.

With `phases` = s > 1 it is a transposed convolution of stride s: row q of a convolution over the input gives the
output rows q * s + phase - shift, one block of padded(outputs) columns a phase.

The register tile is tile_rows x VECS accumulators over [taps, inputs]; weights are packed [column panel, tap, input,
panel], so the inner loop streams them. Tasks are blocks of rows times groups of column panels. Sums run over taps,
then inputs, in float32: the same order for every row.

Source: the register tile is that of BLIS (Van Zee & van de Geijn 2015) with time as rows; a dilated tap is just
another row.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.convolution import (
    Conv,
    ConvBuffers,
    ConvTensors,
    call_convolution,
    declare_buffers,
    epilogue,
    prologue,
)
from stages.kernels.register_tile import Float32, Products
from stages.kernels.rows import Partials, Rows, block_moments
from stages.kernels.simd import VECS, Expr, Index, Simd, blocks, kernel, let, load, padded, splat, store, when


def conv1d_kernel(
    conv: Conv, rows_in: Rows, rows_out: Rows, simd: Simd, products: Products | None = None
) -> tirx.PrimFunc:
    """Loop nest of `conv`, its products in float32 if not told otherwise.

    Arguments: length int64[1], x [n, padded(inputs)], weight [columns / panel, taps, inputs, panel], bias [columns],
    then norm, alpha and the residuals as `conv` says, y [m, padded(outputs)], and with statistics partials [2, blocks,
    padded(outputs)] (mean and sum of squared deviations of each block of `products.block` rows).
    """
    products = products or Float32(simd)
    lanes, block, panel, tile_rows = simd.lanes, products.block, simd.panel, products.tile_rows
    width = padded(conv.outputs)
    groups = conv.groups(rows_in, simd)
    panels = conv.columns // panel // groups
    reach = (conv.taps - 1) * conv.dilation + 1  # input rows that an output row sees
    half, in_place = tile_rows // 2, products.reads_in_place(conv)
    with kernel("conv1d") as function:
        buffers = declare_buffers(conv, *products.weights(conv, panel))
        valid_in, valid_out = let(rows_in.of(buffers.length[0])), let(rows_out.of(buffers.length[0]))
        # a transposed convolution runs over input positions, one more than there are inputs
        positions = let(valid_in + (conv.taps - 1)) if conv.phases > 1 else valid_out
        count = let(blocks(positions, block))
        with T.parallel(count * groups) as task:
            group, first = let(tirx.truncdiv(task, count)), let(tirx.truncmod(task, count) * block)
            here = let(T.min(positions - first, block))
            whole = let(tirx.truncdiv(here, tile_rows))
            tiled = let(whole * tile_rows)
            halves = let(blocks(here - tiled, half))
            scratch = products.allocate_scratch(conv, tile_rows if in_place else (block - 1) * conv.stride + reach)
            finished = T.alloc_buffer((tile_rows, panel))
            if in_place:
                _fill(conv, buffers, products, scratch, let(first + tiled), let(halves * half), valid_in, lanes)
            else:
                used = let((tiled + halves * half - 1) * conv.stride + reach)
                _fill(conv, buffers, products, scratch, first, used, valid_in, lanes)

            def tile(column: Expr, row: Expr, height: int, source: tirx.Buffer, at: Expr) -> None:
                """`height` rows of one column panel, from `at` of `source` on: sum, then finish row by row."""
                products.multiply(conv, buffers, source, column, at, height, finished)
                if conv.phases == 1:
                    base, out_column = let(first + row), let(column * panel)
                else:
                    phase = let(tirx.truncdiv(column * panel, width))
                    base, out_column = (
                        let((first + row) * conv.phases + phase - conv.shift),
                        let(tirx.truncmod(column * panel, width)),
                    )
                with T.serial(height) as i:
                    out = let(base + i * conv.phases)
                    with when(tirx.all(out >= 0, out < valid_out)), T.serial(VECS) as j:
                        place = let(out_column + j * lanes)
                        value = let(load(finished, i, j * lanes, lanes=lanes))
                        value = epilogue(conv, value, buffers.residuals, out, place, lanes)
                        store(buffers.y, value, out, place, lanes=lanes)

            with T.serial(panels) as p:
                column = let(group * panels + p)
                with T.serial(whole) as t:
                    row = let(t * tile_rows)
                    tile(column, row, tile_rows, *((buffers.x, let(first + row)) if in_place else (scratch, row)))
                with T.serial(halves) as t:
                    row, at = let(tiled + t * half), let(t * half)
                    tile(column, row, half, scratch, at if in_place else row)
                if buffers.partials is not None:
                    for j in range(VECS):
                        block_moments(
                            buffers.partials, buffers.y, first, here, column * panel + j * lanes, block, lanes
                        )
    return function.get()


def _fill(
    conv: Conv,
    buffers: ConvBuffers,
    products: Products,
    scratch: tirx.Buffer,
    first: Expr,
    used: Expr,
    valid: Expr,
    lanes: int,
) -> None:
    """Copy the rows that a block reads into scratch, the prologue applied; zeros outside the valid rows."""
    with T.serial(used) as r:
        source = let(first * conv.stride + r - conv.padding)

        def value(c: Index) -> Expr:
            return prologue(conv, let(load(buffers.x, source, c, lanes=lanes)), buffers.norm, buffers.alpha, c, lanes)

        with T.If(tirx.all(source >= 0, source < valid)):
            with T.Then():
                products.fill_row(conv, scratch, r, value)
            with T.Else():
                products.fill_row(conv, scratch, r, lambda _: splat(0.0, lanes))


def conv1d(
    *, conv: Conv, tensors: ConvTensors, rows_in: Rows, rows_out: Rows, capacity: Index
) -> tuple[nn.Tensor, Partials | None]:
    """y [rows_out(capacity), padded(outputs)], and its partial statistics where `conv.statistics`."""
    simd = Simd.of()
    function = conv1d_kernel(conv, rows_in, rows_out, simd)
    return call_convolution(function, "conv1d", conv, tensors, rows_out.of(capacity), simd.block)

"""Convolution over time, and with one tap the matrix product: one pass over memory.

A task is a block of rows times a group of column panels. It copies the rows that it reads into cache-resident scratch,
the prologue applied, and multiplies them register tile by register tile; a product without a prologue reads its input
where it lies. In the epilogue come residuals, `gain`, GELU, and the partial statistics of the next instance norm.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.convolution import (
    NUMBERS,
    Conv,
    ConvBuffers,
    ConvTensors,
    EpilogueNumbers,
    call_convolution,
    declare_buffers,
    epilogue,
    prologue,
)
from stages.kernels.register_tile import Float32, Products
from stages.kernels.rows import Partials, Rows, block_moments
from stages.kernels.simd import VECS, Expr, Index, Simd, blocks, kernel, let, load, opaque, padded, splat, store, when


def conv1d_kernel(
    conv: Conv, rows_in: Rows, rows_out: Rows, simd: Simd, products: Products | None = None
) -> tirx.PrimFunc:
    """Build the loop nest of `conv1d`; `products` says how products are summed, by default in float32.

    Arguments: length int64[1], x [n, padded(inputs)], weight [columns / panel, taps, inputs, panel], bias [columns],
    then norm, alpha and the residuals as `conv` says, y [m, padded(outputs)], and with statistics partials [2, blocks,
    padded(outputs)], whose blocks have `products.block` rows. A shared kernel is that of `Conv.share`, and the numbers
    come before y.
    """
    return _kernel(conv.share() if conv.shared else conv, rows_in, rows_out, simd, products or Float32(simd))


@functools.cache
def _kernel(conv: Conv, rows_in: Rows, rows_out: Rows, simd: Simd, products: Products) -> tirx.PrimFunc:
    lanes, block, panel, tile_rows = simd.lanes, products.block, simd.panel, products.tile_rows
    width = padded(conv.outputs)
    groups = conv.groups(rows_in, simd)
    panels = conv.columns // panel // groups
    half, in_place, given = tile_rows // 2, products.reads_in_place(conv), None
    with kernel("conv1d") as function:
        buffers = declare_buffers(conv, *products.weights(conv, panel), numbers=NUMBERS if conv.shared else ())
        if conv.shared:
            dilation, given = buffers.numbers["dilation"], EpilogueNumbers.read(buffers, lanes)
            conv = replace(conv, dilation=dilation, padding=let(dilation * (conv.taps - 1) // 2))
        seen = (conv.taps - 1) * conv.dilation + 1  # input rows that an output row sees
        reach = seen if isinstance(seen, int) else opaque(seen)
        valid_in, valid_out = let(rows_in.of(buffers.length[0])), let(rows_out.of(buffers.length[0]))
        # a transposed convolution runs over input positions, taps - 1 more than there are inputs
        positions = let(valid_in + (conv.taps - 1)) if conv.phases > 1 else valid_out
        count = let(blocks(positions, block))
        with T.parallel(count * groups) as task:
            group, first = let(tirx.truncdiv(task, count)), let(tirx.truncmod(task, count) * block)
            here = opaque(T.min(positions - first, block))
            whole = let(tirx.truncdiv(here, tile_rows))
            tiled = let(whole * tile_rows)
            halves = let(blocks(here - tiled, half))
            scratch = products.allocate_scratch(conv, tile_rows if in_place else (block - 1) * conv.stride + reach)
            finished = T.alloc_buffer((tile_rows, panel))
            if in_place:
                _fill_scratch(conv, buffers, products, scratch, let(first + tiled), let(halves * half), valid_in, lanes)
            else:
                used = let((tiled + halves * half - 1) * conv.stride + reach)
                _fill_scratch(conv, buffers, products, scratch, first, used, valid_in, lanes)

            def tile(column: Expr, row: Expr, height: int, source: tirx.Buffer, at: Expr) -> None:
                """Sum `height` rows of one column panel, from `at` of `source` on, then finish them row by row."""
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
                        value = epilogue(conv, value, buffers.residuals, out, place, lanes, given)
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
                    with when(given.statistics > 0) if given else contextlib.nullcontext():
                        for j in range(VECS):
                            block_moments(
                                buffers.partials, buffers.y, first, here, column * panel + j * lanes, block, lanes
                            )
    return function.get()


def _fill_scratch(
    conv: Conv,
    buffers: ConvBuffers,
    products: Products,
    scratch: tirx.Buffer,
    first: Expr,
    used: Expr,
    valid: Expr,
    lanes: int,
) -> None:
    """Copy the rows that a block reads into scratch, the prologue applied; rows outside the valid ones become zeros."""
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
    """Compute a convolution over time, or with one tap a matrix product.

    Computes:
        s[t, o] = sum_{k, i} p(x[t * stride - padding + k * dilation, i]) * w[o, i, k]
        y[t, o] = gain * (bias[o] + s[t, o] + residuals[t, o])

        p is the prologue (`kernels.convolution`), and 0 past the valid rows; with `gelu` GELU of y comes last.
        With `phases` = s > 1 this is a transposed convolution of stride s: row q of a convolution over the input gives
        the output rows q * s + phase - shift, one block of padded(outputs) columns a phase.
    Arguments:
        conv: sizes, prologue and epilogue of the convolution.
        tensors: length int64 [1], x float32 [rows_in(capacity), padded(inputs)], weight float32 [columns / panel, taps,
            inputs, panel], bias float32 [columns], and norm, alpha and residuals where `conv` has them.
        rows_in: rows of x for a length.
        rows_out: rows of y and of each residual for a length.
        capacity: tokens or frames that the buffers hold.
    Returns:
        y float32 [rows_out(capacity), padded(outputs)], undefined past the valid rows, and where `conv.statistics` its
        partial statistics, else None.
    Needs:
        Weights in the layout of the target's panels (`layers.packing.pack_columns`), 0 in the padding columns.
    Numerics:
        Sums begin with the bias and run over taps, then inputs, in float32: the same order for every row. Last bits
        depend on whether the target has fused multiply-adds.
    Variants:
        kernel: register tiles of the target's lanes; `bf16_conv1d` and `winograd_conv1d` are kernels of their own.
        operator: an implicit matrix product behind a pass for the prologue; without statistics, which `moments`
            computes.
    Source:
        torch.nn.Conv1d, torch.nn.ConvTranspose1d, torch.nn.Linear. Snake: Ziyin et al. 2020.
    """
    simd = Simd.of()
    function = conv1d_kernel(conv, rows_in, rows_out, simd)
    return call_convolution(function, "conv1d", conv, tensors, rows_out.of(capacity), simd.block)

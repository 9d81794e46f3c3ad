"""Convolution of stride 1 by Winograd's minimal filtering: fewer products than taps, the rest as in conv1d.

F(m, r) computes m neighbouring outputs of an r-tap filter from n = m + r - 1 products an input and output channel, not
from m r.

A longer filter is cut into chunks of r taps, whose products are summed before A^T. A dilated filter works on each of
its `dilation` interleaved sub-sequences. The weights G w are made at build (`WinogradConv1d.pack`). A task makes the
rows B^T x strip by strip, a strip being one vector of channels in cache; then each of the n positions is a matrix
product with the register tile of conv1d, and A^T comes with the epilogue. B^T and A^T are applied by their even and odd
halves: rows of the points a and -a share them.

One kernel serves all convolutions of a residual block: calls tell it the dilation and the epilogue.

A block is `tiles` * m rows, and the norm's partial statistics run over blocks of that size (`Winograd.block`). Decision
0007 has errors and speeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.candidates import Filtering
from stages.kernels.convolution import (
    NUMBERS,
    Conv,
    ConvTensors,
    EpilogueNumbers,
    call_convolution,
    declare_buffers,
    epilogue,
    prologue,
)
from stages.kernels.rows import Partials, Rows, block_moments
from stages.kernels.simd import (
    VECS,
    Expr,
    Index,
    Simd,
    kernel,
    let,
    load,
    opaque,
    registers,
    splat,
    store,
    when,
)
from stages.kernels.toom_cook import Matrix, matrices

TILES = 28  # tiles of a block, about: its transformed rows and the weights then share the second-level cache
_TILES_NUMBER = "tiles"


@dataclass(frozen=True)
class Winograd:
    """F(m, r) for a filter of up to `chunks` * r taps, dilated. tiles: tiles of a block, over all sub-sequences."""

    m: int
    r: int
    chunks: int
    dilation: int
    tiles: int

    @property
    def n(self) -> int:
        return self.m + self.r - 1

    @property
    def block(self) -> int:
        """Rows of a block."""
        return self.tiles * self.m

    def weights(self, columns: int, inputs: int, panel: int) -> tuple[int, ...]:
        """Return the shape of the packed weights G w."""
        return columns // panel, self.chunks, self.n, inputs, panel

    @staticmethod
    def of(filtering: Filtering, taps: int, dilation: int, simd: Simd, tiles: int = TILES) -> Winograd:
        """Return `filtering` for a filter of `taps`, with enough chunks, and whole register tiles in each block.

        tiles: those of a block, about; the nearest number that suits the dilation is taken.
        """
        m, r = filtering
        unit = math.lcm(dilation, simd.tile_rows)
        return Winograd(m, r, -(-taps // r), dilation, unit * max(1, round(tiles / unit)))


def winograd_numbers(conv: Conv, winograd: Winograd) -> dict[str, int]:
    """Return the numbers that a call gives the kernel, in the order of its arguments."""
    return {_TILES_NUMBER: winograd.tiles, **conv.numbers}


def winograd_kernel(conv: Conv, winograd: Winograd, rows: Rows, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `winograd_conv1d`; it is the same whatever `winograd_numbers` gives.

    Arguments: length int64[1], x [n, padded(inputs)], weight [columns / panel, chunks, n, inputs, panel], bias
    [columns], norm and alpha as `conv` says, the residuals of `Conv.share`, the numbers, y [m, padded(outputs)] and
    partials [2, blocks, padded(outputs)], whose blocks have `Winograd.block` rows.
    """
    same_tiles = simd.lanes < 16
    known = replace(winograd, dilation=1, tiles=winograd.tiles if same_tiles else 0)
    return _shared_kernel(conv.share(), known, rows, simd, same_tiles=same_tiles)


@cache
def _shared_kernel(conv: Conv, winograd: Winograd, rows: Rows, simd: Simd, *, same_tiles: bool) -> tirx.PrimFunc:
    """Build the kernel; `same_tiles` says that a block has the same number of tiles for every dilation in use.

    A register tile of 6 rows fits all of them, one of 14 rows does not. Constant numbers save 1 % of the time to run.
    """
    lanes, panel, m, n = simd.lanes, simd.panel, winograd.m, winograd.n
    groups = conv.groups(rows, simd)
    panels = conv.columns // panel // groups
    vectors = -(-conv.inputs // lanes)
    with kernel("winograd_conv1d") as function:
        shape = winograd.weights(conv.columns, conv.inputs, panel)
        buffers = declare_buffers(conv, shape, numbers=(_TILES_NUMBER, *NUMBERS))
        dilation, given = buffers.numbers["dilation"], EpilogueNumbers.read(buffers, lanes)
        most_tiles, bind = (winograd.tiles, let) if same_tiles else (buffers.numbers[_TILES_NUMBER], opaque)
        padding, block = (
            let(dilation * ((conv.taps - 1) // 2)),
            winograd.block if same_tiles else opaque(most_tiles * m),
        )
        reach = bind(block + (winograd.chunks * winograd.r - 1) * dilation)  # rows of input that a block sees
        valid = let(rows.of(buffers.length[0]))
        count = let(tirx.truncdiv(valid + (block - 1), block))
        with T.parallel(count * groups) as task:
            group, first = let(tirx.truncdiv(task, count)), bind(tirx.truncmod(task, count) * block)
            here = bind(T.min(valid - first, block))
            # tiles cover m rows of each sub-sequence, i.e. m * dilation neighbouring rows together
            rounds = opaque(tirx.truncdiv(here + (m * dilation - 1), m * dilation))
            tiles = let(rounds * dilation)
            transformed = T.alloc_buffer((vectors, winograd.chunks, n, most_tiles, lanes))
            products = T.alloc_buffer((n, most_tiles, panel))
            strip = T.alloc_buffer((reach, lanes))
            with T.serial(vectors) as v:
                c = let(v * lanes)
                with T.serial(let(T.min(tiles * m + (reach - block), reach))) as t:
                    source = let(first + t - padding)
                    with T.If(tirx.all(source >= 0, source < valid)):
                        with T.Then():
                            value = let(load(buffers.x, source, c, lanes=lanes))
                            store(
                                strip, prologue(conv, value, buffers.norm, buffers.alpha, c, lanes), t, 0, lanes=lanes
                            )
                        with T.Else():
                            store(strip, splat(0.0, lanes), t, 0, lanes=lanes)
                _transform_input(winograd, dilation, strip, transformed, rounds, v, lanes)
            with T.serial(panels) as p:
                column = let(group * panels + p)
                _multiply(winograd, conv, transformed, buffers.weight, products, column, tiles, simd)
                with T.serial(rounds) as tile_round, T.serial(dilation) as phase, T.serial(VECS) as j:
                    place = let(column * panel + j * lanes)
                    base = let(first + tile_round * (m * dilation) + phase)
                    bias = let(load(buffers.bias, place, lanes=lanes))
                    tile = let(tile_round * dilation + phase)
                    outputs = _transform_output(winograd, products, tile, j * lanes, bias, lanes)
                    for i, value in enumerate(outputs):
                        out = let(base + i * dilation)
                        with when(out < valid):
                            total = epilogue(conv, value, buffers.residuals, out, place, lanes, given)
                            store(buffers.y, total, out, place, lanes=lanes)
                with when(given.statistics > 0):
                    for j in range(VECS):
                        block_moments(
                            buffers.partials, buffers.y, first, here, column * panel + j * lanes, block, lanes
                        )
    return function.get()


def _transform_input(
    winograd: Winograd,
    dilation: Expr,
    strip: tirx.Buffer,
    transformed: tirx.Buffer,
    rounds: Expr,
    v: Expr,
    lanes: int,
) -> None:
    """Compute transformed[v, chunk, :, tile]: B^T applied to the rows that the tile sees in that chunk.

    There are `rounds` tiles of each sub-sequence.
    """
    _, _, bt = matrices(winograd.m, winograd.r)
    with T.serial(winograd.chunks) as chunk, T.serial(rounds) as tile_round, T.serial(dilation) as phase:
        start = let(tile_round * (winograd.m * dilation) + phase + chunk * (winograd.r * dilation))
        tile = let(tile_round * dilation + phase)
        rows = [let(load(strip, start + q * dilation, 0, lanes=lanes)) for q in range(winograd.n)]
        for p, value in enumerate(_by_halves(bt, rows, lanes)):
            store(transformed, value, v, chunk, p, tile, 0, lanes=lanes)


def _by_halves(matrix: Matrix, values: Sequence[Expr], lanes: int) -> list[Expr]:
    """Multiply a matrix by values.

    Neighbouring rows that differ in the sign of odd entries share their even and odd sums.
    """
    results: list[Expr] = []
    i = 0
    while i < len(matrix):
        mirrored = [(-1) ** j * v for j, v in enumerate(matrix[i])]
        following = matrix[i + 1] if i + 1 < len(matrix) else None
        sign = next((s for s in (1.0, -1.0) if following == [s * v for v in mirrored]), None)
        if sign is None or not any(matrix[i][1::2]):
            results.append(let(_combine(matrix[i], values, lanes)))
            i += 1
            continue
        even = let(_combine([v if j % 2 == 0 else 0.0 for j, v in enumerate(matrix[i])], values, lanes))
        odd = let(_combine([v if j % 2 else 0.0 for j, v in enumerate(matrix[i])], values, lanes))
        results += [let(even + odd), let(even - odd) if sign == 1.0 else let(odd - even)]
        i += 2
    return results


def _combine(coefficients: Sequence[float], values: Sequence[Expr], lanes: int) -> Expr:
    terms = [
        value if c == 1.0 else value * splat(c, lanes)
        for c, value in zip(coefficients, values, strict=True)
        if c != 0.0
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _multiply(
    winograd: Winograd,
    conv: Conv,
    transformed: tirx.Buffer,
    weight: tirx.Buffer,
    products: tirx.Buffer,
    column: Expr,
    tiles: Expr,
    simd: Simd,
) -> None:
    """Compute products[p, tile, :] for all positions and tiles of one column panel.

    It is the sum over chunks and inputs i of transformed[i / lanes, chunk, p, tile, i % lanes] * weight[column, chunk,
    p, i, :].
    """
    height, half = simd.tile_rows, simd.tile_rows // 2
    whole = let(tirx.truncdiv(tiles, height))
    rest = let(tiles - whole * height)

    def tile(p: Expr, row: Expr, rows: int) -> None:
        lanes = simd.lanes
        sums = registers((rows * VECS * lanes,))
        for i in range(rows * VECS):
            store(sums, splat(0.0, lanes), i * lanes, lanes=lanes)
        with T.serial(winograd.chunks) as chunk, T.serial(-(-conv.inputs // lanes)) as v:
            partial = conv.inputs % lanes != 0
            there = let(T.min(conv.inputs - v * lanes, tirx.const(lanes, "int64"))) if partial else lanes
            with T.serial(there) as lane:
                weights = [
                    let(load(weight, column, chunk, p, v * lanes + lane, j * lanes, lanes=lanes)) for j in range(VECS)
                ]
                for i in range(rows):
                    value = let(splat(transformed[v, chunk, p, row + i, lane], lanes))
                    for j in range(VECS):
                        at = (i * VECS + j) * lanes
                        store(sums, load(sums, at, lanes=lanes) + value * weights[j], at, lanes=lanes)
        for i in range(rows):
            for j in range(VECS):
                store(products, load(sums, (i * VECS + j) * lanes, lanes=lanes), p, row + i, j * lanes, lanes=lanes)

    with T.serial(winograd.n) as p:
        with T.serial(let(whole + T.Select(rest > half, tirx.const(1, "int64"), tirx.const(0, "int64")))) as t:
            tile(p, let(t * height), height)
        with when(tirx.all(rest > 0, rest <= half)):
            tile(p, let(whole * height), half)


def _transform_output(
    winograd: Winograd, products: tirx.Buffer, tile: Expr, column: Expr, bias: Expr, lanes: int
) -> list[Expr]:
    """Compute the m output rows of a tile: bias + A^T times its products.

    The points but 0 and infinity come in pairs a, -a.
    """
    at, _, _ = matrices(winograd.m, winograd.r)
    found = [let(load(products, p, tile, column, lanes=lanes)) for p in range(winograd.n)]
    pairs = range(1, winograd.n - 1, 2)
    sums = {p: let(found[p] + found[p + 1]) for p in pairs}
    differences = {p: let(found[p] - found[p + 1]) for p in pairs}
    outputs = []
    for i in range(winograd.m):
        halves = sums if i % 2 == 0 else differences
        ends = [(at[i][0], found[0]), (at[i][-1], found[-1])]
        terms = [*ends, *((at[i][p], halves[p]) for p in pairs)]
        coefficients, values = zip(*terms, strict=True)
        outputs.append(let(bias + _combine(coefficients, values, lanes)))
    return outputs


def winograd_conv1d(
    *, conv: Conv, winograd: Winograd, tensors: ConvTensors, rows: Rows, capacity: Index
) -> tuple[nn.Tensor, Partials | None]:
    """Compute a convolution of stride 1 as `conv1d` does, by minimal filtering.

    Computes:
        y = A^T [ sum_i (G w_i) * (B^T x_i) ]           x_i: n neighbouring rows of input channel i,  y: m rows

        This is the formula of `conv1d` without phases, with other rounding; prologue and epilogue are the same.
    Arguments:
        conv: sizes, prologue and epilogue of the convolution; stride 1 and "same" padding.
        winograd: the filtering, its chunks and its tiles.
        tensors: those of `conv1d`, but weight is float32 [columns / panel, chunks, n, inputs, panel].
        rows: rows of x, y and each residual for a length.
        capacity: tokens or frames that the buffers hold.
    Returns:
        y float32 [rows(capacity), padded(outputs)] and its partial statistics, as `conv1d`; their blocks have
        `winograd.block` rows.
    Needs:
        Weights packed by `transformed_weight`; at most two residuals.
    Numerics:
        All in float32. With n = 8 and points 0, +-1, +-2, +-1/2, infinity the error stays near that of the direct sum;
        +-4/3 besides, for n = 10, cost half a digit, and more points lose digits fast. The order of sums depends on the
        valid length alone.
    Variants:
        kernel: register tiles of the target's lanes.
        operator: none.
    Source:
        Winograd 1980; Lavin & Gray 2016; Toom-Cook construction by Vandermonde matrices.
    """
    function = winograd_kernel(conv, winograd, rows, Simd.of())
    numbers = winograd_numbers(conv, winograd)
    return call_convolution(function, "winograd_conv1d", conv, tensors, rows.of(capacity), winograd.block, numbers)


def transformed_weight(folded: NDArray[Any], winograd: Winograd, panel: int) -> NDArray[np.float32]:
    """Compute G w, as the kernel reads it, of a filter [padded(outputs), inputs, taps]; sums are float64."""
    columns, inputs, taps = folded.shape
    _, g, _ = matrices(winograd.m, winograd.r)
    packed = np.empty(winograd.weights(columns, inputs, panel), np.float32)
    filters = np.zeros((panel, inputs, winograd.chunks, winograd.r))
    for at, part in enumerate(np.split(folded, columns // panel)):  # a panel at a time stays in the cache
        filters.reshape(panel, inputs, -1)[:, :, :taps] = part
        packed[at] = np.einsum("nk,oihk->hnio", np.array(g), filters)
    return packed

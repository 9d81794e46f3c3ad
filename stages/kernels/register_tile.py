"""The register tile of a convolution: sums of products of a few rows by one panel of columns.

The tile is tile_rows x VECS accumulators over [taps, inputs]; weights are packed [column panel, tap, input, panel], so
that the inner loop streams them.

Source: the register tile is that of BLIS (Van Zee & van de Geijn 2015) with time as rows; a dilated tap is just
another row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tvm import tirx
from tvm.tirx.script import builder as T

from stages.kernels.convolution import Conv, ConvBuffers
from stages.kernels.simd import VECS, Expr, Index, Simd, let, load, padded, registers, splat, store

_LINE = 16  # elements of a cache line
_ALIASING = 1024  # inputs, or a multiple: all rows of the input then lie in one set of a first-level cache


def pitch_of(elements: int) -> int:
    """Return how many elements lie from one row of scratch to the next: an odd number of cache lines.

    A register tile reads a line of each of its rows at once, and these should lie in different sets of the first-level
    cache: with all in one, a product of 1024 inputs loses a fifth of its speed on Zen 4. Scratch has one axis: of two,
    TVM would drop the columns that nobody reads.
    """
    lines = -(-elements // _LINE)
    return (lines | 1) * _LINE


class Products(Protocol):
    """A way to sum the products of a register tile: `Float32` below, or one of `kernels.bfloat16`.

    tile_rows: rows of the tile; the rest of a block is done in tiles of half of them. block: rows that one task
    computes, a multiple of tile_rows.
    """

    @property
    def tile_rows(self) -> int: ...

    @property
    def block(self) -> int: ...

    def weights(self, conv: Conv, panel: int) -> tuple[tuple[int, ...], str]:
        """Return shape and dtype of the packed weights."""

    def reads_in_place(self, conv: Conv) -> bool:
        """Return whether the input is multiplied where it lies.

        Only the rows that fill no tile then go through scratch.
        """

    def allocate_scratch(self, conv: Conv, rows: int) -> tirx.Buffer:
        """Allocate `rows` input rows in the layout in which they are multiplied."""

    def fill_row(self, conv: Conv, scratch: tirx.Buffer, row: Expr, value: Callable[[Index], Expr]) -> None:
        """Fill one row of scratch; `value(c)` are `lanes` channels from c on."""

    def multiply(
        self,
        conv: Conv,
        buffers: ConvBuffers,
        scratch: tirx.Buffer,
        column: Expr,
        row: Expr,
        height: int,
        finished: tirx.Buffer,
    ) -> None:
        """Set finished[:height] to bias + the sums over taps and inputs of `height` rows by one column panel."""


@dataclass(frozen=True)
class Float32:
    """Fused multiply-adds in vector registers: tile_rows x VECS accumulators."""

    simd: Simd

    @property
    def tile_rows(self) -> int:
        return self.simd.tile_rows

    @property
    def block(self) -> int:
        return self.simd.block

    def weights(self, conv: Conv, panel: int) -> tuple[tuple[int, ...], str]:
        return (conv.columns // panel, conv.taps, conv.inputs, panel), "float32"

    def reads_in_place(self, conv: Conv) -> bool:
        return conv.plain and padded(conv.inputs) % _ALIASING != 0

    def allocate_scratch(self, conv: Conv, rows: int) -> tirx.Buffer:
        return T.alloc_buffer((rows * pitch_of(conv.inputs),))

    def fill_row(self, conv: Conv, scratch: tirx.Buffer, row: Expr, value: Callable[[Index], Expr]) -> None:
        lanes = self.simd.lanes
        with T.serial(-(-conv.inputs // lanes)) as v:
            c = let(v * lanes)
            store(scratch, value(c), row * pitch_of(conv.inputs) + c, lanes=lanes)

    def multiply(
        self,
        conv: Conv,
        buffers: ConvBuffers,
        scratch: tirx.Buffer,
        column: Expr,
        row: Expr,
        height: int,
        finished: tirx.Buffer,
    ) -> None:
        def add(x: Expr, w: Expr, total: Expr) -> Expr:
            return total + x * w

        register_tile(conv, buffers, scratch, column, row, height, finished, self.simd, conv.inputs, add)


def register_tile(
    conv: Conv,
    buffers: ConvBuffers,
    source: tirx.Buffer,
    column: Expr,
    row: Expr,
    height: int,
    finished: tirx.Buffer,
    simd: Simd,
    depth: int,
    add: Callable[[Expr, Expr, Expr], Expr],
) -> None:
    """Do `Products.multiply` in vector registers.

    depth: elements of a row of `source`, each of which is spread over a vector. add(x, w, total): the new total.
    """
    lanes = simd.lanes
    sums = registers((height * VECS * lanes,))
    for j in range(VECS):
        start = let(load(buffers.bias, column * simd.panel + j * lanes, lanes=lanes))
        for i in range(height):
            store(sums, start, (i * VECS + j) * lanes, lanes=lanes)
    with T.serial(conv.taps) as k, T.serial(depth) as c:
        weights = [let(load(buffers.weight, column, k, c, j * lanes, lanes=lanes)) for j in range(VECS)]
        for i in range(height):
            value = let(splat(_element(source, (row + i) * conv.stride + k * conv.dilation, c, depth), lanes))
            for j in range(VECS):
                at = (i * VECS + j) * lanes
                store(sums, add(value, weights[j], load(sums, at, lanes=lanes)), at, lanes=lanes)
    for i in range(height):
        for j in range(VECS):
            store(finished, load(sums, (i * VECS + j) * lanes, lanes=lanes), i, j * lanes, lanes=lanes)


def _element(source: tirx.Buffer, row: Expr, c: Expr, depth: int) -> Expr:
    """Return element c of a row of the input, which has two axes, or of scratch."""
    return source[row, c] if len(source.shape) == 2 else source[row * pitch_of(depth) + c]

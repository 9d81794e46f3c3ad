"""Self-attention of one utterance, over its valid tokens.

A task is a block of queries of one head. Scores lie with the queries along the lanes: the softmax then reduces over
rows, without a step across lanes, and only the block's own queries have to be transposed. Both products are register
tiles that stream the rows of one matrix and broadcast values of the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.simd import (
    VECS,
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


@dataclass(frozen=True)
class Tile:
    """The sizes of a task. rows: rows of a register tile, which is VECS vectors of `lanes` wide."""

    head_dim: int
    lanes: int
    rows: int

    @property
    def width(self) -> int:
        """Columns of a register tile, and queries of a task."""
        return VECS * self.lanes

    @staticmethod
    def of(head_dim: int, simd: Simd) -> Tile:
        """Return the tile for a head.

        Vectors are narrower than the target's where its lanes do not divide `head_dim`.
        """
        if head_dim % VECS:
            raise ValueError(f"attention takes an even head_dim, got {head_dim}")
        lanes = next(n for n in (16, 8, 4, 2, 1) if n <= simd.lanes and head_dim % (VECS * n) == 0)
        rows = 8 if simd.lanes == 16 else 4  # 16 accumulators of 32 registers, 8 of 16
        return Tile(head_dim, lanes, min(rows, VECS * lanes))


def attention_kernel(heads: int, head_dim: int, simd: Simd) -> tirx.PrimFunc:
    """Build the loop nest of `attention`.

    Arguments: qkv [rows, padded(3*heads*head_dim)], length int64[1], y [rows, padded(heads*head_dim)].
    """
    tile = Tile.of(head_dim, simd)
    channels = heads * head_dim
    with kernel("attention") as builder:
        rows = size("rows")
        qkv = arg("qkv", (rows, padded(3 * channels)))
        length = arg("length", (1,), "int64")
        y = arg("y", (rows, padded(channels)))
        valid = let(length[0])
        count = let(blocks(valid, tile.width))
        with T.parallel(heads * count) as task:
            column = let(task // count * head_dim)
            first = let(task % count * tile.width)
            here = let(T.min(tile.width, valid - first))
            queries = T.alloc_buffer((head_dim, tile.width))
            scores = T.alloc_buffer((blocks(valid, tile.rows) * tile.rows, tile.width))
            inverse = T.alloc_buffer((tile.width,))
            _transpose(tile, queries, qkv, first, column, here)
            _score(tile, scores, queries, qkv, let(channels + column), valid)
            _softmax(tile, scores, inverse, valid)
            with T.serial(blocks(here, tile.rows)) as t, T.serial(head_dim // tile.width) as p:
                query, offset = let(t * tile.rows), let(column + p * tile.width)
                sums = _product(tile, scores, (0, query), qkv, (0, 2 * channels + offset), valid, transposed=True)
                for i in range(tile.rows):
                    with when(query + i < here):
                        weight = let(splat(inverse[query + i], tile.lanes))
                        _store_row(tile, y, sums, i, (first + query + i, offset), weight)
    return builder.get()


def _transpose(tile: Tile, queries: tirx.Buffer, qkv: tirx.Buffer, first: Expr, column: Expr, here: Expr) -> None:
    """Fill queries[d, q] with a block of scaled queries; the columns past the valid ones are zeros."""
    lanes = tile.lanes
    rows = T.alloc_buffer((tile.width, tile.head_dim))
    _copy_rows(tile, rows, qkv, first, column, here)
    scale = splat(1 / math.sqrt(tile.head_dim), lanes)
    with T.serial(tile.head_dim // lanes) as i, T.serial(VECS) as j:
        square = [let(load(rows, j * lanes + r, i * lanes, lanes=lanes) * scale) for r in range(lanes)]
        for r, value in enumerate(_transposed(square, lanes)):
            store(queries, value, i * lanes + r, j * lanes, lanes=lanes)


def _transposed(square: list[Expr], lanes: int) -> list[Expr]:
    """Return the columns of a square of vectors.

    Each step exchanges the off-diagonal quarters of ever larger squares in it.
    """
    step = 1
    while step < lanes:
        upper = [lane if lane & step == 0 else lanes + lane - step for lane in range(lanes)]
        lower = [lane + step if lane & step == 0 else lanes + lane for lane in range(lanes)]
        pairs = [(square[i & ~step], square[i | step], lower if i & step else upper) for i in range(lanes)]
        square = [let(tirx.Shuffle([a, b], [tirx.const(i, "int32") for i in order])) for a, b, order in pairs]
        step *= 2
    return square


def _copy_rows(tile: Tile, scratch: tirx.Buffer, qkv: tirx.Buffer, first: Expr, column: Expr, here: Expr) -> None:
    """Copy `here` rows of one head to scratch, and fill the rows after them with zeros."""
    lanes = tile.lanes
    with T.serial(scratch.shape[0]) as r, T.serial(tile.head_dim // lanes) as i, T.If(r < here):
        with T.Then():
            store(scratch, load(qkv, first + r, column + i * lanes, lanes=lanes), r, i * lanes, lanes=lanes)
        with T.Else():
            store(scratch, splat(0.0, lanes), r, i * lanes, lanes=lanes)


def _score(tile: Tile, scores: tirx.Buffer, queries: tirx.Buffer, qkv: tirx.Buffer, column: Expr, valid: Expr) -> None:
    """Compute scores[k, q] of the valid keys; the other rows of the last tile come from zeros and are not used."""

    def finish(keys: tirx.Buffer, corner: tuple[Index, Index], row: Expr) -> None:
        sums = _product(tile, keys, corner, queries, (0, 0), tile.head_dim, transposed=False)
        for i in range(tile.rows):
            _store_row(tile, scores, sums, i, (row + i, 0))

    whole = let(valid // tile.rows)
    with T.serial(whole) as t:
        row = let(t * tile.rows)
        finish(qkv, (row, column), row)
    row = let(whole * tile.rows)
    with when(row < valid):
        last = T.alloc_buffer((tile.rows, tile.head_dim))
        _copy_rows(tile, last, qkv, row, column, valid - row)
        finish(last, (0, 0), row)


def _softmax(tile: Tile, scores: tirx.Buffer, inverse: tirx.Buffer, valid: Expr) -> None:
    """Replace scores by their exponentials, shifted by each query's largest.

    The inverse of each query's sum goes to `inverse`.
    """
    lanes = tile.lanes
    largest, total = registers((tile.width,)), registers((tile.width,))
    starts = range(0, tile.width, lanes)
    for j in starts:
        store(largest, load(scores, 0, j, lanes=lanes), j, lanes=lanes)
        store(total, splat(0.0, lanes), j, lanes=lanes)
    with T.serial(valid) as k:
        for j in starts:
            store(largest, T.max(load(largest, j, lanes=lanes), load(scores, k, j, lanes=lanes)), j, lanes=lanes)
    with T.serial(valid) as k:
        for j in starts:
            value = vector_math.exp(load(scores, k, j, lanes=lanes) - load(largest, j, lanes=lanes), lanes)
            store(scores, value, k, j, lanes=lanes)
            store(total, load(total, j, lanes=lanes) + value, j, lanes=lanes)
    for j in starts:
        store(inverse, splat(1.0, lanes) / load(total, j, lanes=lanes), j, lanes=lanes)


def _product(
    tile: Tile,
    values: tirx.Buffer,
    corner: tuple[Index, Index],
    matrix: tirx.Buffer,
    start: tuple[Index, Index],
    extent: Index,
    *,
    transposed: bool,
) -> tirx.Buffer:
    """Compute the register tile sum_k a[i, k] * matrix[start + k, :].

    a is `values` from `corner` on, or its transpose.
    """
    lanes = tile.lanes
    sums = registers((tile.rows * tile.width,))
    for i in range(0, tile.rows * tile.width, lanes):
        store(sums, splat(0.0, lanes), i, lanes=lanes)
    with T.serial(extent) as k:
        row = [let(load(matrix, start[0] + k, start[1] + j * lanes, lanes=lanes)) for j in range(VECS)]
        for i in range(tile.rows):
            at = (corner[0] + k, corner[1] + i) if transposed else (corner[0] + i, corner[1] + k)
            value = let(splat(values[at], lanes))
            for j in range(VECS):
                place = i * tile.width + j * lanes
                store(sums, load(sums, place, lanes=lanes) + value * row[j], place, lanes=lanes)
    return sums


def _store_row(
    tile: Tile, target: tirx.Buffer, sums: tirx.Buffer, i: int, at: tuple[Expr, Index], weight: Expr | None = None
) -> None:
    """Store row i of a register tile, times `weight` where there is one."""
    for j in range(0, tile.width, tile.lanes):
        value = load(sums, i * tile.width + j, lanes=tile.lanes)
        store(target, value if weight is None else value * weight, at[0], at[1] + j, lanes=tile.lanes)


def attention(*, qkv: nn.Tensor, length: nn.Tensor, heads: int, head_dim: int) -> nn.Tensor:
    """Compute the self-attention of the valid tokens, for all heads.

    Computes:
        s[k, q] = sum_d key[k, d] * query[q, d] / sqrt(head_dim)
        p[k, q] = exp(s[k, q] - max_k s[k, q])
        y[q, d] = sum_k p[k, q] * value[k, d] / sum_k p[k, q]          k, q < length
    Arguments:
        qkv: float32 [rows, padded(3*heads*head_dim)], the queries of all heads, then the keys, then the values.
        length: int64 [1], valid tokens; each of them attends to all of them.
        heads: number of heads.
        head_dim: channels of one head.
    Returns:
        y float32 [rows, padded(heads*head_dim)], heads side by side; rows past the length and padding channels are not
        written.
    Needs:
        An even `head_dim`, else the kernel raises ValueError; a multiple of 32 is fastest.
    Numerics:
        Sums are float32. Their order depends on the length alone; their last bits depend on whether the target has
        fused multiply-adds.
    Variants:
        kernel: vectors of the target's lanes, narrower where these do not divide `head_dim`.
        operator: Relax's matrix products and softmax, over all rows of the buffers.
    Source:
        Vaswani et al. 2017.
    """
    function = attention_kernel(heads, head_dim, Simd.of())
    out = nn.Tensor.placeholder((qkv.shape[0], padded(heads * head_dim)), "float32")
    return call(function, "attention", [qkv, length], out=out)

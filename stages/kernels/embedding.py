"""Embedding: one row of a table for each token.

A task copies a block of tokens.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.simd import CHANNELS, Simd, arg, blocks, call, kernel, let, load, padded, size, store

BLOCK = 32  # tokens of a task


def embedding_kernel(channels: int, simd: Simd, *, positions: bool = False) -> tirx.PrimFunc:
    """Build the loop nest of `embedding`.

    Arguments: ids [1, tokens], table [n, padded(channels)], [positions [m, padded(channels)]], length int64[1], y.
    """
    width, lanes = padded(channels), simd.lanes
    with kernel("embedding") as builder:
        tokens = size("tokens")
        ids = arg("ids", (1, tokens), "int64")
        table = arg("table", (size("symbols"), width))
        added = arg("positions", (size("places"), width)) if positions else None
        length = arg("length", (1,), "int64")
        y = arg("y", (tokens, width))
        valid = let(length[0])
        with T.parallel(blocks(valid, BLOCK)) as block, T.serial(T.min(BLOCK, valid - block * BLOCK)) as r:
            row = let(block * BLOCK + r)
            symbol = let(ids[0, row])
            with T.serial(width // lanes) as i:
                c = let(i * lanes)
                value = load(table, symbol, c, lanes=lanes)
                store(y, value if added is None else value + load(added, row, c, lanes=lanes), row, c, lanes=lanes)
    return builder.get()


def embedding(*, ids: nn.Tensor, table: nn.Tensor, length: nn.Tensor, positions: nn.Tensor | None = None) -> nn.Tensor:
    """Look up the table's row of each token, and add the row of the token's position.

    Computes:
        y[t, c] = table[ids[t], c] + positions[t, c]          the second term where `positions` is given
    Arguments:
        ids: int64 [1, tokens], symbol ids.
        table: float32 [n, padded(c)], one row a symbol.
        length: int64 [1], valid tokens.
        positions: float32 [m, padded(c)], one row a position from 0, or None.
    Returns:
        y float32 [tokens, padded(c)]; padding channels hold what the tables hold there; undefined past the length.
    Needs:
        0 <= ids < n in the valid tokens (`tokenize` gives no others), and with positions length <= m (the graph's
        largest text); neither is checked. The kernel raises ValueError for a table whose rows are not padded.
    Numerics:
        One float32 addition a value at most: bit-exact.
    Variants:
        kernel: vectors of the target's lanes.
        operator: a tensor expression; 0 past the length.
    Source:
        BERT's word and position embeddings (Devlin et al. 2019); without positions torch.nn.Embedding.
    """
    width = int(table.shape[1])
    if width % CHANNELS:
        raise ValueError(f"embedding takes a table of padded rows, a multiple of {CHANNELS} channels; got {width}")
    function = embedding_kernel(width, Simd.of(), positions=positions is not None)
    args = [ids, table, *([] if positions is None else [positions]), length]
    out = nn.Tensor.placeholder((ids.shape[1], width), "float32")
    return call(function, "embedding", args, out=out)

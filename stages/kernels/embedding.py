"""Rows of a table, one for each token: y[t] = table[ids[t]] + positions[t].

Source: BERT's word and position embeddings (Devlin et al. 2019); without positions torch.nn.Embedding.
"""

from __future__ import annotations

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels.simd import CHANNELS, Simd, arg, blocks, call, kernel, let, load, padded, size, store

BLOCK = 32  # tokens of a task


def embedding_kernel(channels: int, simd: Simd, *, positions: bool = False) -> tirx.PrimFunc:
    """Arguments: ids [1, tokens], table [n, padded(channels)], [positions [m, padded(channels)]], length, y."""
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
    """y float32 [tokens, padded(c)].

    ids: int64 [1, tokens]. table: float32 [n, padded(c)], one row a symbol. length: int64 [1], valid tokens. positions:
    float32 [m, padded(c)], one row a position from 0. Padding channels are whatever the tables hold there.

    Preconditions, not checked: 0 <= ids < n in the valid tokens (`tokenize` gives no others), and with positions
    length <= m (the graph's largest text).
    """
    width = int(table.shape[1])
    if width % CHANNELS:
        raise ValueError(f"embedding takes a table of padded rows, a multiple of {CHANNELS} channels; got {width}")
    function = embedding_kernel(width, Simd.of(), positions=positions is not None)
    args = [ids, table, *([] if positions is None else [positions]), length]
    out = nn.Tensor.placeholder((ids.shape[1], width), "float32")
    return call(function, "embedding", args, out=out)

"""Embedding as a tensor expression."""

from __future__ import annotations

from tvm import te, tirx
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr
from stages.operators.call import choose, expression, f32, i64, is_valid, placeholder


def embedding(*, ids: nn.Tensor, table: nn.Tensor, length: nn.Tensor, positions: nn.Tensor | None = None) -> nn.Tensor:
    """Look up as `kernels.embedding`; y is [tokens, c], and 0 past the length."""

    def body(shape: list[Expr], length: te.Tensor, ids: te.Tensor, table: te.Tensor, *added: te.Tensor) -> te.Tensor:
        def row(t: Expr, c: Expr) -> Expr:
            value = table[ids[i64(0), t], c]
            for positions in added:
                value = value + positions[tirx.min(t, positions.shape[0] - 1), c]
            return choose(is_valid(t, length, Rows()), value, f32(0))

        return te.compute(shape, row, name="embedding")

    args = [length, ids, table, *([] if positions is None else [positions])]
    return expression("embedding", body, args, placeholder((ids.shape[1], table.shape[1])))

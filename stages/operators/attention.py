"""Self-attention of one utterance by Relax's matrix products and softmax.

Keys past the valid ones get the score -infinity, hence the weight 0, and their values are taken as 0.
"""

from __future__ import annotations

import math

import numpy as np
from tvm import te
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr
from stages.operators.call import choose, expression, f32, is_valid, placeholder

_ALL = Rows()


def attention(*, qkv: nn.Tensor, length: nn.Tensor, heads: int, head_dim: int) -> nn.Tensor:
    """Attend as `kernels.attention`; qkv is [rows, 3*heads*head_dim], y [rows, heads*head_dim]."""
    rows = qkv.shape[0]
    parts = [_heads(qkv, length, part, heads, head_dim) for part in range(3)]
    query, key, value = parts
    scores = nn.op.matmul(query, nn.op.permute_dims(key, [0, 2, 1]))  # [heads, queries, keys]
    weights = nn.op.softmax(_mask(scores, length, 1 / math.sqrt(head_dim)), axis=-1)
    mixed = nn.op.permute_dims(nn.op.matmul(weights, value), [1, 0, 2])  # [queries, heads, head_dim]
    return nn.op.reshape(mixed, (rows, heads * head_dim))


def _heads(qkv: nn.Tensor, length: nn.Tensor, part: int, heads: int, head_dim: int) -> nn.Tensor:
    """Select queries, keys or values as [heads, rows, head_dim]; they are 0 past the valid rows."""
    first = part * heads * head_dim

    def body(shape: list[Expr], length: te.Tensor, x: te.Tensor) -> te.Tensor:
        def value(h: Expr, t: Expr, c: Expr) -> Expr:
            return choose(is_valid(t, length, _ALL), x[t, first + h * head_dim + c], f32(0))

        return te.compute(shape, value, name="heads")

    return expression("heads", body, [length, qkv], placeholder((heads, qkv.shape[0], head_dim)))


def _mask(scores: nn.Tensor, length: nn.Tensor, scale: float) -> nn.Tensor:
    """Multiply scores by `scale`, and set them to -infinity where the key is not valid."""

    def body(shape: list[Expr], length: te.Tensor, x: te.Tensor) -> te.Tensor:
        def value(h: Expr, q: Expr, k: Expr) -> Expr:
            return choose(is_valid(k, length, _ALL), x[h, q, k] * f32(scale), f32(-np.inf))

        return te.compute(shape, value, name="masked")

    return expression("mask", body, [length, scores], placeholder(scores.shape))

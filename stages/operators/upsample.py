"""Doubling of the frame rate in an up-sampling AdainResBlk1d, as tensor expressions."""

from __future__ import annotations

from tvm import te, tirx
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr, Index
from stages.operators.call import choose, expression, f32, i64, placeholder
from stages.operators.conv1d import prologue


def depthwise_upsample(
    *,
    x: nn.Tensor,
    weight: nn.Tensor,
    bias: nn.Tensor,
    norm: nn.Tensor,
    length: nn.Tensor,
    channels: int,
    rows: Rows,
    capacity: Index,
    leaky: float,
) -> nn.Tensor:
    """Convolve as `kernels.upsample.depthwise_upsample`; y is [2 * rows(capacity), channels]."""
    activated = prologue(x, length, rows, norm=norm, leaky=leaky)  # 0 past the valid rows

    def body(shape: list[Expr], x: te.Tensor, weight: te.Tensor, bias: te.Tensor) -> te.Tensor:
        def row(t: Expr, c: Expr) -> Expr:
            half = tirx.truncdiv(t, i64(2))
            following = choose(half + 1 < x.shape[0], x[half + 1, c], f32(0))
            odd = x[half, c] * weight[i64(2), c] + following * weight[i64(0), c]
            return choose(tirx.truncmod(t, i64(2)) == 0, x[half, c] * weight[i64(1), c], odd) + bias[c]

        return te.compute(shape, row, name="upsampled")

    out = placeholder((rows.of(capacity) * 2, channels))
    return expression("depthwise_upsample", body, [activated, weight, bias], out)


def repeat_rows(*, x: nn.Tensor, length: nn.Tensor, channels: int, rows: Rows, capacity: Index) -> nn.Tensor:
    """Repeat rows as `kernels.upsample.repeat_rows`; y is [2 * rows(capacity), channels]."""

    def body(shape: list[Expr], x: te.Tensor) -> te.Tensor:
        return te.compute(shape, lambda t, c: x[tirx.truncdiv(t, i64(2)), c], name="repeated")

    return expression("repeat_rows", body, [x], placeholder((rows.of(capacity) * 2, channels)))

"""The harmonic source joins the generator's signal; see kernels.add_source. Statistics are left to
`instance_norm.moments`."""

from __future__ import annotations

from tvm import te, tirx
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr, Index
from stages.operators.call import expression, i64, tensor


def add_source(
    *,
    x: nn.Tensor,
    source: nn.Tensor,
    length: nn.Tensor,
    channels: int,
    rows: Rows,
    capacity: Index,
    reflect: bool,
) -> tuple[nn.Tensor, None]:
    """y [rows(capacity), channels] = x + source; with `reflect` x is first reflected by one row on its left."""

    def body(shape: list[Expr], x: te.Tensor, source: te.Tensor) -> te.Tensor:
        def row(t: Expr, c: Expr) -> Expr:
            place = tirx.max(t - 1, i64(1) - t) if reflect else t
            return x[place, c] + source[t, c]

        return te.compute(shape, row, name="sum")

    return expression("add_source", body, [x, source], tensor((rows.of(capacity), channels))), None

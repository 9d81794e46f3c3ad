"""Addition of the harmonic source to the generator's signal, as a tensor expression."""

from __future__ import annotations

from tvm import te, tirx
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr, Index
from stages.operators.call import expression, i64, placeholder


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
    """Add as `kernels.add_source`; y is [rows(capacity), channels], and the statistics are None."""

    def body(shape: list[Expr], x: te.Tensor, source: te.Tensor) -> te.Tensor:
        def row(t: Expr, c: Expr) -> Expr:
            place = tirx.max(t - 1, i64(1) - t) if reflect else t
            return x[place, c] + source[t, c]

        return te.compute(shape, row, name="sum")

    return expression("add_source", body, [x, source], placeholder((rows.of(capacity), channels))), None

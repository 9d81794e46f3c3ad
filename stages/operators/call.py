"""The ways to put an operator into a stage: a tensor expression on sizes of its own, or a loop nest.

A symbolic extent of an argument, such as 120 * frames + 1, is a variable of its own in the operator: dlight's schedules
take plain variables only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray
from tvm import relax, te, tirx
from tvm.relax.frontend import nn

from stages.kernels.rows import Rows
from stages.kernels.simd import Expr, Index, size

_OPAQUE = 8  # Relax's kOpaque: fusion would bring the caller's extents into the operator

Body = Callable[..., te.Tensor]


def expression(name: str, body: Body, args: Sequence[nn.Tensor], out: nn.Tensor) -> nn.Tensor:
    """Compute `out` by `body(shape, *args)`, a tensor expression on placeholders; `shape` has the result's extents."""
    inputs = [
        te.placeholder([_extent(dim, f"n{i}_{axis}") for axis, dim in enumerate(arg.shape)], arg.dtype, f"x{i}")
        for i, arg in enumerate(args)
    ]
    shape = [_extent(dim, f"m{axis}") for axis, dim in enumerate(out.shape)]
    function = te.create_prim_func([*inputs, body(shape, *inputs)]).without_attr("global_symbol")
    return nn.op.tensor_ir_op(function.with_attr("op_pattern", _OPAQUE), name, list(args), out=out)


def loop_nest(function: tirx.PrimFunc, name: str, args: Sequence[nn.Tensor], out: nn.Tensor) -> nn.Tensor:
    """Call a function whose loops are bound to threads already."""
    function = function.without_attr("global_symbol").with_attr("op_pattern", _OPAQUE)
    return nn.op.tensor_ir_op(function.with_attr("tirx.is_scheduled", True), name, list(args), out=out)


def placeholder(shape: Sequence[Any], dtype: str = "float32") -> nn.Tensor:
    """Declare the result of a call."""
    return nn.Tensor.placeholder(list(shape), dtype)


def constant(value: NDArray[Any]) -> nn.Tensor:
    """Make a table that is part of the library."""
    return nn.Tensor(_expr=relax.const(value, str(value.dtype)))  # without a dtype, float64 becomes float32


def i64(value: int) -> tirx.Expr:
    """Make an index; dlight mixes no widths."""
    return tirx.const(value, "int64")


def f32(value: float) -> tirx.Expr:
    return tirx.const(value, "float32")


def is_valid(row: Index, length: te.Tensor, rows: Rows) -> Expr:
    """Return whether `row` is one of the valid `rows`."""
    return row < rows.of(length[i64(0)])


def choose(condition: Expr, value: Expr, other: Expr) -> Expr:
    """Select `value` where `condition` holds, else `other`; only the selected one is evaluated."""
    return tirx.if_then_else(condition, value, other)


def _extent(dim: Index, name: str) -> Expr:
    if isinstance(dim, int | tirx.IntImm):
        return i64(int(dim))
    return size(name)

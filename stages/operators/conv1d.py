"""Convolution over time as an implicit matrix product, which dlight schedules on tiles in shared memory.

The prologue is a pass of its own, since every tap would repeat its sine; rows past the valid ones become zeros when a
tile is read.
"""

from __future__ import annotations

import math

from tvm import te, tirx
from tvm.relax.frontend import nn

from stages.kernels.convolution import Conv, ConvTensors
from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import Expr, Index
from stages.operators.call import choose, expression, f32, i64, is_valid, placeholder


def conv1d(
    *, conv: Conv, tensors: ConvTensors, rows_in: Rows, rows_out: Rows, capacity: Index
) -> tuple[nn.Tensor, Partials | None]:
    """Convolve as `kernels.conv1d`; y is [rows_out(capacity), outputs], and there are no statistics.

    Weights are [1, taps, inputs, columns]; buffers have no padding channels.
    """
    x = tensors.x
    if conv.norm or conv.leaky is not None or conv.snake:
        x = prologue(x, tensors.length, rows_in, norm=tensors.norm, leaky=conv.leaky, alpha=tensors.alpha)
    total = rows_out.of(capacity)
    if conv.phases == 1:
        return _product(conv, tensors, x, rows_in, total), None
    # a transposed convolution runs over input positions, taps - 1 more than there are inputs
    positions = rows_in.of(capacity) + (conv.taps - 1)
    return _interleave(conv, _product(conv, tensors, x, rows_in, positions), total), None


def prologue(
    x: nn.Tensor,
    length: nn.Tensor,
    rows: Rows,
    *,
    norm: nn.Tensor | None = None,
    leaky: float | None = None,
    alpha: nn.Tensor | None = None,
) -> nn.Tensor:
    """Apply a prologue to x [rows, channels]: AdaIN's norm [3, channels], leaky ReLU, Snake with alpha [2, channels].

    The result is 0 past the valid rows.
    """
    present = [tensor for tensor in (norm, alpha) if tensor is not None]

    def body(shape: list[Expr], length: te.Tensor, x: te.Tensor, *tables: te.Tensor) -> te.Tensor:
        taken = iter(tables)
        scale = None if norm is None else next(taken)
        snake = None if alpha is None else next(taken)

        def value(t: Expr, c: Expr) -> Expr:
            found = x[t, c]
            if scale is not None:
                found = (found - scale[i64(0), c]) * scale[i64(1), c] + scale[i64(2), c]
            if leaky is not None:
                found = tirx.max(found, found * f32(leaky))
            if snake is not None:
                sine = tirx.sin(found * snake[i64(0), c])
                found = found + snake[i64(1), c] * (sine * sine)
            return choose(is_valid(t, length, rows), found, f32(0))

        return te.compute(shape, value, name="prologue")

    return expression("prologue", body, [length, x, *present], placeholder(x.shape))


def _product(conv: Conv, tensors: ConvTensors, x: nn.Tensor, rows: Rows, total: Index) -> nn.Tensor:
    """Compute the sums [total, columns] and the epilogue, but not the interleaving of phases."""

    def body(
        shape: list[Expr],
        length: te.Tensor,
        x: te.Tensor,
        weight: te.Tensor,
        bias: te.Tensor,
        *residuals: te.Tensor,
    ) -> te.Tensor:
        columns = shape[1]
        reach = shape[0] * conv.stride + (conv.taps - 1) * conv.dilation
        k, i = te.reduce_axis((i64(0), i64(conv.taps)), "k"), te.reduce_axis((i64(0), i64(conv.inputs)), "i")

        def padded(t: Expr, c: Expr) -> Expr:
            row = t - conv.padding
            return choose(tirx.all(row >= 0, is_valid(row, length, rows)), x[row, c], f32(0))

        around = te.compute((reach, i64(conv.inputs)), padded, name="around")
        sums = te.compute(
            shape,
            lambda t, o: te.sum(around[t * conv.stride + k * conv.dilation, i] * weight[i64(0), k, i, o], axis=[k, i]),
            name="sums",
        )

        def finish(t: Expr, o: Expr) -> Expr:
            value = sums[t, o] + bias[o]
            for residual in residuals:
                value = value + residual[t, o]
            if conv.gain != 1.0:
                value = value * f32(conv.gain)
            return _gelu(value) if conv.gelu else value

        return te.compute((shape[0], columns), finish, name="finish")

    args = [tensors.length, x, tensors.weight, tensors.bias, *tensors.residuals]
    return expression("conv1d", body, args, placeholder((total, tensors.weight.shape[3])))


def _interleave(conv: Conv, x: nn.Tensor, total: Index) -> nn.Tensor:
    """Move rows q of `phases` blocks of columns to rows q * phases + phase - shift."""
    outputs = conv.outputs

    def body(shape: list[Expr], x: te.Tensor) -> te.Tensor:
        def row(t: Expr, o: Expr) -> Expr:
            place = t + conv.shift
            return x[tirx.truncdiv(place, i64(conv.phases)), tirx.truncmod(place, i64(conv.phases)) * outputs + o]

        return te.compute(shape, row, name="rows")

    return expression("interleave", body, [x], placeholder((total, outputs)))


def _gelu(x: Expr) -> Expr:
    """Compute GELU by its tanh approximation (`gelu_new`)."""
    inner = f32(math.sqrt(2 / math.pi)) * (x + f32(0.044715) * x * x * x)
    return f32(0.5) * x * (f32(1) + tirx.tanh(inner))

"""A convolution's description, its arguments, and the arithmetic around its sums: shared by all convolution kernels.

    norm    (x - mean[i]) * scale[i] + shift[i]     (AdaIN; `norm` is [3, padded(inputs)])
    leaky   max(x, slope * x)
    snake   x + sin^2(alpha[i] * x) / alpha[i]      (`alpha` is [2, padded(inputs)]: alpha and its inverse)

The prologue applies these to the input, in this order. The epilogue adds up to two residuals to a finished sum, then
multiplies by `gain`, then applies GELU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm.relax.frontend import nn

from stages.kernels import vector_math
from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import Expr, Index, Simd, arg, blocks, call, let, load, number, padded, size, splat


@dataclass(frozen=True)
class Conv:
    """The sizes, prologue and epilogue of a convolution: all that is known of it when it is compiled.

    Attributes:
        inputs: channels of the input.
        outputs: channels of the output.
        taps: taps of the filter.
        dilation: input rows between two taps.
        stride: input rows between two output rows.
        padding: zero rows before the input.
        phases: stride of a transposed convolution, else 1.
        shift: output rows that a transposed convolution drops at the begin.
        norm: whether the prologue has AdaIN.
        leaky: slope of the prologue's leaky ReLU, or None for none.
        snake: whether the prologue has Snake.
        residuals: number of residuals that the epilogue adds.
        gain: factor of the epilogue.
        gelu: whether the epilogue has GELU.
        statistics: whether partial statistics of the output are made.
    """

    inputs: int
    outputs: int
    taps: int = 1
    dilation: int = 1
    stride: int = 1
    padding: int = 0
    phases: int = 1
    shift: int = 0
    norm: bool = False
    leaky: float | None = None
    snake: bool = False
    residuals: int = 0
    gain: float = 1.0
    gelu: bool = False
    statistics: bool = False

    @property
    def plain(self) -> bool:
        """Whether each output row is the product of the input row of the same number, without a prologue."""
        moved = self.taps > 1 or self.stride > 1 or self.padding > 0 or self.phases > 1
        return not (moved or self.norm or self.snake or self.leaky is not None)

    @property
    def columns(self) -> int:
        """The columns of the packed weights: padded outputs, for each phase."""
        return self.phases * padded(self.outputs)

    def groups(self, rows: Rows, simd: Simd) -> int:
        """Return the number of groups of column panels, each a task.

        There are several where a short utterance has few blocks of rows.
        """
        panels = self.columns // simd.panel
        wanted = max(1, 16 // rows.scale) if rows.scale else 2
        return max(g for g in range(1, panels + 1) if panels % g == 0 and g <= wanted)


@dataclass(frozen=True)
class ConvBuffers:
    """The arguments of a convolution's kernel, in this order; those that the `Conv` does not name are absent."""

    length: tirx.Buffer
    x: tirx.Buffer
    weight: tirx.Buffer
    bias: tirx.Buffer
    norm: tirx.Buffer | None
    alpha: tirx.Buffer | None
    residuals: list[tirx.Buffer]
    numbers: list[tirx.Var]
    y: tirx.Buffer
    partials: tirx.Buffer | None


def declare_buffers(
    conv: Conv, weight: tuple[int, ...], dtype: str = "float32", numbers: Sequence[str] = ()
) -> ConvBuffers:
    """Declare the arguments of the kernel under construction.

    Args:
        weight, dtype: those of the packed weights.
        numbers: names of the numbers that each call gives.
    """
    n, m, b = size("n"), size("m"), size("b")
    width = padded(conv.outputs)
    return ConvBuffers(
        length=arg("length", (1,), "int64"),
        x=arg("x", (n, padded(conv.inputs))),
        weight=arg("weight", weight, dtype),
        bias=arg("bias", (conv.columns,)),
        norm=arg("norm", (3, padded(conv.inputs))) if conv.norm else None,
        alpha=arg("alpha", (2, padded(conv.inputs))) if conv.snake else None,
        residuals=[arg(f"residual{i}", (m, width)) for i in range(conv.residuals)],
        numbers=[number(name) for name in numbers],
        y=arg("y", (m, width)),
        partials=arg("partials", (2, b, width)) if conv.statistics else None,
    )


def prologue(
    conv: Conv, value: Expr, norm: tirx.Buffer | None, alpha: tirx.Buffer | None, c: Index, lanes: int
) -> Expr:
    """Apply the prologue to channels c, c + 1, ... of one row."""
    if norm is not None:
        mean, scale, shift = (load(norm, i, c, lanes=lanes) for i in range(3))
        value = let((value - mean) * scale + shift)
    if conv.leaky is not None:
        value = vector_math.leaky_relu(value, conv.leaky, lanes)
    if alpha is not None:
        square = vector_math.sin_squared(value * load(alpha, 0, c, lanes=lanes), lanes)
        value = let(value + load(alpha, 1, c, lanes=lanes) * square)
    return value


def epilogue(conv: Conv, value: Expr, residuals: Sequence[tirx.Buffer], row: Expr, channel: Expr, lanes: int) -> Expr:
    """Apply residuals, gain and GELU to a finished sum."""
    for residual in residuals:
        value = let(value + load(residual, row, channel, lanes=lanes))
    if conv.gain != 1.0:
        value = let(value * splat(conv.gain, lanes))
    return vector_math.gelu(value, lanes) if conv.gelu else value


@dataclass(frozen=True)
class ConvTensors:
    """The tensors of one call, in the order of `ConvBuffers`."""

    length: nn.Tensor
    x: nn.Tensor
    weight: nn.Tensor
    bias: nn.Tensor
    norm: nn.Tensor | None = None
    alpha: nn.Tensor | None = None
    residuals: Sequence[nn.Tensor] = ()
    numbers: Sequence[int] = ()


def call_convolution(
    function: tirx.PrimFunc, name: str, conv: Conv, tensors: ConvTensors, rows: Index, block: int
) -> tuple[nn.Tensor, Partials | None]:
    """Call a convolution's kernel for `rows` output rows; it makes statistics of blocks of `block` rows."""
    width = padded(conv.outputs)
    args: list[nn.Tensor | int] = [tensors.length, tensors.x, tensors.weight, tensors.bias]
    args += [tensor for tensor in (tensors.norm, tensors.alpha, *tensors.residuals) if tensor is not None]
    args += tensors.numbers
    y = nn.Tensor.placeholder((rows, width), "float32")
    if not conv.statistics:
        return call(function, name, args, out=y), None
    partials = nn.Tensor.placeholder((2, blocks(rows, block), width), "float32")
    first, second = call(function, name, args, out=[y, partials])
    return first, Partials(second, block)

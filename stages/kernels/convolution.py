"""A convolution's description, its arguments, and the arithmetic around its sums: shared by all convolution kernels.

    norm    (x - mean[i]) * scale[i] + shift[i]     (AdaIN; `norm` is [3, padded(inputs)])
    leaky   max(x, slope * x)
    snake   x + sin^2(alpha[i] * x) / alpha[i]      (`alpha` is [2, padded(inputs)]: alpha and its inverse)

The prologue applies these to the input, in this order. The epilogue adds up to two residuals to a finished sum, then
multiplies by `gain`, then applies GELU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import Expr, Index, Simd, arg, blocks, call, let, load, number, padded, size, splat

NUMBERS = ("dilation", "residuals", "gain", "statistics")
"""Names of `Conv.numbers`."""


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
        shared: whether `conv1d` has one kernel for all convolutions that differ in `numbers` alone, as those of a
            residual block do: compiling it takes a quarter of a second.
    """

    inputs: int
    outputs: int
    taps: int = 1
    dilation: Index = 1
    stride: int = 1
    padding: Index = 0
    phases: int = 1
    shift: int = 0
    norm: bool = False
    leaky: float | None = None
    snake: bool = False
    residuals: int = 0
    gain: float = 1.0
    gelu: bool = False
    statistics: bool = False
    shared: bool = False

    @property
    def plain(self) -> bool:
        """Whether each output row is the product of the input row of the same number, without a prologue."""
        moved = self.taps > 1 or self.stride > 1 or self.padding > 0 or self.phases > 1
        return not (moved or self.norm or self.snake or self.leaky is not None)

    @property
    def numbers(self) -> dict[str, int]:
        """The numbers that a call gives a shared kernel, in the order of its arguments.

        `gain` is the bits of the float32 value.
        """
        assert isinstance(self.dilation, int)
        gain = int(np.float32(self.gain).view(np.int32))
        return dict(zip(NUMBERS, (self.dilation, self.residuals, gain, int(self.statistics)), strict=True))

    def share(self) -> Conv:
        """Return what a shared kernel is built from: all but the numbers, and two residuals.

        The residuals of a convolution whose output is not as wide as its input remain as they are, since a call gives
        its input in place of unused ones.

        Raises:
            ValueError: its stride is not 1, or its padding not "same".
        """
        if self.stride > 1 or self.phases > 1 or self.padding != self.dilation * (self.taps - 1) // 2:
            raise ValueError(f"only convolutions of stride 1 with the same padding share a kernel, not {self}")
        residuals = 2 if padded(self.inputs) == padded(self.outputs) else self.residuals
        return replace(self, dilation=1, padding=(self.taps - 1) // 2, residuals=residuals, gain=1.0, statistics=True)

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
    numbers: dict[str, tirx.Var]
    y: tirx.Buffer
    partials: tirx.Buffer | None


def declare_buffers(
    conv: Conv, weight: tuple[int, ...], dtype: str = "float32", numbers: Sequence[str] = ()
) -> ConvBuffers:
    """Declare the arguments of the kernel under construction.

    Args:
        weight, dtype: those of the packed weights.
        numbers: names of the numbers that each call gives, in their order.
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
        numbers={name: number(name) for name in numbers},
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


@dataclass(frozen=True)
class EpilogueNumbers:
    """The numbers of a call that the epilogue of a shared kernel needs (`Conv.numbers`).

    Attributes:
        residuals: number of the residuals that are added.
        gain: factor of the epilogue, in every lane of a vector.
        statistics: 1 where partial statistics are made, else 0.
    """

    residuals: Expr
    gain: Expr
    statistics: Expr

    @staticmethod
    def read(buffers: ConvBuffers, lanes: int) -> EpilogueNumbers:
        """Read them from the arguments of the kernel under construction."""
        numbers = buffers.numbers
        gain = let(splat(T.reinterpret("float32", T.Cast("int32", numbers["gain"])), lanes))
        return EpilogueNumbers(numbers["residuals"], gain, numbers["statistics"])


def epilogue(
    conv: Conv,
    value: Expr,
    residuals: Sequence[tirx.Buffer],
    row: Expr,
    channel: Expr,
    lanes: int,
    given: EpilogueNumbers | None = None,
) -> Expr:
    """Apply residuals, gain and GELU to a finished sum."""
    for i, residual in enumerate(residuals):
        more = value + load(residual, row, channel, lanes=lanes)
        value = let(T.if_then_else(given.residuals > i, more, value) if given else more)
    if given or conv.gain != 1.0:
        value = let(value * (given.gain if given else splat(conv.gain, lanes)))
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


def call_convolution(
    function: tirx.PrimFunc,
    name: str,
    conv: Conv,
    tensors: ConvTensors,
    rows: Index,
    block: int,
    numbers: Mapping[str, int] | None = None,
) -> tuple[nn.Tensor, Partials | None]:
    """Call a convolution's kernel for `rows` output rows; it makes statistics of blocks of `block` rows.

    Args:
        numbers: what a shared kernel is given; by default the numbers of a convolution that is `shared`.
    """
    given = numbers or (conv.numbers if conv.shared else {})
    built, width = conv.share() if given else conv, padded(conv.outputs)
    unused = [tensors.x] * (built.residuals - conv.residuals)
    args: list[nn.Tensor | int] = [tensors.length, tensors.x, tensors.weight, tensors.bias]
    args += [tensor for tensor in (tensors.norm, tensors.alpha, *tensors.residuals, *unused) if tensor is not None]
    args += given.values()
    y = nn.Tensor.placeholder((rows, width), "float32")
    if not built.statistics:
        return call(function, name, args, out=y), None
    partials = nn.Tensor.placeholder((2, blocks(rows, block), width), "float32")
    first, second = call(function, name, args, out=[y, partials])
    return first, Partials(second, block) if conv.statistics else None

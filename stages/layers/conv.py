"""Convolutions and matrix products under their PyTorch names; all run on `ops.conv1d` or a variant of it.

    Conv1d            weight_g, weight_v (or weight), bias          "same" padding for odd taps by default
    WinogradConv1d    weight_g, weight_v, bias                      the same convolution with fewer products
    ConvTranspose1d   weight_g, weight_v [inputs, outputs, taps]    padding (taps - stride) / 2
    Linear            weight [outputs, inputs], bias

`norm`, `leaky`, `alpha` act on the input, `residuals`, `gain`, `gelu` on the output, inside the same pass over memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tvm.relax.frontend import nn

from stages import ops
from stages.dispatch import filtering_pays, in_bf16, padded, panel
from stages.kernels import filters
from stages.kernels.bfloat16 import pack_words
from stages.kernels.convolution import Conv, ConvTensors
from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import Simd
from stages.kernels.winograd import Winograd, transformed_weight
from stages.layers.packing import Array, Packed, Shapes, fold_weight_norm, pack_columns, pad_channels, weight_norm
from stages.layers.signal import Axis, Signal


class _ConvWeights(Packed):
    """The packed weights of one convolution: weight [columns / panel, taps, inputs, panel], bias [columns].

    With `exact` they are float32 on every target; others may be bfloat16, two inputs in a word.
    """

    def __init__(self, inputs: int, columns: int, taps: int, *, exact: bool = False) -> None:
        side = panel(columns)
        self.bf16 = not exact and in_bf16()
        depth = padded(inputs) // 2 if self.bf16 else inputs
        self.weight = nn.Parameter((columns // side, taps, depth, side), "int32" if self.bf16 else "float32")
        self.bias = nn.Parameter((columns,), "float32")

    def run(
        self,
        conv: Conv,
        x: Signal,
        axis: Axis,
        norm: nn.Tensor | None = None,
        alpha: nn.Tensor | None = None,
        residuals: Sequence[Signal] = (),
    ) -> Signal:
        tensors = ConvTensors(x.axis.length, x.data, self.weight, self.bias, norm, alpha, [r.data for r in residuals])
        data, partials = self.convolve(conv, tensors, x.axis, axis)
        return Signal(data, conv.outputs, axis, partials)

    def convolve(self, conv: Conv, tensors: ConvTensors, here: Axis, there: Axis) -> tuple[nn.Tensor, Partials | None]:
        """Call the kernel that reads these weights, from rows of axis `here` to rows of `there`."""
        conv1d = ops.bf16_conv1d if self.bf16 else ops.conv1d
        return conv1d(conv=conv, tensors=tensors, rows_in=here.rows, rows_out=there.rows, capacity=there.capacity)

    def pack_weight(self, weight: Array) -> NDArray[Any]:
        """Pack a weight [columns, inputs, taps] into the layout that the kernel reads."""
        packed = pack_columns(weight, panel(weight.shape[0]))
        return pack_words(packed) if self.bf16 else packed


class Conv1d(_ConvWeights):
    """A convolution over the valid rows, with zeros around them.

    `SHARED` says whether others of the same sizes have the same kernel (`Conv.shared`).
    """

    SHARED = False

    def __init__(
        self,
        inputs: int,
        outputs: int,
        taps: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: int | None = None,
        bias: bool = True,
        weight_norm: bool = True,
        exact: bool = False,
    ) -> None:
        super().__init__(inputs, padded(outputs), taps, exact=exact)
        self.inputs, self.outputs, self.taps = inputs, outputs, taps
        self.stride, self.dilation = stride, dilation
        self.padding = dilation * (taps - 1) // 2 if padding is None else padding
        self.has_bias, self.weight_norm = bias, weight_norm

    def forward(
        self,
        x: Signal,
        *,
        norm: nn.Tensor | None = None,
        leaky: float | None = None,
        alpha: nn.Tensor | None = None,
        residuals: Sequence[Signal] = (),
        gain: float = 1.0,
        statistics: bool = False,
    ) -> Signal:
        conv = Conv(
            self.inputs,
            self.outputs,
            self.taps,
            dilation=self.dilation,
            stride=self.stride,
            padding=self.padding,
            norm=norm is not None,
            leaky=leaky,
            snake=alpha is not None,
            residuals=len(residuals),
            gain=gain,
            statistics=statistics,
            shared=self.SHARED,
        )
        return self.run(conv, x, self._axis(x.axis), norm, alpha, residuals)

    def _axis(self, axis: Axis) -> Axis:
        reach = 2 * self.padding - self.dilation * (self.taps - 1) - 1
        if axis.rows.scale % self.stride:
            raise ValueError(f"stride {self.stride} does not divide a rate of {axis.rows.scale} rows")
        return axis.at(axis.rows.scale // self.stride, (axis.rows.extra + reach) // self.stride + 1)

    def tensors(self) -> Shapes:
        shape = (self.outputs, self.inputs, self.taps)
        weight: Shapes = weight_norm(*shape) if self.weight_norm else {"weight": shape}
        return {**weight, **({"bias": (self.outputs,)} if self.has_bias else {})}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        weight = fold_weight_norm(tensors) if self.weight_norm else tensors["weight"]
        bias = tensors["bias"] if self.has_bias else np.zeros(self.outputs, np.float32)
        return {"weight": self.pack_weight(pad_channels(weight)), "bias": pad_channels(bias)}


class WinogradConv1d(Conv1d):
    """A convolution of stride 1 by minimal filtering, where `filters` chooses it: for long signals.

    It takes half the work or less, and 1.4 to 2.7 times the weights. It is a plain convolution on targets that
    operators serve, and in bfloat16 on those with AMX.
    """

    SHARED = True

    def __init__(self, inputs: int, outputs: int, taps: int, *, dilation: int = 1) -> None:
        form = filters.choose(inputs, outputs, taps, dilation) if filtering_pays() else None
        super().__init__(inputs, outputs, taps, dilation=dilation, exact=form is not None)
        self.winograd = form and Winograd.of(form.filtering, taps, dilation, Simd.of(), form.tiles)
        if self.winograd is not None:
            self.weight = nn.Parameter(self.winograd.weights(padded(outputs), inputs, panel(outputs)), "float32")

    def convolve(self, conv: Conv, tensors: ConvTensors, here: Axis, there: Axis) -> tuple[nn.Tensor, Partials | None]:
        if self.winograd is None:
            return super().convolve(conv, tensors, here, there)
        return ops.winograd_conv1d(
            conv=conv, winograd=self.winograd, tensors=tensors, rows=there.rows, capacity=there.capacity
        )

    def pack_weight(self, weight: Array) -> NDArray[Any]:
        if self.winograd is None:
            return super().pack_weight(weight)
        return transformed_weight(weight, self.winograd, panel(weight.shape[0]))


class ConvTranspose1d(_ConvWeights):
    """A transposed convolution with padding (taps - stride) / 2: `stride` output rows for each input row.

    Output phase p = (t + padding) mod stride sees taps p, p + stride, ...: a convolution over input rows for each
    phase.
    """

    def __init__(self, inputs: int, outputs: int, taps: int, stride: int) -> None:
        self.depth = -(-taps // stride)  # input rows that one output row sees
        super().__init__(inputs, stride * padded(outputs), self.depth)
        self.inputs, self.outputs, self.taps, self.stride = inputs, outputs, taps, stride

    def forward(self, x: Signal, *, leaky: float) -> Signal:
        conv = Conv(
            self.inputs,
            self.outputs,
            self.depth,
            padding=self.depth - 1,
            phases=self.stride,
            shift=(self.taps - self.stride) // 2,
            leaky=leaky,
        )
        rows = x.axis.rows
        return self.run(conv, x, x.axis.at(rows.scale * self.stride, rows.extra * self.stride))

    def tensors(self) -> Shapes:
        return {**weight_norm(self.inputs, self.outputs, self.taps), "bias": (self.outputs,)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        weight = fold_weight_norm(tensors)
        taps = np.zeros((self.inputs, padded(self.outputs), self.depth * self.stride), np.float32)
        taps[:, : self.outputs, : self.taps] = weight
        # row q of the convolution sees input rows q - depth + 1 .. q, the latest with the smallest tap
        phases = taps.reshape(self.inputs, padded(self.outputs), self.depth, self.stride)[:, :, ::-1]
        columns = phases.transpose(3, 1, 0, 2).reshape(-1, self.inputs, self.depth)
        bias = np.tile(pad_channels(tensors["bias"]), self.stride)
        return {"weight": self.pack_weight(columns), "bias": bias}


class Linear(_ConvWeights):
    """A matrix product over rows, one row a token or frame."""

    def __init__(self, inputs: int, outputs: int, *, exact: bool = False) -> None:
        super().__init__(inputs, padded(outputs), 1, exact=exact)
        self.inputs, self.outputs = inputs, outputs

    def forward(self, x: Signal, *, residuals: Sequence[Signal] = (), gelu: bool = False) -> Signal:
        conv = Conv(self.inputs, self.outputs, residuals=len(residuals), gelu=gelu)
        return self.run(conv, x, x.axis, residuals=residuals)

    def tensors(self) -> Shapes:
        return {"weight": (self.outputs, self.inputs), "bias": (self.outputs,)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return self.packed(tensors["weight"], tensors["bias"])

    def packed(self, weight: Array, bias: Array) -> dict[str, Array]:
        """Return the parameters that hold a matrix [outputs, inputs] and its bias."""
        columns = pad_channels(weight)[:, :, None]
        return {"weight": self.pack_weight(columns), "bias": pad_channels(bias)}


def single_row(x: nn.Tensor, channels: int, length: nn.Tensor) -> Signal:
    """Make a signal of one row of a vector [1, padded(channels)]; the utterance's length does not matter."""
    return Signal(x, channels, Axis(length, 1, Rows(0, 1)))

"""Adaptive instance norm, and the residual block of the prosody predictor and the decoder, which is built on it.

    style -> fc -> gamma, beta;   y = (1 + gamma) * (x - mean) / sqrt(var + 1e-5) + beta     over the valid rows

Source: kokoro 0.9.4, istftnet.py, AdaIN1d and AdainResBlk1d (from StyleTTS2, Li et al. 2023; AdaIN: Huang & Belongie
2017).
Differs: the instance norm's affine parameters are 1 and 0, since the checkpoint does not have them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from tvm.relax.frontend import nn

from stages import ops
from stages.dispatch import padded
from stages.layers.conv import Conv1d, Linear
from stages.layers.packing import Array, Packed, Shapes, fold_weight_norm, pad_channels, weight_norm
from stages.layers.signal import Signal


class StyleProjection(Linear):
    """`fc` of an adaptive norm: style -> gamma in channels 0.., beta in channels padded(channels)..."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__(style, 2 * padded(channels), exact=True)
        self.channels = channels

    def tensors(self) -> Shapes:
        return {"weight": (2 * self.channels, self.inputs), "bias": (2 * self.channels,)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return self.packed(self._pad_halves(tensors["weight"]), self._pad_halves(tensors["bias"]))

    def _pad_halves(self, rows: Array) -> Array:
        return np.concatenate([pad_channels(half) for half in np.split(rows, 2)])


class AdaIN1d(nn.Module):
    """An adaptive instance norm.

    It computes the norm that the prologue of the next convolution applies: mean, scale and shift of each channel.
    """

    def __init__(self, style: int, channels: int) -> None:
        self.channels = channels
        self.fc = StyleProjection(style, channels)

    def forward(self, x: Signal, style: Signal) -> nn.Tensor:
        axis = x.axis
        return ops.adain(
            partials=x.moments(),
            style=self.fc(style).data,
            length=axis.length,
            channels=self.channels,
            rows=axis.rows,
        )


class DepthwiseUpsample(Packed):
    """`pool` of an up-sampling block: ConvTranspose1d, one group a channel, stride 2."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.weight = nn.Parameter((3, padded(channels)), "float32")
        self.bias = nn.Parameter((padded(channels),), "float32")

    def forward(self, x: Signal, norm: nn.Tensor, leaky: float) -> Signal:
        axis = x.axis
        data = ops.depthwise_upsample(
            x=x.data,
            weight=self.weight,
            bias=self.bias,
            norm=norm,
            length=axis.length,
            channels=x.channels,
            rows=axis.rows,
            capacity=axis.capacity,
            leaky=leaky,
        )
        return Signal(data, x.channels, axis.at(axis.rows.scale * 2, axis.rows.extra * 2))

    def tensors(self) -> Shapes:
        return {**weight_norm(self.channels, 1, 3), "bias": (self.channels,)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        weight = fold_weight_norm(tensors)[:, 0, :].T
        return {"weight": pad_channels(weight, axis=1), "bias": pad_channels(tensors["bias"])}


class AdainResBlk1d(nn.Module):
    """A residual block. It has `pool` and the repetition of rows if it up-samples, and conv1x1 if the widths differ.

    x -+-> norm1 - leaky - [pool] - conv1 - norm2 - leaky - conv2 -> + -> / sqrt 2
       +-> [conv1x1] - [repeat rows] ------------------------------->+
    """

    LEAKY = 0.2

    def __init__(self, inputs: int, outputs: int, style: int, *, upsample: bool = False) -> None:
        self.inputs, self.outputs, self.upsample = inputs, outputs, upsample
        self.conv1 = Conv1d(inputs, outputs, 3)
        self.conv2 = Conv1d(outputs, outputs, 3)
        self.norm1 = AdaIN1d(style, inputs)
        self.norm2 = AdaIN1d(style, outputs)
        if inputs != outputs:
            self.conv1x1 = Conv1d(inputs, outputs, 1, bias=False)
        if upsample:
            self.pool = DepthwiseUpsample(inputs)

    def forward(self, x: Signal, style: Signal) -> Signal:
        norm = self.norm1(x, style)
        if self.upsample:
            h = self.conv1(self.pool(x, norm, self.LEAKY), statistics=True)  # [2 rows, outputs]
        else:
            h = self.conv1(x, norm=norm, leaky=self.LEAKY, statistics=True)  # [rows, outputs]
        norm = self.norm2(h, style)
        return self.conv2(h, norm=norm, leaky=self.LEAKY, residuals=[self._shortcut(x)], gain=math.sqrt(0.5))

    def _shortcut(self, x: Signal) -> Signal:
        # a 1x1 convolution and a repetition of rows commute; the convolution goes first, on half the rows
        if self.inputs != self.outputs:
            x = self.conv1x1(x)
        if not self.upsample:
            return x
        axis = x.axis
        data = ops.repeat_rows(
            x=x.data, length=axis.length, channels=x.channels, rows=axis.rows, capacity=axis.capacity
        )
        return Signal(data, x.channels, axis.at(axis.rows.scale * 2, axis.rows.extra * 2))

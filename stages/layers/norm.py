"""Layer norms over the channels of each row.

    LayerNorm      gain * (x - mean) / sqrt(var + eps) + bias, then leaky ReLU if it has a slope
    AdaLayerNorm   (1 + gamma) * (x - mean) / sqrt(var + 1e-5) + beta,   gamma, beta = fc(style)

Source: torch.nn.LayerNorm; kokoro 0.9.4, modules.py, LayerNorm and AdaLayerNorm.
"""

from __future__ import annotations

from collections.abc import Mapping

from tvm.relax.frontend import nn

from stages import ops
from stages.dispatch import padded
from stages.layers.conv import Linear
from stages.layers.packing import Array, Packed, Shapes, pad_channels
from stages.layers.signal import Signal

_ADAPTIVE_EPS = 1e-5


class LayerNorm(Packed):
    """A layer norm. names: those of gain and bias in the checkpoint."""

    def __init__(
        self, channels: int, eps: float, *, names: tuple[str, str] = ("weight", "bias"), leaky: float | None = None
    ) -> None:
        self.channels, self.eps, self.names, self.leaky = channels, eps, names, leaky
        self.gain = nn.Parameter((padded(channels),), "float32")
        self.bias = nn.Parameter((padded(channels),), "float32")

    def forward(self, x: Signal) -> Signal:
        data = ops.layer_norm(
            x=x.data,
            gamma=self.gain,
            beta=self.bias,
            length=x.axis.length,
            channels=self.channels,
            eps=self.eps,
            leaky=self.leaky,
        )
        return Signal(data, self.channels, x.axis)

    def tensors(self) -> Shapes:
        return dict.fromkeys(self.names, (self.channels,))

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        gain, bias = (pad_channels(tensors[name]) for name in self.names)
        return {"gain": gain, "bias": bias}


class AdaLayerNorm(nn.Module):
    """A layer norm whose gain and bias are a projection of the style."""

    def __init__(self, style: int, channels: int) -> None:
        self.channels = channels
        self.fc = Linear(style, 2 * channels, exact=True)

    def forward(self, x: Signal, style: Signal) -> Signal:
        projection = self.fc(style)  # [1, 2*channels]
        data = ops.ada_layer_norm(
            x=x.data,
            gamma_beta=projection.data,
            length=x.axis.length,
            channels=self.channels,
            eps=_ADAPTIVE_EPS,
        )
        return Signal(data, self.channels, x.axis)

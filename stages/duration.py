"""Context and style to durations: the prosody predictor's first half.

    d_en, style -> concat -> x
    layers times:  x -> LSTM -> adaptive layer norm (style) -> concat style -> x
    x = d;   d -> lstm -> duration_proj -> logits

Source: kokoro 0.9.4, modules.py, DurationEncoder and ProsodyPredictor (StyleTTS2, Li et al. 2023).
Differs: LSTMs run over the valid tokens only. `text_mask` holds the same as `length`, and is not read.
"""

from __future__ import annotations

from tvm.relax.frontend import nn

from stages.contract import In, Out, stage
from stages.dims import ModelDims
from stages.layers.conv import Linear
from stages.layers.lstm import LSTM
from stages.layers.norm import AdaLayerNorm
from stages.layers.port import concat, from_channel_port, from_vector_port, to_row_port
from stages.layers.signal import Axis, Signal


@stage(
    weights=("predictor.text_encoder", "predictor.lstm", "predictor.duration_proj"),
    d_en=In("float32[1, hidden, text]", "context of each token"),
    style=In("float32[1, style]", "voice vector of the prosody"),
    length=In("int64[1]", "valid tokens"),
    text_mask=In("bool[1, text]", "True where padded"),
    logits=Out("float32[1, text, bins]", "a token lasts the sum of their sigmoids, in frames"),
    d=Out("float32[1, text, features]", "prosody features of each token, the style beside them"),
)
class Duration(nn.Module):
    """duration_forward(d_en, style, length, text_mask) -> logits, d."""

    PREFIX = "predictor."

    def __init__(self, dims: ModelDims) -> None:
        self.text_encoder = DurationEncoder(dims)
        self.lstm = LSTM(dims.features, dims.hidden // 2)
        self.duration_proj = LinearNorm(dims.hidden, dims.bins)

    def forward(
        self, d_en: nn.Tensor, style: nn.Tensor, length: nn.Tensor, text_mask: nn.Tensor
    ) -> tuple[nn.Tensor, nn.Tensor]:
        context = from_channel_port(d_en, Axis(length, d_en.shape[2]))  # [text, hidden]
        d = self.text_encoder(context, from_vector_port(style, length))  # [text, features]
        logits = self.duration_proj(self.lstm(d))  # [text, bins]
        return to_row_port(logits), to_row_port(d)


class DurationEncoder(nn.Module):
    """LSTMs, each followed by a layer norm that the style adapts: even entries of `lstms` are LSTMs, odd ones norms."""

    def __init__(self, dims: ModelDims) -> None:
        self.lstms = nn.ModuleList([])
        for _ in range(dims.layers):
            self.lstms.append(LSTM(dims.features, dims.hidden // 2))
            self.lstms.append(AdaLayerNorm(dims.style, dims.hidden))

    def forward(self, context: Signal, style: Signal) -> Signal:
        x = concat([context, style])  # [text, features]
        for i in range(0, len(self.lstms), 2):
            x = self.lstms[i](x)  # [text, hidden]
            x = concat([self.lstms[i + 1](x, style), style])  # [text, features]
        return x


class LinearNorm(nn.Module):
    """A level of the checkpoint's names."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.linear_layer = Linear(inputs, outputs)

    def forward(self, x: Signal) -> Signal:
        return self.linear_layer(x)

"""Tokens to phoneme features, by convolutions and an LSTM.

    input_ids -> embedding -> (conv - norm - leaky) times layers -> lstm -> t_en

Source: kokoro 0.9.4, modules.py, TextEncoder (StyleTTS2, Li et al. 2023).
Differs: convolutions see zeros past the valid tokens, and the LSTM runs over the valid ones only. `text_mask` holds the
same as `length`, and is not read.
"""

from __future__ import annotations

from tvm.relax.frontend import nn

from stages.contract import In, Out, stage
from stages.dims import ModelDims
from stages.layers.conv import Conv1d
from stages.layers.embedding import Embedding
from stages.layers.lstm import LSTM
from stages.layers.norm import LayerNorm
from stages.layers.port import to_channel_port
from stages.layers.signal import Axis, Signal

_EPS = 1e-5
_LEAKY = 0.2


@stage(
    weights=("text_encoder",),
    input_ids=In("int64[1, text]", "symbol ids, 0 at both ends"),
    length=In("int64[1]", "valid tokens"),
    text_mask=In("bool[1, text]", "True where padded"),
    t_en=Out("float32[1, hidden, text]", "phoneme features of each token"),
)
class TextEncoder(nn.Module):
    """text_encoder_forward(input_ids, length, text_mask) -> t_en."""

    PREFIX = "text_encoder."

    def __init__(self, dims: ModelDims) -> None:
        self.embedding = Embedding(dims.vocabulary, dims.hidden)
        self.cnn = nn.ModuleList([ConvBlock(dims.hidden, dims.text_kernel) for _ in range(dims.layers)])
        self.lstm = LSTM(dims.hidden, dims.hidden // 2)

    def forward(self, input_ids: nn.Tensor, length: nn.Tensor, text_mask: nn.Tensor) -> nn.Tensor:
        x = self.embedding(input_ids, Axis(length, input_ids.shape[1]))  # [text, hidden]
        for block in self.cnn:
            x = block(x)  # [text, hidden]
        return to_channel_port(self.lstm(x))  # [1, hidden, text]


class ConvBlock(nn.ModuleList):
    """A convolution (entry 0) and a norm with leaky ReLU (entry 1), as the checkpoint numbers them."""

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__(
            [Conv1d(channels, channels, taps), LayerNorm(channels, _EPS, names=("gamma", "beta"), leaky=_LEAKY)]
        )

    def forward(self, x: Signal) -> Signal:
        return self[1](self[0](x))

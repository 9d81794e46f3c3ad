"""Prosody features to pitch and energy: the prosody predictor's second half.

    en -> shared -> x -+-> F0[0] -> F0[1] (doubles the rate) -> F0[2] -> F0_proj -> f0
                       +-> N[0]  -> N[1]  (doubles the rate) -> N[2]  -> N_proj  -> n

Source: kokoro 0.9.4, modules.py, ProsodyPredictor.F0Ntrain (StyleTTS2, Li et al. 2023).
Differs: the LSTM, the norms and the convolutions see the valid frames only, so padding is exact.
"""

from __future__ import annotations

from dataclasses import replace

from tvm.relax.frontend import nn

from stages.contract import In, Out, stage
from stages.dims import ModelDims
from stages.layers.adain import AdainResBlk1d
from stages.layers.conv import Conv1d
from stages.layers.lstm import LSTM
from stages.layers.port import from_channel_port, from_vector_port, to_channel_port
from stages.layers.signal import Axis, Signal


@stage(
    weights=("predictor.shared", "predictor.F0", "predictor.N", "predictor.F0_proj", "predictor.N_proj"),
    en=In("float32[1, features, frames]", "prosody features, one column per 25 ms frame"),
    style=In("float32[1, style]", "voice vector of the prosody"),
    frame_count=In("int64[1]", "valid frames"),
    f0=Out("float32[1, 2*frames]", "pitch [Hz], one value per 12.5 ms; not above 10 where unvoiced"),
    n=Out("float32[1, 2*frames]", "energy, the log norm of a mel column"),
)
class F0N(nn.Module):
    """f0n_forward(en, style, frame_count) -> f0, n."""

    PREFIX = "predictor."

    def __init__(self, dims: ModelDims) -> None:
        half = dims.hidden // 2
        self.shared = LSTM(dims.features, half)
        self.F0 = self._make_blocks(dims)
        self.N = self._make_blocks(dims)
        self.F0_proj = Conv1d(half, 1, 1, weight_norm=False)
        self.N_proj = Conv1d(half, 1, 1, weight_norm=False)

    @staticmethod
    def _make_blocks(dims: ModelDims) -> nn.ModuleList:
        hidden, half = dims.hidden, dims.hidden // 2
        return nn.ModuleList(
            [
                AdainResBlk1d(hidden, hidden, dims.style),
                AdainResBlk1d(hidden, half, dims.style, upsample=True),
                AdainResBlk1d(half, half, dims.style),
            ]
        )

    def forward(self, en: nn.Tensor, style: nn.Tensor, frame_count: nn.Tensor) -> tuple[nn.Tensor, nn.Tensor]:
        voice = from_vector_port(style, frame_count)  # [1, style]
        features = from_channel_port(en, Axis(frame_count, en.shape[2]))  # [frames, features]
        x = self.shared(features)  # [frames, hidden]
        x = replace(x, partials=x.moments())  # shared by both branches
        f0 = self.F0_proj(_apply_all(self.F0, x, voice))  # [2*frames, 1]
        n = self.N_proj(_apply_all(self.N, x, voice))  # [2*frames, 1]
        return nn.op.squeeze(to_channel_port(f0), 1), nn.op.squeeze(to_channel_port(n), 1)


def _apply_all(blocks: nn.ModuleList, x: Signal, style: Signal) -> Signal:
    for block in blocks:
        x = block(x, style)
    return x

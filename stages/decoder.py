"""Phoneme features, pitch and energy to a waveform.

    asr --------------+-----------------------> asr_res --+
    f0 -> F0_conv ----+-> concat -> encode -> x ---------- concat -> decode[i] -> x
    n  -> N_conv -----+                                     ^
                                                 F0, N -----+
    (`decode` has four blocks; the last doubles the rate)
    x [2*frames, channels], f0, seed -> generator -> audio [600*frames]

Source: kokoro 0.9.4, istftnet.py, Decoder (StyleTTS2, Li et al. 2023).
Differs: every norm and convolution sees the valid frames only, so padding is exact.
"""

from __future__ import annotations

from tvm.relax.frontend import nn

from stages.contract import In, Out, stage
from stages.dims import ModelDims
from stages.generator import Generator
from stages.layers.adain import AdainResBlk1d
from stages.layers.conv import Conv1d
from stages.layers.port import concat, from_channel_port, from_vector_port
from stages.layers.signal import Axis

_BLOCKS = 4


@stage(
    weights=("decoder",),
    asr=In("float32[1, hidden, frames]", "phoneme features, one column per 25 ms frame"),
    f0=In("float32[1, 2*frames]", "pitch [Hz], one value per 12.5 ms; not above 10 where unvoiced"),
    n=In("float32[1, 2*frames]", "energy, the log norm of a mel column"),
    style=In("float32[1, style]", "voice vector of the decoder"),
    frame_count=In("int64[1]", "valid frames"),
    seed=In("int64[]", "seed of the source's noise"),
    audio=Out("float32[1, 600*frames]", "waveform at 24 kHz, nominally in [-1, 1]"),
)
class Decoder(nn.Module):
    """decoder_forward(asr, f0, n, style, frame_count, seed) -> audio."""

    PREFIX = "decoder."

    def __init__(self, dims: ModelDims) -> None:
        width, extra = dims.decoder, dims.asr_residual + 2  # a block gets the residual, F0 and N beside x
        self.dims = dims
        self.encode = AdainResBlk1d(dims.hidden + 2, width, dims.style)
        self.decode = nn.ModuleList([AdainResBlk1d(width + extra, width, dims.style) for _ in range(_BLOCKS - 1)])
        self.decode.append(AdainResBlk1d(width + extra, dims.generator.channels, dims.style, upsample=True))
        self.F0_conv = Conv1d(1, 1, 3, stride=2, exact=True)
        self.N_conv = Conv1d(1, 1, 3, stride=2, exact=True)
        self.asr_res = nn.ModuleList([Conv1d(dims.hidden, dims.asr_residual, 1)])
        self.generator = Generator(dims.generator, dims.style)

    def forward(
        self, asr: nn.Tensor, f0: nn.Tensor, n: nn.Tensor, style: nn.Tensor, frame_count: nn.Tensor, seed: nn.Tensor
    ) -> nn.Tensor:
        frames = Axis(frame_count, asr.shape[2])
        half_frames = frames.at(2)
        voice = from_vector_port(style, frame_count)  # [1, style]
        features = from_channel_port(asr, frames)  # [frames, hidden]
        pitch = self.F0_conv(from_channel_port(nn.op.unsqueeze(f0, 1), half_frames))  # [frames, 1]
        energy = self.N_conv(from_channel_port(nn.op.unsqueeze(n, 1), half_frames))  # [frames, 1]
        residual = self.asr_res[0](features)  # [frames, asr_residual]
        x = self.encode(concat([features, pitch, energy]), voice)  # [frames, width]
        for block in self.decode:
            x = block(concat([x, residual, pitch, energy]), voice)  # [frames, width], at last [2*frames, channels]
        return self.generator(x, voice, f0, seed)

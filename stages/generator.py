"""The decoder's generator: features at 80 Hz to a waveform at 24 kHz, driven by a harmonic source.

    f0 -> harmonic source -> STFT -> har [hops, 2 * spectrum]
                                      |
                 for each up-sampling u:  noise_conv -> noise_res --+
                                                                    v
    x [2*frames, channels] -> leaky - ups ------------------------> + -> mean of resblocks -> x
    x -> leaky - conv_post -> exp, sin -> inverse STFT -> audio [600*frames]

A residual block runs three times  x = x + conv2(snake(adain2(conv1(snake(adain1(x))))));
snake(x) = x + sin^2(alpha x) / alpha.

Source: kokoro 0.9.4, istftnet.py, Generator and AdaINResBlock1 (iSTFTNet, Kaneko et al. 2022; Snake, Ziyin et al.
2020).
Differs: the noise is counter-based (`kernels.philox`), so that a seed gives the same audio on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tvm.relax.frontend import nn

from stages import ops
from stages.dims import HALF_FRAMES, HARMONICS, SAMPLE_RATE_HZ, GeneratorDims
from stages.dispatch import padded
from stages.kernels.harmonic_source import Source
from stages.layers.adain import AdaIN1d
from stages.layers.conv import Conv1d, ConvTranspose1d, WinogradConv1d
from stages.layers.packing import Array, Packed, Shapes, pad_channels
from stages.layers.signal import Axis, Signal

_NOISE_TAPS = (7, 11)  # of noise_res: before the last up-sampling, and at it
_NOISE_DILATIONS = (1, 3, 5)
_LEAKY_UPSAMPLING, _LEAKY_POST = 0.1, 0.01


class Generator(nn.Module):
    """The generator: x [2*frames, channels] and f0 [1, 2*frames] to audio [1, 600*frames]."""

    def __init__(self, dims: GeneratorDims, style: int) -> None:
        last = len(dims.rates) - 1
        widths = [dims.channels_after(i) for i in range(len(dims.rates))]
        self.dims = dims
        self.m_source = HarmonicSource(dims)
        self.noise_convs, self.noise_res, self.ups, self.resblocks = (nn.ModuleList([]) for _ in range(4))
        for i, (rate, taps, width) in enumerate(zip(dims.rates, dims.kernels, widths, strict=True)):
            stride = dims.source_stride(i)
            self.ups.append(ConvTranspose1d(2 * width, width, taps, rate))
            self.noise_convs.append(_make_noise_conv(2 * dims.spectrum, width, stride, last=i == last))
            self.noise_res.append(AdaINResBlock1(width, _NOISE_TAPS[i == last], _NOISE_DILATIONS, style))
            for kernel, dilations in zip(dims.resblock_kernels, dims.resblock_dilations, strict=True):
                self.resblocks.append(AdaINResBlock1(width, kernel, dilations, style))
        self.conv_post = Conv1d(widths[-1], 2 * dims.spectrum, 7, exact=True)

    def forward(self, x: Signal, style: Signal, f0: nn.Tensor, seed: nn.Tensor) -> nn.Tensor:
        branches = len(self.dims.resblock_kernels)
        har = self._transform_source(self.m_source(f0, seed, x.axis), x.axis)  # [hops, 2 * spectrum]
        for i, up in enumerate(self.ups):
            source = self.noise_res[i](self.noise_convs[i](har), style)  # [rows, width]
            x = self._add_source(up(x, leaky=_LEAKY_UPSAMPLING), source)  # [rows, width]
            x = _average_blocks(self.resblocks[i * branches : (i + 1) * branches], x, style)  # [rows, width]
        spectrum = self.conv_post(x, leaky=_LEAKY_POST)  # [hops, 2 * spectrum]
        return ops.overlap_add(length=x.axis.length, x=spectrum.data, capacity=x.axis.capacity, **self._stft_sizes())

    def _transform_source(self, source: nn.Tensor, axis: Axis) -> Signal:
        data = ops.stft(length=axis.length, x=source, capacity=axis.capacity, **self._stft_sizes())
        return Signal(data, 2 * self.dims.spectrum, axis.at(HALF_FRAMES * self.dims.hops, 1))

    def _stft_sizes(self) -> dict[str, int]:
        samples = HALF_FRAMES * self.dims.half_frame_samples
        return {"samples_per_frame": samples, "n_fft": self.dims.n_fft, "hop": self.dims.hop_samples}

    def _add_source(self, x: Signal, source: Signal) -> Signal:
        axis = source.axis
        data, partials = ops.add_source(
            x=x.data,
            source=source.data,
            length=axis.length,
            channels=x.channels,
            rows=axis.rows,
            capacity=axis.capacity,
            reflect=axis.rows.extra != x.axis.rows.extra,
        )
        return Signal(data, x.channels, axis, partials)


class HarmonicSource(Packed):
    """`m_source`: sines at the harmonics of F0 where voiced, and noise, merged by l_linear and tanh."""

    def __init__(self, dims: GeneratorDims) -> None:
        self.dims = dims
        self.weight = nn.Parameter((HARMONICS,), "float32")
        self.bias = nn.Parameter((1,), "float32")

    def forward(self, f0: nn.Tensor, seed: nn.Tensor, axis: Axis) -> nn.Tensor:
        source = Source(HARMONICS, SAMPLE_RATE_HZ, self.dims.half_frame_samples)
        return ops.harmonic_source(
            length=axis.length,
            f0=f0,
            seed=seed,
            weight=self.weight,
            bias=self.bias,
            capacity=axis.capacity,
            source=source,
        )

    def tensors(self) -> Shapes:
        return {"l_linear.weight": (1, HARMONICS), "l_linear.bias": (1,)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return {"weight": tensors["l_linear.weight"][0], "bias": tensors["l_linear.bias"]}


class AdaINResBlock1(nn.Module):
    """A residual block of three rounds of two convolutions, each behind AdaIN and Snake."""

    def __init__(self, channels: int, taps: int, dilations: Sequence[int], style: int) -> None:
        rounds = range(len(dilations))
        self.convs1 = nn.ModuleList([WinogradConv1d(channels, channels, taps, dilation=d) for d in dilations])
        self.convs2 = nn.ModuleList([WinogradConv1d(channels, channels, taps) for _ in rounds])
        self.adain1 = nn.ModuleList([AdaIN1d(style, channels) for _ in rounds])
        self.adain2 = nn.ModuleList([AdaIN1d(style, channels) for _ in rounds])
        self.alpha1 = nn.ModuleList([Alpha(channels) for _ in rounds])
        self.alpha2 = nn.ModuleList([Alpha(channels) for _ in rounds])

    def forward(self, x: Signal, style: Signal, others: Sequence[Signal] = (), gain: float = 1.0) -> Signal:
        """Return (output + `others`) * `gain`: the last block's epilogue computes the mean of the branches."""
        last = len(self.convs1) - 1
        for i in range(last + 1):
            h = self.convs1[i](x, norm=self.adain1[i](x, style), alpha=self.alpha1[i].pair, statistics=True)
            x = self.convs2[i](
                h,
                norm=self.adain2[i](h, style),
                alpha=self.alpha2[i].pair,
                residuals=[x, *(others if i == last else ())],
                gain=gain if i == last else 1.0,
                statistics=i != last,
            )
        return x


class Alpha(Packed):
    """Snake's alpha and its inverse: [2, padded(channels)]."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.pair = nn.Parameter((2, padded(channels)), "float32")

    def tensors(self) -> Shapes:
        return {"": (1, self.channels, 1)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        alpha = pad_channels(tensors[""].reshape(-1))
        inverse = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha != 0.0)
        return {"pair": np.stack([alpha, inverse])}


def _average_blocks(blocks: Sequence[AdaINResBlock1], x: Signal, style: Signal) -> Signal:
    total: list[Signal] = []
    for i, block in enumerate(blocks):
        total = [block(x, style, total, gain=1.0 / len(blocks) if i == len(blocks) - 1 else 1.0)]
    return total[0]


def _make_noise_conv(inputs: int, outputs: int, stride: int, *, last: bool) -> Conv1d:
    """Make the convolution from STFT columns to the rate behind an up-sampling.

    Its windows are two strides wide; at the last up-sampling it works column by column.
    """
    if last:
        return Conv1d(inputs, outputs, 1, weight_norm=False, exact=True)
    padding = (stride + 1) // 2
    return Conv1d(inputs, outputs, 2 * stride, stride=stride, padding=padding, weight_norm=False, exact=True)

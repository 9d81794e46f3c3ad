"""What the decoder's audio is compared by: short-time spectra at several resolutions, and mel bands.

Spectra without phase, since neither the pitch pulses' position nor the noise can be predicted from the ports. The
longest window (100 ms) resolves the harmonics of a 100 Hz voice, the shortest (10 ms) places stops and clicks.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.features import mel_bands

Audio = torch.Tensor  # [B, samples] at 24 kHz, in [-1, 1]
_RESOLUTIONS = ((4096, 480, 2400), (2048, 300, 1200), (1024, 120, 600), (512, 60, 240))  # FFT, hop, window: samples
_MEL = (1024, 256, 1024)
_FLOOR = 1e-2  # of a magnitude: what is 60 dB under full scale need not be matched
_MEL_WEIGHT = 1.5


class SpectralLoss(nn.Module):
    """`loss(made, wanted)` -> (spectral convergence + log magnitude L1, mean over resolutions; log-mel L1), scalars."""

    def __init__(self) -> None:
        super().__init__()
        self.bands: torch.Tensor
        for _, _, window in {*_RESOLUTIONS, _MEL}:
            self.register_buffer(f"window_{window}", torch.hann_window(window))
        self.register_buffer("bands", torch.from_numpy(mel_bands(_MEL[0])).float())

    def forward(self, made: Audio, wanted: Audio) -> tuple[torch.Tensor, torch.Tensor]:
        spectral = torch.stack([self._spectral(made, wanted, *resolution) for resolution in _RESOLUTIONS]).mean()
        return spectral, functional.l1_loss(self._log_mel(made), self._log_mel(wanted))

    def weighted(self, spectral: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        """What is minimised, of the two that `forward` returns."""
        return spectral + _MEL_WEIGHT * mel

    def _spectral(self, made: Audio, wanted: Audio, fft: int, hop: int, window: int) -> torch.Tensor:
        a, b = (self._magnitude(audio, fft, hop, window) for audio in (made, wanted))
        convergence: torch.Tensor = (a - b).norm() / (b.norm() + 1e-3)
        return convergence + functional.l1_loss(torch.log(a + _FLOOR), torch.log(b + _FLOOR))

    def _log_mel(self, audio: Audio) -> torch.Tensor:
        return torch.log(torch.matmul(self._magnitude(audio, *_MEL), self.bands) + _FLOOR)

    def _magnitude(self, audio: Audio, fft: int, hop: int, window: int) -> torch.Tensor:
        """[B, frames, bins]"""
        hann: torch.Tensor = getattr(self, f"window_{window}")
        spectrum = torch.stft(audio, fft, hop, window, hann, return_complex=True)
        magnitude: torch.Tensor = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-8)
        return magnitude.transpose(1, 2)

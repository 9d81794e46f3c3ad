"""What the decoder's audio is compared by: short-time spectra at several resolutions, and mel bands.

Spectra without phase, since neither the pitch pulses' position nor the noise can be predicted from the ports. The
longest window (100 ms) resolves the harmonics of a 100 Hz voice, the shortest (10 ms) places stops and clicks.

The mel bands weigh most: with those of espeak-ng's audio put onto the model's, a recogniser hears as many words as in
espeak-ng's, whatever the rest. Consonants count twice, pauses half (`emphasis`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from training.batches import Batch
from training.features import mel_bands
from training.spelling import BOUNDARY_TOKEN

Audio = torch.Tensor  # [B, samples] at 24 kHz, in [-1, 1]
Weights = torch.Tensor  # [B, frames] of 25 ms, 1 in the mean
_RESOLUTIONS = ((4096, 480, 2400), (2048, 300, 1200), (1024, 120, 600), (512, 60, 240))  # FFT, hop, window: samples
_MELS = ((1024, 256, 1024), (1024, 120, 600))
_FLOOR = 1e-2  # of a magnitude: what is 60 dB under full scale need not be matched
_MEL_WEIGHT = 6.0
_CONSONANTS, _CONSONANT = "pbtdkɡfvθðszʃʒhʧʤTɾmnŋlɹwj", 2.0  # beside 1 for all else
_PAUSES, _PAUSE = " .,;:!?—…", 0.5


class SpectralLoss(nn.Module):
    """`loss(made, wanted)` -> (spectral convergence + log magnitude L1, mean over resolutions; log-mel L1), scalars."""

    def __init__(self) -> None:
        super().__init__()
        self.bands: torch.Tensor
        for _, _, window in {*_RESOLUTIONS, *_MELS}:
            self.register_buffer(f"window_{window}", torch.hann_window(window))
        self.register_buffer("bands", torch.from_numpy(mel_bands(_MELS[0][0])).float())

    def forward(self, made: Audio, wanted: Audio, weights: Weights) -> tuple[torch.Tensor, torch.Tensor]:
        spectral = [self._spectral(made, wanted, weights, *resolution) for resolution in _RESOLUTIONS]
        mel = [_distance(self._log_mel(made, *at), self._log_mel(wanted, *at), weights) for at in _MELS]
        return torch.stack(spectral).mean(), torch.stack(mel).mean()

    def weighted(self, spectral: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        """What is minimised, of the two that `forward` returns."""
        return spectral + _MEL_WEIGHT * mel

    def _spectral(self, made: Audio, wanted: Audio, weights: Weights, fft: int, hop: int, window: int) -> torch.Tensor:
        a, b = (self._magnitude(audio, fft, hop, window) for audio in (made, wanted))
        convergence: torch.Tensor = (a - b).norm() / (b.norm() + 1e-3)
        return convergence + _distance(torch.log(a + _FLOOR), torch.log(b + _FLOOR), weights)

    def _log_mel(self, audio: Audio, fft: int, hop: int, window: int) -> torch.Tensor:
        return torch.log(torch.matmul(self._magnitude(audio, fft, hop, window), self.bands) + _FLOOR)

    def _magnitude(self, audio: Audio, fft: int, hop: int, window: int) -> torch.Tensor:
        """[B, frames, bins]"""
        hann: torch.Tensor = getattr(self, f"window_{window}")
        spectrum = torch.stft(audio, fft, hop, window, hann, return_complex=True)
        magnitude: torch.Tensor = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-8)
        return magnitude.transpose(1, 2)


def _distance(a: torch.Tensor, b: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Mean |a - b| of [B, steps, bands], each step weighted as the frame that it lies in."""
    steps, frames = a.shape[1], weights.shape[1]
    owner = torch.arange(steps, device=a.device) * frames // steps
    return ((a - b).abs().mean(-1) * weights[:, owner]).mean()


def emphasis(vocab: Mapping[str, int]) -> torch.Tensor:
    """By token: 2 for consonants, 1 for vowels and marks, 0.5 for pauses."""
    weights = torch.ones(max(vocab.values()) + 1)
    for symbols, weight in ((_CONSONANTS, _CONSONANT), (_PAUSES, _PAUSE)):
        weights[[vocab[symbol] for symbol in symbols if symbol in vocab]] = weight
    weights[BOUNDARY_TOKEN] = _PAUSE
    return weights


def frame_weights(of_token: torch.Tensor, batch: Batch) -> Weights:
    """`emphasis` along a batch's frames; a frame beside a consonant, where formants move, counts as much as it does."""
    weights = torch.gather(of_token.to(batch.tokens.device)[batch.tokens], 1, batch.token_of_frame)
    weights = functional.max_pool1d(weights[:, None], 3, stride=1, padding=1)[:, 0]
    return weights / weights.mean()

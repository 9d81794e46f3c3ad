"""`python -m training.decoder CORPUS OUT`: the decoder and its text encoder, from aligned speech.

Crops of 1.4 s with their true durations, F0 and energy; in the last quarter of the steps, with what the predictor says
of energy in place of the true one, since that is what it will be given. F0 stays true, as the audio is that the loss
compares with: at another pitch no harmonic would lie where its own does. The loss is spectral
(training/losses.py). The forward pass is in bfloat16 but for the harmonic source and the last convolution, whose output
is an exponent and an angle.
OUT/decoder.pt is written every few minutes, and a run goes on from it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training import batches, model, muon, predictor, trainer
from training.batches import Batch
from training.checkpoint import State, rate
from training.errors import TrainingError, written
from training.losses import SpectralLoss, emphasis, frame_weights

PARTS = ("text_encoder", "decoder")
FILE = "decoder.pt"
STEPS = 15000
_RATE = 1e-3
_CLIP = 5.0
_CROPS, _CROP_FRAMES = 4, 56
_REPORT, _SAVE = 100, 250  # steps
_TRUE = 0.75  # of the steps, before the predictor's energy takes over

Synthesis = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def in_full_precision(module: nn.Module) -> None:
    """Makes `module` compute in float32 under autocast."""
    forward = module.forward

    def full(*inputs: torch.Tensor) -> Any:
        with torch.autocast(inputs[0].device.type, enabled=False):
            return forward(*(each.float() for each in inputs))

    module.forward = full


def synthesise(parts: Any, decode: Synthesis, batch: Batch, half: bool) -> torch.Tensor:
    """Audio [B, samples] from the batch's durations, F0 and energy."""
    encoded = parts.text_encoder(batch.tokens, batch.lengths, batches.text_mask(batch))
    asr = batches.at_frames(encoded, batch)
    with torch.autocast(asr.device.type, torch.bfloat16, enabled=half):
        audio = decode(asr, batch.f0, batch.n, model.style(parts, batch.voice, "decoder"))
    return audio.float().reshape(len(asr), -1)


def optimisers(tensors: Mapping[str, torch.Tensor]) -> list[torch.optim.Optimizer]:
    """What moves the decoder's tensors."""
    return muon.optimisers(tensors, _RATE, (0.8, 0.99), weight_decay=1e-3)


def train(corpus: Path, out: Path, steps: int, seed: int, device: torch.device) -> None:
    """Train up to `steps`, from where OUT/decoder.pt stands; prints the mean losses of every 100 steps."""
    spoken, held = batches.utterances(corpus, audio=True)
    said = read_said(out / predictor.SAID)
    parts = model.build(seed).to(device)
    tensors = model.named_tensors(parts, PARTS)
    state = State(out / FILE, tensors, optimisers(tensors))
    in_full_precision(parts.decoder.generator.m_source)
    in_full_precision(parts.decoder.generator.conv_post)
    decode = torch.compile(parts.decoder, dynamic=False)
    loss, of_token = SpectralLoss().to(device), emphasis(model.config()["vocab"])
    losses, begin = [], time.monotonic()
    while state.step < steps:
        energy = said if state.step >= _TRUE * steps else None
        batch = batches.crops(spoken, seed, state.step, _CROPS, _CROP_FRAMES, energy).on(device)
        made = synthesise(parts, decode, batch, half=True)
        spectral, mel = loss(made, batch.audio, frame_weights(of_token, batch))
        state.forget_gradients()
        torch.autograd.backward(loss.weighted(spectral, mel))
        state.advance(rate(state.step, steps, _RATE), _CLIP)
        losses.append((spectral.item(), mel.item()))
        if state.step % _REPORT == 0:
            _report(state.step, losses, time.monotonic() - begin)
            losses, begin = [], time.monotonic()
        if state.step % _SAVE == 0 or state.step == steps:
            state.save()
    _validate(parts, loss, of_token, batches.crops(held, seed, 0, len(held), _CROP_FRAMES).on(device))


def read_said(path: Path) -> batches.Said:
    """The energy that the predictor says of every utterance.

    Raises:
        TrainingError: it has not been written yet, or is of an older version.
    """
    said: batches.Said = torch.load(written(path, "training.predictor"), weights_only=False)
    if not all(isinstance(energy, np.ndarray) for energies in said.values() for energy in energies):
        raise TrainingError(f"{path}: of an older version; remove it and run python -m training.predictor again")
    return said


def _report(step: int, losses: Sequence[tuple[float, float]], seconds: float) -> None:
    spectral, mel = np.mean(losses, axis=0)
    line = f"decoder {step}: spectral {spectral:.4f}, log mel {mel:.4f}, {len(losses) / seconds:.2f} steps/s\n"
    sys.stdout.write(line)
    sys.stdout.flush()


def _validate(parts: Any, loss: SpectralLoss, of_token: torch.Tensor, batch: Batch) -> None:
    with torch.no_grad():
        made = synthesise(parts, parts.decoder, batch, half=False)
        spectral, mel = loss(made, batch.audio, frame_weights(of_token, batch))
    sys.stdout.write(f"decoder, unseen utterances: spectral {spectral:.4f}, log mel {mel:.4f}\n")


if __name__ == "__main__":
    sys.exit(trainer.main("decoder", train, STEPS, None))

"""`python -m training.predictor CORPUS OUT`: durations, F0 and energy from tokens, over whole utterances.

Durations are learned as the published model's are: `bins` logits a token, of which the first `duration` are on. Losses
are means over what exists of an utterance, so padding weighs nothing. OUT/predictor.pt is what a run goes on from. At
the end, OUT/said.pt has the energy that the averaged weights give for the utterances with audio: the decoder learns
from it last.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training import batches, model, trainer
from training.batches import Batch
from training.checkpoint import State, load_mean, rate
from training.corpus import Spoken

PARTS = ("bert", "bert_encoder", "predictor")
FILE, SAID = "predictor.pt", "said.pt"
STEPS = 8000
_RATE = 1.5e-3
_CLIP = 2.0
_UTTERANCES = 16
_REPORT, _SAVE = 100, 250  # steps
# The network learns F0 and energy at unit scale; `fold_scales` puts the scales into the checkpoint.
F0_SCALE = 100.0
N_MEAN, N_SCALE = 4.0, 5.5
_VOICED_HZ = 10.0  # the harmonic source's own threshold


class Losses(NamedTuple):
    """Cross entropy of the duration bins; L1 of the durations (frames), of F0 and energy (unit scale)."""

    bins: torch.Tensor
    durations: torch.Tensor
    f0: torch.Tensor
    n: torch.Tensor

    def weighted(self) -> torch.Tensor:
        """What is minimised."""
        return 2 * self.bins + self.durations + 2 * self.f0 + self.n


class Predicted(NamedTuple):
    """Durations in frames [B, text], F0 in Hz and energy [B, 2 * frames]; `logits` [B, text, bins]."""

    logits: torch.Tensor
    durations: torch.Tensor
    f0: torch.Tensor
    n: torch.Tensor


def predict(parts: Any, batch: Batch) -> Predicted:
    """What the model says of a batch, F0 and energy along the true durations."""
    mask = batches.text_mask(batch)
    style = model.style(parts, batch.voice, "prosody")
    hidden = parts.bert_encoder(parts.bert(batch.tokens, attention_mask=(~mask).int())).transpose(1, 2)
    predictor = parts.predictor
    d = predictor.text_encoder(hidden, style, batch.lengths, mask)
    packed = nn.utils.rnn.pack_padded_sequence(d, batch.lengths.cpu(), batch_first=True, enforce_sorted=False)
    x, _ = nn.utils.rnn.pad_packed_sequence(predictor.lstm(packed)[0], batch_first=True)
    logits = predictor.duration_proj(x)
    f0, n = predictor.F0Ntrain(batches.at_frames(d.transpose(1, 2), batch), style)
    return Predicted(logits, torch.sigmoid(logits).sum(-1), f0 * F0_SCALE, n * N_SCALE + N_MEAN)


def losses(said: Predicted, batch: Batch) -> Losses:
    """See `Losses`."""
    text = (~batches.text_mask(batch)).float()
    on = (torch.arange(said.logits.shape[-1], device=text.device) < batch.durations[..., None]).float()
    bins = functional.binary_cross_entropy_with_logits(said.logits, on, reduction="none").mean(-1)
    frames = slots(batch).float()
    return Losses(
        _mean(bins, text),
        _mean((said.durations - batch.durations).abs(), text),
        _mean((said.f0 - batch.f0).abs() / F0_SCALE, frames),
        _mean((said.n - batch.n).abs() / N_SCALE, frames),
    )


def slots(batch: Batch) -> torch.Tensor:
    """bool[B, 2 * frames], True within the utterance."""
    return torch.arange(batch.f0.shape[1], device=batch.f0.device)[None] < 2 * batch.frames[:, None]


def errors(said: Predicted, batch: Batch) -> dict[str, float]:
    """What the losses mean: frames of duration a token, Hz of F0 where both are voiced, voicing errors a slot."""
    within, text = slots(batch), ~batches.text_mask(batch)
    both = within & (said.f0 > _VOICED_HZ) & (batch.f0 > 0)
    return {
        "duration error, frames": float((said.durations.round() - batch.durations).abs()[text].mean()),
        "F0 error, Hz": float((said.f0 - batch.f0).abs()[both].mean()),
        "voicing errors": float(((said.f0 > _VOICED_HZ) != (batch.f0 > 0))[within].float().mean()),
        "energy error": float((said.n - batch.n).abs()[within].mean()),
    }


def fold_scales(parts: Any) -> None:
    """Puts the scales of F0 and energy into the last convolutions, as the published checkpoint has them."""
    with torch.no_grad():
        parts.predictor.F0_proj.weight.mul_(F0_SCALE)
        parts.predictor.F0_proj.bias.mul_(F0_SCALE)
        parts.predictor.N_proj.weight.mul_(N_SCALE)
        parts.predictor.N_proj.bias.mul_(N_SCALE).add_(N_MEAN)


def unfold_scales(parts: Any) -> None:
    """Undoes `fold_scales`."""
    with torch.no_grad():
        parts.predictor.F0_proj.weight.div_(F0_SCALE)
        parts.predictor.F0_proj.bias.div_(F0_SCALE)
        parts.predictor.N_proj.weight.div_(N_SCALE)
        parts.predictor.N_proj.bias.sub_(N_MEAN).div_(N_SCALE)


def optimisers(tensors: Mapping[str, torch.Tensor]) -> list[torch.optim.Optimizer]:
    """What moves the predictor's tensors."""
    return [torch.optim.AdamW(tensors.values(), _RATE, (0.9, 0.98), weight_decay=1e-2)]


def train(corpus: Path, out: Path, steps: int, seed: int, device: torch.device, until: int | None = None) -> None:
    """Train for `steps`, from where OUT/predictor.pt stands; prints the mean losses of every 100 steps.

    `until` ends this run before the last step, with the learning rate on its way to that step.
    """
    last = min(steps, until or steps)
    spoken, held = batches.utterances(corpus, audio=False)
    spoken.sort(key=lambda each: len(each["n"]))
    parts = model.build(seed).to(device)
    tensors = model.named_tensors(parts, PARTS)
    state = State(out / FILE, tensors, optimisers(tensors))
    seen, begin = [], time.monotonic()
    while state.step < last:
        batch = batches.whole(spoken, seed, state.step, _UTTERANCES).on(device)
        loss = losses(predict(parts, batch), batch)
        state.forget_gradients()
        torch.autograd.backward(loss.weighted())
        state.advance(rate(state.step, steps, _RATE), _CLIP)
        seen.append([each.item() for each in loss])
        if state.step % _REPORT == 0:
            _report(state.step, np.mean(seen, axis=0), len(seen) / (time.monotonic() - begin))
            seen, begin = [], time.monotonic()
        if state.step % _SAVE == 0 or state.step == last:
            state.save()
    if state.step == steps:
        load_mean(out / FILE, tensors)
        _validate(parts, held, device)
        _say(parts, corpus, out / SAID, device)


def _report(step: int, means: Sequence[float], rate_of_steps: float) -> None:
    text = ", ".join(f"{name} {mean:.4f}" for name, mean in zip(Losses._fields, means, strict=True))
    sys.stdout.write(f"predictor {step}: {text}, {rate_of_steps:.2f} steps/s\n")
    sys.stdout.flush()


def _validate(parts: Any, held: Sequence[Spoken], device: torch.device) -> None:
    parts.eval()
    found = []
    with torch.no_grad():
        for each in held:
            batch = batches.together([each], np.random.default_rng(0)).on(device)
            found.append(errors(predict(parts, batch), batch))
    means = {name: float(np.nanmean([each[name] for each in found])) for name in found[0]}
    sys.stdout.write("predictor, unseen utterances: " + ", ".join(f"{k} {v:.3f}" for k, v in means.items()) + "\n")


def _say(parts: Any, corpus: Path, path: Path, device: torch.device) -> None:
    said: batches.Said = {}
    with torch.no_grad():
        for each in (utterance for part in batches.utterances(corpus, audio=True) for utterance in part):
            said[each["voice"], each["text"]] = energies = []
            for spelling in each["spellings"]:
                alone: Spoken = {**each, "spellings": [spelling]}
                found = predict(parts, batches.together([alone], np.random.default_rng(0)).on(device))
                energies.append(found.n[0].cpu().numpy())
    part = path.with_suffix(".part")
    torch.save(said, part)
    part.replace(path)


def _mean(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return (x * weight).sum() / weight.sum()


if __name__ == "__main__":
    sys.exit(trainer.main("predictor", train, STEPS, None))

"""A training run's state on disk, the learning rate's course and the averaged weights; the two trainers share them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from training.errors import TrainingError


def rate(step: int, steps: int, peak: float) -> float:
    """The learning rate: 200 steps of warming up, then half a cosine down to 2 % of `peak`."""
    return peak * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1, step / steps))))


class State:
    """Parameters, their optimisers and their running mean, kept in one file that is replaced whole."""

    def __init__(self, path: Path, tensors: dict[str, torch.Tensor], optimisers: list[torch.optim.Optimizer]) -> None:
        self.path, self.tensors, self.optimisers = path, tensors, optimisers
        self.step = 0
        self.mean = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        if path.exists():
            self._load(torch.load(path, weights_only=True))

    def _load(self, saved: dict[str, Any]) -> None:
        if len(saved.get("optimisers", ())) != len(self.optimisers):
            raise TrainingError(f"{self.path}: of an older version; python -m training.start makes one from an export")
        self.step, self.mean = saved["step"], saved["mean"]
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(saved["tensors"][name])

    def save(self) -> None:
        """Write all of it."""
        part = self.path.with_suffix(".part")
        tensors = {name: tensor.detach() for name, tensor in self.tensors.items()}
        states = [optimiser.state_dict() for optimiser in self.optimisers]
        torch.save({"step": self.step, "mean": self.mean, "tensors": tensors, "optimisers": states}, part)
        part.replace(self.path)

    def forget_gradients(self) -> None:
        """Before a step's gradients are taken."""
        for tensor in self.tensors.values():
            tensor.grad = None

    def advance(self, learning_rate: float, clip: float) -> bool:
        """One step down the gradients that are there, and of the mean; False where a gradient is not finite."""
        parameters = list(self.tensors.values())
        norm = torch.nn.utils.clip_grad_norm_(parameters, clip)
        self.step += 1
        if not torch.isfinite(norm):
            return False
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = learning_rate
            optimiser.step()
        with torch.no_grad():
            keep = min(0.998, (1 + self.step) / (10 + self.step))
            torch._foreach_lerp_(list(self.mean.values()), [each.detach() for each in parameters], 1 - keep)
        return True


def load_mean(path: Path, tensors: dict[str, torch.Tensor]) -> int:
    """Copy the averaged weights of a State's file into `tensors`; the step they are of."""
    saved = torch.load(path, weights_only=True)
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(saved["mean"][name])
    return int(saved["step"])

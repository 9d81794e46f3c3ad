"""A weight in which a norm is folded gives the norm's tensors, from every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.errors import WeightsError
from runner.model.checkpoint import Checkpoint
from stages.families import KOKORO
from tests.runner.safetensors_file import write_safetensors

W = np.random.default_rng(0).standard_normal((5, 4, 3)).astype(np.float32)
KEY = "decoder.encode.conv1."


def checkpoint(tmp_path: Path, **tensors: np.ndarray) -> Checkpoint:
    named = {KEY + name: value for name, value in tensors.items()}
    return Checkpoint.open(write_safetensors(tmp_path / "model.safetensors", named), KOKORO)


def test_the_norms_tensors_fold_to_the_weight(tmp_path: Path) -> None:
    opened = checkpoint(tmp_path, weight=W)
    direction, length = opened.take(f"{KEY}weight_v", W.shape), opened.take(f"{KEY}weight_g", (5, 1, 1))
    opened.finish()
    np.testing.assert_array_equal(direction, W)
    norms = np.sqrt(np.square(W.astype(np.float64)).sum((1, 2), keepdims=True))
    np.testing.assert_array_equal(length, norms.astype(np.float32))
    assert length.dtype == direction.dtype == np.float32


def test_a_filter_of_zeros_has_length_0_and_a_direction(tmp_path: Path) -> None:
    """PyTorch folds g * v / |v|: with v = 0 it would be no number."""
    weight = W.copy()
    weight[[1, 3]] = 0
    opened = checkpoint(tmp_path, weight=weight)
    direction, length = opened.take(f"{KEY}weight_v", W.shape), opened.take(f"{KEY}weight_g", (5, 1, 1))
    assert length[:, 0, 0].tolist()[1::2] == [0, 0]
    np.testing.assert_array_equal(direction[[1, 3]], np.ones((2, 4, 3)))
    np.testing.assert_array_equal(direction[::2], W[::2])
    folded = length * direction / np.sqrt(np.square(direction).sum((1, 2), keepdims=True))
    np.testing.assert_allclose(folded, weight, rtol=1e-6)


def test_a_weight_that_is_taken_as_it_is_stays(tmp_path: Path) -> None:
    opened = checkpoint(tmp_path, weight=W)
    np.testing.assert_array_equal(opened.take(f"{KEY}weight", W.shape), W)
    opened.finish()


@pytest.mark.parametrize("own", ["weight_g", "weight_v"])
def test_a_norm_is_not_made_where_one_of_its_tensors_is_stored(tmp_path: Path, own: str) -> None:
    opened = checkpoint(tmp_path, weight=W, **{own: W})
    opened.take(f"{KEY}weight_v", W.shape)
    opened.take(f"{KEY}weight_g", W.shape)
    with pytest.raises(WeightsError, match="missing") as refusal:
        opened.finish()
    other = {"weight_g": "weight_v", "weight_v": "weight_g"}[own]
    assert f"missing    {KEY}{other}" in str(refusal.value)
    assert f"unexpected {KEY}weight: float32[5, 4, 3]" in str(refusal.value)


def test_shapes_of_the_norm_are_checked(tmp_path: Path) -> None:
    opened = checkpoint(tmp_path, weight=W)
    opened.take(f"{KEY}weight_v", (5, 4, 4))
    opened.take(f"{KEY}weight_g", (4, 1, 1))
    with pytest.raises(WeightsError) as refusal:
        opened.finish()
    assert f"misfit     {KEY}weight_v: is [5, 4, 3], expected [5, 4, 4]" in str(refusal.value)
    assert f"misfit     {KEY}weight_g: is [5, 1, 1], expected [4, 1, 1]" in str(refusal.value)


def test_a_weight_of_another_type_is_reported(tmp_path: Path) -> None:
    opened = checkpoint(tmp_path, weight=W.astype(np.float64))
    opened.take(f"{KEY}weight_v", W.shape)
    opened.take(f"{KEY}weight_g", (5, 1, 1))
    with pytest.raises(WeightsError, match=r"weight_g: holds float64, expected float32"):
        opened.finish()

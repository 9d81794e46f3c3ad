"""Cases that can break packing: a norm over the wrong axis; a row of zeros, which has no norm; a level of the module
tree that the checkpoint does not name; a tensor taken by no stage, by two, or twice by one; columns in the wrong panel.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tvm.relax.frontend import nn
from tvm.target import Target

from runner.build.export import find_class
from runner.graph.contracts import list_stages, read_contract
from runner.model.checkpoint import Checkpoint
from stages.dims import ModelDims
from stages.families import KOKORO
from stages.generator import Alpha
from stages.kernels.simd import Simd, padded
from stages.layers.packing import (
    Array,
    Packed,
    Shapes,
    fold_weight_norm,
    list_tensors,
    pack_columns,
    pack_module,
    pad_channels,
    weight_norm,
)
from tests.targets import x86

TARGETS = [x86(name) for name in ("x86-64-v4", "haswell", "x86-64")]


@pytest.fixture(autouse=True)
def target() -> Iterator[Target]:
    """Set the current target, which decides on layouts."""
    with Target(TARGETS[0]) as current:
        yield current


def random(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Conv1d(6, 5, 3),
        lambda nn: nn.Conv1d(1, 1, 3),
        lambda nn: nn.ConvTranspose1d(6, 5, 4),
        lambda nn: nn.ConvTranspose1d(7, 7, 3, groups=7),
    ],
    ids=["Conv1d", "Conv1d of one channel", "ConvTranspose1d", "depthwise"],
)
def test_folded_weight_equals_pytorch(make: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: `make test` installs it")
    module = torch.nn.utils.parametrizations.weight_norm(make(torch.nn))
    parameters = dict(module.named_parameters())
    gain, direction = (parameters[f"parametrizations.weight.original{i}"] for i in (0, 1))
    gain.data.uniform_(-2, 2)
    tensors = {"weight_g": gain.detach().numpy(), "weight_v": direction.detach().numpy()}
    assert {name: array.shape for name, array in tensors.items()} == weight_norm(*direction.shape)
    folded = fold_weight_norm(tensors)
    assert folded.dtype == np.float32
    np.testing.assert_allclose(folded, module.weight.detach().numpy(), rtol=1e-6, atol=1e-8)


def test_folded_row_without_length_is_zero() -> None:
    tensors = {"weight_v": np.zeros((2, 3, 1), np.float32), "weight_g": np.ones((2, 1, 1), np.float32)}
    assert not fold_weight_norm(tensors).any()


def test_missing_tensor_stays_nan_through_folding() -> None:
    absent = np.full((2, 3, 1), np.nan, np.float32)
    folded = fold_weight_norm({"weight_v": absent, "weight_g": absent[:, :1]})
    assert np.isnan(folded).all()


@pytest.mark.parametrize(
    ("shape", "axis", "expected"), [((5,), 0, (32,)), ((3, 33), 1, (3, 64)), ((32, 2), 0, (32, 2))]
)
def test_padding_is_zeros_on_one_axis(shape: tuple[int, ...], axis: int, expected: tuple[int, ...]) -> None:
    array = random(*shape)
    out = pad_channels(array, axis)
    assert out.shape == expected
    np.testing.assert_array_equal(out[tuple(map(slice, shape))], array)
    assert np.count_nonzero(out) == np.count_nonzero(array)


@pytest.mark.parametrize("fields", TARGETS, ids=lambda fields: fields["mcpu"])
def test_columns_lie_panel_by_panel(fields: dict[str, str]) -> None:
    panel = Simd.of(Target(fields)).panel
    weight = random(padded(50), 7, 3)
    columns = pack_columns(weight, panel)
    assert columns.flags.c_contiguous
    for column in (0, 7, 31, 33, 63):
        np.testing.assert_array_equal(columns[column // panel, :, :, column % panel], weight[column].T)


class Leaf(Packed):
    """A layer that takes one tensor under a name, and one under the layer's own name."""

    def __init__(self) -> None:
        self.value = nn.Parameter((2,), "float32")

    def tensors(self) -> Shapes:
        return {"inner.weight": (2,), "": (2,)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return {"value": tensors["inner.weight"] + tensors[""]}


class Unnamed(Leaf):
    """A layer whose attribute is not a part of the checkpoint's names."""

    NAMED = False

    def tensors(self) -> Shapes:
        return {"flat": (2,)}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        return {"value": tensors["flat"]}


class Tree(nn.Module):
    """Layers below modules and lists."""

    def __init__(self) -> None:
        self.branch = nn.ModuleList([Leaf(), nn.ModuleList([Leaf()])])
        self.hidden = Unnamed()
        self.size = 3


def test_tensors_are_asked_for_by_their_place_in_the_tree() -> None:
    asked: list[str] = []

    def take(key: str, shape: tuple[int, ...]) -> Array:
        asked.append(key)
        return np.full(shape, len(asked), np.float32)

    arrays = pack_module(Tree(), take)
    assert asked == [name for name, _ in list_tensors(Tree())]
    assert asked == ["branch.0.inner.weight", "branch.0", "branch.1.0.inner.weight", "branch.1.0", "flat"]
    assert list(arrays) == ["branch.0.value", "branch.1.0.value", "hidden.value"]
    assert [array[0] for array in arrays.values()] == [3, 7, 5]


def test_tensor_that_two_layers_ask_for_is_listed_twice() -> None:
    class Twins(nn.Module):
        def __init__(self) -> None:
            self.one, self.other = Unnamed(), Unnamed()

    assert list_tensors(Twins()) == [("flat", (2,)), ("flat", (2,))]


def test_packed_layer_must_say_how() -> None:
    with pytest.raises(NotImplementedError):
        pack_module(Packed(), lambda _key, shape: np.zeros(shape, np.float32))


def test_snake_has_an_inverse_of_every_alpha_and_zeros_beside_them() -> None:
    alpha = np.array([0.5, 0.0, -4.0], np.float32)
    pair = Alpha(3).pack({"": alpha.reshape(1, 3, 1)})["pair"]
    np.testing.assert_array_equal(pair[:, :3], [[0.5, 0, -4], [2, 0, -0.25]])
    assert pair.shape == (2, padded(3))
    assert not pair[:, 3:].any()


@pytest.fixture(scope="module")
def model(repository: Path) -> tuple[ModelDims, Checkpoint]:
    """Open the default model."""
    folder = repository / "configs" / "models" / "mini"
    dims = ModelDims.from_config(json.loads((folder / "config.json").read_text("utf-8")))
    return dims, Checkpoint.open(folder / "model.safetensors", KOKORO)


@pytest.mark.parametrize("fields", TARGETS, ids=lambda fields: fields["mcpu"])
def test_stages_take_every_tensor_of_the_default_model_once(
    model: tuple[ModelDims, Checkpoint], fields: dict[str, str]
) -> None:
    dims, checkpoint = model
    taken: Counter[str] = Counter()
    with Target(fields):
        for source in (name for name in list_stages() if read_contract(name).weights):
            stage = find_class(source)(dims)

            def take(key: str, shape: tuple[int, ...], prefix: str = stage.PREFIX) -> Array:
                name = prefix + key
                taken[name] += 1
                assert checkpoint.tensors[name].shape == shape, name
                return checkpoint.tensors[name].float32()

            arrays = pack_module(stage, take)
            shapes = {name: tuple(map(int, parameter.shape)) for name, parameter in stage.named_parameters()}
            assert {name: array.shape for name, array in arrays.items()} == shapes
            assert all(np.isfinite(array).all() and array.dtype == np.float32 for array in arrays.values())
    assert set(taken.values()) == {1}
    assert checkpoint.tensors.keys() - taken.keys() <= {"bert.pooler.weight", "bert.pooler.bias"}

"""The families of models, held to the stages that they are for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tvm.target import Target

from runner.build.export import find_class
from runner.build.targets import ANY_CPU
from runner.graph.contracts import list_stages, read_contract
from stages.families import FAMILIES, KOKORO, NoDims, find_family
from stages.layers.packing import pack_module

COMPILED = [name for name in list_stages() if read_contract(name).weights]


def taken(source: str, config: dict[str, object]) -> list[str]:
    """The tensors that a stage takes, by their names in a checkpoint."""
    names = []
    with Target(ANY_CPU):
        stage = find_class(source)(KOKORO.dims_of(config))

        def take(key: str, shape: tuple[int, ...]) -> np.ndarray:
            names.append(stage.PREFIX + key)
            return np.zeros(shape, np.float32)

        pack_module(stage, take)
    return names


@pytest.mark.parametrize("source", COMPILED)
def test_weights_of_a_contract_are_the_prefixes_of_what_the_stage_takes(source: str, repository: Path) -> None:
    config = json.loads((repository / "configs/models/mini/config.json").read_text("utf-8"))
    names, weights = taken(source, config), read_contract(source).weights
    owners = [[prefix for prefix in weights if f"{name}.".startswith(f"{prefix}.")] for name in names]
    assert [len(owner) for owner in owners] == [1] * len(names)
    assert {owner[0] for owner in owners} == set(weights)


def test_parts_of_the_family_are_what_its_stages_take() -> None:
    assert len(COMPILED) == 5
    assert sorted(KOKORO.parts) == sorted(part for source in COMPILED for part in read_contract(source).weights)


def test_family_is_found_by_its_name() -> None:
    assert {name: find_family(name) for name in FAMILIES} == FAMILIES
    with pytest.raises(ValueError, match="no model family 'kokoo'; known: kokoro"):
        find_family("kokoo")


def test_sizes_of_a_model_are_fixed_or_limited(repository: Path) -> None:
    config = json.loads((repository / "configs/models/mini/config.json").read_text("utf-8"))
    dims = KOKORO.dims_of(config)
    assert dims.named() == {"hidden": 128, "style": 32, "features": 160, "bins": 50}
    assert dims.limits() == {"text": 512}
    assert (NoDims().named(), NoDims().limits()) == ({}, {})

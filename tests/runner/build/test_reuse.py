"""Builds that compile nothing: the code of the stage lies in the build root already."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from tvm.target import Target

from runner.build import stage_build
from runner.build.build import build
from runner.build.reuse import digest_code
from runner.build.staleness import Recipe, make_recipes
from runner.build.targets import resolve_target, spell_target
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from stages.dims import ModelDims
from stages.families import Dims
from tests.runner import small_model
from tests.runner.build.building import speak, states
from tests.runner.small_model import STAGE, Weights, library
from tests.targets import x86

BUILT = [(STAGE, "compiling"), (STAGE, "built")]


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    """A build root with the stage, which the test may change."""
    return Path(shutil.copytree(built, tmp_path / "root"))


@pytest.fixture
def halved(tensors: Weights, tmp_path: Path) -> Path:
    """The folder of a model of the same sizes, with other weights."""
    return small_model.write(tmp_path / "halved", {name: array / 2 for name, array in tensors.items()}).parent


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that are compiled during the test."""
    compiled: list[str] = []
    compile_ = stage_build._compile

    def note(recipe: Recipe, dims: Dims, target: Target, path: Path) -> object:
        compiled.append(recipe.stage)
        return compile_(recipe, dims, target, path)

    monkeypatch.setattr(stage_build, "_compile", note)
    return compiled


@pytest.mark.parametrize("name", ["small", "another"])
def test_another_checkpoint_of_the_same_sizes_is_only_packed(
    root: Path, halved: Path, tmp_path: Path, compilations: list[str], name: str
) -> None:
    words = halved / "words.yaml"
    words.write_text(words.read_text("utf-8").replace("name: small", f"name: {name}"), "utf-8")
    graph, path = small_model.load(halved), root / name / "cpu" / f"{STAGE}.so"
    before = library(root).read_bytes()
    build(graph, root)
    assert compilations == []
    assert path.read_bytes() == before
    assert manifests.find_damage(path, Manifest.read(manifests.manifest_path(path))) is None
    if name == "small":
        fresh = tmp_path / "fresh"
        assert states(halved, fresh) == BUILT
        assert compilations == [STAGE]
        assert library(fresh).read_bytes() == before
        np.testing.assert_array_equal(speak(halved, root), speak(halved, fresh))


def test_another_device_with_the_same_target_is_copied_whole(
    root: Path, model: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the weights are packed again")

    monkeypatch.setattr(stage_build, "pack", refuse)
    words = Path(shutil.copytree(model, root / "graph")) / "words.yaml"
    words.write_text(words.read_text("utf-8").replace("name: small", "name: another"), "utf-8")
    assert states(words.parent, root) == BUILT
    assert compilations == []
    path = root / "another" / "cpu" / f"{STAGE}.so"
    assert path.read_bytes() == library(root).read_bytes()
    assert manifests.weights_path(path).read_bytes() == manifests.weights_path(library(root)).read_bytes()
    assert manifests.find_damage(path, Manifest.read(manifests.manifest_path(path))) is None


@pytest.mark.parametrize("at", [0, -1])
def test_damaged_weights_are_packed_again(
    root: Path, model: Path, built: Path, compilations: list[str], at: int
) -> None:
    weights = manifests.weights_path(library(root))
    content = bytearray(weights.read_bytes())
    content[at] ^= 1
    weights.write_bytes(content)
    assert states(model, root) == BUILT
    assert compilations == []
    assert weights.read_bytes() == manifests.weights_path(library(built)).read_bytes()


def test_damaged_library_is_compiled_again(root: Path, halved: Path, built: Path, compilations: list[str]) -> None:
    content = bytearray(library(root).read_bytes())
    content[len(content) // 2] ^= 1
    library(root).write_bytes(content)
    assert states(halved, root) == BUILT
    assert compilations == [STAGE]
    assert library(root).read_bytes() == library(built).read_bytes()


@pytest.mark.parametrize("left", ["the manifest", "the library"])
def test_half_of_a_build_is_not_used(root: Path, halved: Path, compilations: list[str], left: str) -> None:
    path = library(root)
    (path if left == "the manifest" else manifests.manifest_path(path)).unlink()
    assert states(halved, root) == BUILT
    assert compilations == [STAGE]


def test_code_depends_on_all_that_decides_it(model: Path, tmp_path: Path) -> None:
    [recipe] = make_recipes(small_model.load(model), tmp_path)
    dims, target = ModelDims.from_config(small_model.sizes()), spell_target(resolve_target(recipe.target))
    other_dims = ModelDims.from_config({**small_model.sizes(), "n_layer": 2})
    other_target = spell_target(resolve_target(x86("x86-64")))
    replace = dataclasses.replace
    changed = [
        replace(recipe, entry="other"),
        replace(recipe, source="stages.bert"),
        replace(recipe, sources={**recipe.sources, "stages/ops.py": "0"}),
    ]
    others = [digest_code(recipe, other_dims, target), digest_code(recipe, dims, other_target)]
    codes = [digest_code(recipe, dims, target), *others, *(digest_code(each, dims, target) for each in changed)]
    assert len(set(codes)) == len(codes)
    same = [replace(recipe, stage="other"), replace(recipe, library=tmp_path / "other.so"), replace(recipe, digests={})]
    assert {digest_code(each, dims, target) for each in same} == {codes[0]}

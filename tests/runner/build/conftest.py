"""A small model, and its stage compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner import small_model
from tests.runner.build.building import states
from tests.runner.small_model import STAGE, Weights, library


@pytest.fixture(scope="session")
def tensors() -> Weights:
    return small_model.weights()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, tensors: Weights) -> Path:
    """The folder of the model, which no test changes."""
    return small_model.write(tmp_path_factory.mktemp("model"), tensors).parent


@pytest.fixture(scope="session")
def first_build(tmp_path_factory: pytest.TempPathFactory, model: Path) -> tuple[Path, list[tuple[str, str]]]:
    """Make a build root with the stage, which no test changes; gives it and the states that the build reported."""
    root = tmp_path_factory.mktemp("built")
    assert states(model, root, only=["tokenize"]) == []
    assert not library(root).parent.exists()
    return root, states(model, root, only=[STAGE])


@pytest.fixture
def built(first_build: tuple[Path, list[tuple[str, str]]]) -> Path:
    return first_build[0]

"""What the tests of the runtime share: one toy library, compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy stage, its weight an argument."""
    from tests.runner.toys import Scaled, compile_toy  # noqa: PLC0415 - imports tvm: for the tests that ask for it

    path = tmp_path_factory.mktemp("toy") / "scaled.so"
    compile_toy(path, Scaled())
    return path


@pytest.fixture
def toy_root(toy_library: Path, tmp_path: Path) -> Path:
    """A build root that holds the toy stage."""
    from tests.runner.toys import install  # noqa: PLC0415

    install(tmp_path / "build", toy_library)
    return tmp_path / "build"


@pytest.fixture
def toy_graph(tmp_path: Path) -> Path:
    """The toy graph, as a file."""
    from tests.runner.toys import GRAPH  # noqa: PLC0415

    path = tmp_path / "toy.yaml"
    path.write_text(GRAPH, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tones_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage of the graph that speaks."""
    from tests.runner.toys import compile_tones  # noqa: PLC0415

    path = tmp_path_factory.mktemp("libraries") / "tones.so"
    compile_tones(path)
    return path


@pytest.fixture
def tones_graph(tmp_path: Path, tones_library: Path) -> Path:
    """The graph that speaks, as a file, beside its library."""
    from tests.runner.toys import TONES_GRAPH  # noqa: PLC0415

    (tmp_path / "libraries").symlink_to(tones_library.parent)
    path = tmp_path / "tones.yaml"
    path.write_text(TONES_GRAPH, encoding="utf-8")
    return path

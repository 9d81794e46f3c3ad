"""What the tests of the engine share: counts of faults, toy libraries compiled once, the tiny model, the command."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.console import run_command

if TYPE_CHECKING:
    from runner.api import Pipeline

Run = Callable[..., tuple[int, str, str]]
Show = Callable[[str, Counter[str]], None]


@pytest.fixture(params=[pytest.param(True, id="full", marks=pytest.mark.full), pytest.param(False, id="short")])
def full(request: pytest.FixtureRequest) -> bool:
    """Whether to take the counts that minutes allow, or those that seconds do."""
    return bool(request.param)


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Prints counts, whether or not pytest captures what tests print."""

    def write(what: str, counts: Counter[str]) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{what}: {', '.join(f'{count} {name}' for name, count in counts.items())}\n")

    return write


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


@pytest.fixture
def voiced_graph(tones_graph: Path) -> Path:
    """The graph that speaks, with a stage that takes a voice and does not change what is heard."""
    from tests.runner.toys import VOICED_GRAPH  # noqa: PLC0415

    path = tones_graph.with_name("voiced.yaml")
    path.write_text(VOICED_GRAPH, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def timed_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage of the graph that speaks and tells times."""
    from tests.runner.timed_speech import compile_timed  # noqa: PLC0415

    path = tmp_path_factory.mktemp("timed") / "timed.so"
    compile_timed(path)
    return path


@pytest.fixture
def timed_graph(tmp_path: Path, timed_library: Path) -> Path:
    """The graph that speaks and tells times, as a file, beside its library."""
    from tests.runner.timed_speech import GRAPH  # noqa: PLC0415

    (tmp_path / "libraries").symlink_to(timed_library.parent)
    path = tmp_path / "timed.yaml"
    path.write_text(GRAPH, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_model(synthetic: Callable[[str, int, str], Path]) -> Path:
    """The model file of a synthetic model with which the default graph is built in half a minute."""
    return synthetic("tiny", 0, "pth")


@pytest.fixture(scope="session")
def tiny_root(tiny_model: Path, cache_folder: Path) -> Path:
    """A build root that holds the default graph's libraries for `tiny_model`, of today's sources."""
    from runner.build.build import build  # noqa: PLC0415
    from runner.graph.load import load_graph  # noqa: PLC0415

    build(load_graph("default", [str(tiny_model)]), cache_folder / "build")
    return cache_folder / "build"


@pytest.fixture
def tiny(tiny_model: Path, tiny_root: Path, stage_cache: Path) -> Callable[..., Pipeline]:
    """`tiny("params.speed=1.2")`: the default graph on `tiny_model`, with the test's own cache."""
    from runner.api import Pipeline  # noqa: PLC0415
    from runner.cache.cache import Cache  # noqa: PLC0415
    from runner.graph.load import load_graph  # noqa: PLC0415

    def pipeline(*sets: str) -> Pipeline:
        graph = load_graph("default", [str(tiny_model)], sets)
        return Pipeline(graph, tiny_root, threads=1, cache=Cache(stage_cache))

    return pipeline


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The console script, run in an empty folder: exit code, standard output, standard error."""
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    monkeypatch.chdir(work)

    return functools.partial(run_command, monkeypatch, capsys)

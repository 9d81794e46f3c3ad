"""Bundles of the graphs `default` and `text`, made once, and what `kokoro-run` itself says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.build.build import build
from runner.bundle.make import make_bundle
from runner.graph.load import load_graph
from tests.conftest import ROOT

Speak = Callable[..., bytes]


@pytest.fixture(scope="session")
def build_root(cache_folder: Path) -> Path:
    """A build root that holds the libraries of the graph `text`, which has those of `default`."""
    build(load_graph("text"), cache_folder / "build")
    return cache_folder / "build"


@pytest.fixture(scope="session")
def bundle(build_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the graph `default`."""
    folder = tmp_path_factory.mktemp("bundles") / "default"
    make_bundle(load_graph("default"), folder, build_root)
    return folder


@pytest.fixture(scope="session")
def text_bundle(build_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the graph `text`, with the voice `high` alone."""
    folder = tmp_path_factory.mktemp("bundles") / "text"
    make_bundle(load_graph("text"), folder, build_root, ["high"])
    return folder


@pytest.fixture
def speak(build_root: Path, tmp_path: Path) -> Speak:
    """`speak("default", "--phonemes", "h")`: the bytes of the .wav that `kokoro-run` writes."""

    def run(graph: str, *arguments: str) -> bytes:
        path = tmp_path / "expected.wav"
        command = [sys.executable, "-m", "runner", graph, "--build-dir", str(build_root), "--no-cache", "-q"]
        subprocess.run([*command, *arguments, "-o", str(path)], cwd=ROOT, check=True)
        return path.read_bytes()

    return run

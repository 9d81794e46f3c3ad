"""Stages for devices that no kernel is written for: their numbers on the CPU, their libraries for GPUs, and those of
OpenCL run on the CPU by pocl, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")

from runner.api import Pipeline
from runner.build.build import build
from runner.engine.options import RunOptions
from runner.errors import BuildError
from runner.graph.load import Graph, load_graph
from runner.runtime import tvm_runtime
from tests import pocl
from tests.parity import STAGES, Figure, Subject, Utterance, hold_figures
from tests.runner.graphs import model_of
from tests.test_parity import build_subject

Synthetic = Callable[[str, int, str], Path]
Note = Callable[[list[Figure]], None]
On = Callable[..., Graph]

SYMBOLS = (1, 5, 30)
SLOW = ("bert", "decoder")  # to compile for a GPU: up to a minute each
NO_FLOAT64 = "metal"


@pytest.fixture(scope="session")
def on(synthetic: Synthetic, repository: Path) -> On:
    """`on("cuda:0", "tiny")`: the default graph with every compiled stage on that device."""
    suffixes = {"tiny": "pth", "small": "safetensors"}

    def graph(device: str, model: str = "tiny", *sets: str) -> Graph:
        files = [synthetic(model, 0, suffixes[model]), repository / "configs" / "accel.yaml"]
        default = repository / "graphs" / "default.yaml"
        return load_graph(str(default), [str(path) for path in files], [f"devices.accel={device}", *sets])

    return graph


@pytest.fixture(scope="session")
def build_root(cache_folder: Path) -> Path:
    return cache_folder / "build"


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Puts figures into the table printed at the end of the session, then holds them to their bars."""
    return partial(hold_figures, request)


@pytest.fixture(scope="session")
def subjects(on: On, build_root: Path) -> Callable[[str], Subject]:
    """`subjects("tiny")`: a model whose stages are made of operators, compiled for the CPU."""

    def subject(model: str) -> Subject:
        return replace(build_subject(model, on("cpu-operators:0", model), build_root), name=f"{model} ops")

    return cache(subject)


@pytest.fixture(scope="session", params=["tiny", pytest.param("small", marks=pytest.mark.full)])
def subject(request: pytest.FixtureRequest, subjects: Callable[[str], Subject]) -> Subject:
    return subjects(request.param)


@pytest.mark.parametrize("symbols", SYMBOLS)
def test_operators_equal_the_reference(subject: Subject, note: Note, symbols: int) -> None:
    note(Utterance(subject, symbols, 0).stage_figures())


@pytest.mark.parametrize("symbols", SYMBOLS)
def test_operators_on_a_padded_graph_are_equal_bit_for_bit_and_zero_past_the_end(
    on: On, build_root: Path, subject: Subject, symbols: int
) -> None:
    graph = on("cpu-operators:0", subject.name.split()[0], "dims.text=40", "dims.frames=128")
    words = subject.words(symbols, 0)
    dynamic, padded = (
        pipeline.run({"phonemes": words, "voice": subject.pack}, RunOptions(keep=True))
        for pipeline in (subject.pipeline, Pipeline(graph, build_root, threads=2))
    )
    assert padded["bert.d_en"].shape[2] == 40
    assert padded["f0n.f0"].shape[1] == 256 > dynamic["f0n.f0"].shape[1]
    for stage in STAGES:
        for port in (port for port in dynamic if port.startswith(f"{stage}.")):
            assert_equal_then_padding(port, dynamic[port], padded[port])


def assert_equal_then_padding(port: str, expected: np.ndarray, padded: np.ndarray) -> None:
    """`padded` holds `expected`'s bits in its first elements of each axis, and zeros past them."""
    valid = tuple(slice(size) for size in expected.shape)
    assert padded[valid].tobytes() == expected.tobytes(), port
    rest = padded.copy()
    rest[valid] = 0
    assert not rest.any(), port


def compiled(kinds: tuple[str, ...]) -> list[object]:
    return [
        pytest.param(kind, stage, marks=[pytest.mark.full] * (stage in SLOW and kind != "cuda"), id=f"{kind}-{stage}")
        for kind in kinds
        for stage in STAGES
        if (kind, stage) != (NO_FLOAT64, "decoder")
    ]


@pytest.mark.parametrize(("kind", "stage"), compiled(("cuda", "metal", "opencl")))
def test_stage_is_compiled_for_a_gpu_that_is_not_there(on: On, build_root: Path, kind: str, stage: str) -> None:
    graph = on(f"{kind}:0")
    build(graph, build_root, only=[stage])
    library = build_root / model_of(graph).name / kind / f"{stage}.so"
    assert library.is_file()
    assert {"cuda": b"__global__", "metal": b"metal_stdlib", "opencl": b"__kernel"}[kind] in library.read_bytes()


def test_decoder_for_a_device_without_float64_is_an_error_that_says_so(on: On, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"'decoder' could not be compiled for .*metal.*float64"):
        build(on("metal:0"), tmp_path, only=["decoder"])


@pytest.fixture
def opencl(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCL's device, on the CPU; skips where pocl is not installed."""
    absent = pocl.why_absent()
    if absent is not None:
        pytest.skip(absent)
    pocl.install()
    monkeypatch.setattr(tvm_runtime, "present", lambda device: device in (tvm_runtime.HOST, ("opencl", 0)))


@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("stage", [pytest.param(stage, marks=[pytest.mark.full] * (stage in SLOW)) for stage in STAGES])
def test_kernels_for_opencl_equal_the_reference(
    on: On, build_root: Path, subjects: Callable[[str], Subject], note: Note, stage: str
) -> None:
    graph = on("opencl:0")
    build(graph, build_root, only=[stage])
    launched = sum(program.launches for program in pocl.PROGRAMS)
    away = replace(subjects("tiny"), name="tiny opencl", pipeline=Pipeline(graph, build_root))
    for symbols in (1, 5):
        note(Utterance(away, symbols, 0).stage_figures([stage]))
    assert sum(program.launches for program in pocl.PROGRAMS) > launched

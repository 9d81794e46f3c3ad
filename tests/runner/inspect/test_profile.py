"""Profiles of a compiled stage: kernels summed by name and shape, and what they are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.build.build import build
from runner.build.peak import Peak
from runner.engine.pipeline import Pipeline
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.inspect.profile import count_calls, profile_stage, sum_calls
from runner.runtime.kernel_times import Argument, KernelCall
from tests.runner import small_model
from tests.runner.small_model import STAGE

PEAK = Peak("made-up", gflops=8.0, gbytes_s=2.0)
SYMBOLS = 4


def call(kernel: str, *shapes: tuple[int, ...], seconds: tuple[float, ...], address: int = 0) -> KernelCall:
    arguments = [Argument(shape, 4 * int(np.prod(shape)), None, address + at) for at, shape in enumerate(shapes)]
    return KernelCall(kernel, tuple(arguments), seconds)


def test_calls_alike_are_summed_by_their_medians_and_the_slowest_come_first() -> None:
    calls = [
        call("norm", (8, 4), seconds=(0.001, 0.002, 0.009)),
        call("attention", (10, 300), (1,), (10, 100), seconds=(0.004, 0.002, 0.003)),
        call("attention", (10, 300), (1,), (10, 100), seconds=(0.001, 0.001, 0.001)),
    ]
    attention, norm = sum_calls(count_calls(calls, None), PEAK)
    assert (attention.kernel, attention.shape, attention.calls) == ("attention", "10 rows, 100 channels", 2)
    assert [attention.ms, norm.ms] == pytest.approx([4.0, 2.0])
    assert attention.gflops == pytest.approx(2 * (4 * 10 * 10 * 100) / 0.004 * 1e-9)
    assert attention.of_peak == pytest.approx((attention.gflops or 0.0) / 8.0)
    assert attention.gbytes_s == pytest.approx(2 * 4 * (3000 + 1 + 1000) / 0.004 * 1e-9)
    assert attention.of_memory == pytest.approx((attention.gbytes_s or 0.0) / 2.0)
    assert (norm.gflops, norm.of_peak) == (None, None)


def test_tensor_that_is_given_twice_is_counted_once() -> None:
    argument = Argument((8, 4), 128, None, 64)
    (total,) = sum_calls(count_calls([KernelCall("add", (argument, argument), (1.0,))], None), PEAK)
    assert total.gbytes_s == pytest.approx(128e-9)


def test_padded_arrays_have_times_alone() -> None:
    calls = [call("attention", (10, 300), (1,), (10, 100), seconds=(0.004,))]
    (total,) = sum_calls(count_calls(calls, None, counts=False), PEAK)
    assert (total.gflops, total.of_peak, total.gbytes_s, total.of_memory) == (None, None, None, None)
    assert total.ms == pytest.approx(4.0)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("small")
    small_model.write(folder, small_model.weights())
    graph = small_model.load(folder)
    build(graph, folder / "build")
    return Pipeline(graph, folder / "build", threads=1)


def inputs() -> dict[str, np.ndarray]:
    ids = np.arange(SYMBOLS)[None]
    return {"input_ids": ids, "length": np.array([SYMBOLS]), "text_mask": np.zeros((1, SYMBOLS), bool)}


def test_stage_has_the_products_of_its_layers(pipeline: Pipeline) -> None:
    profile = profile_stage(pipeline, STAGE, inputs(), 2, 1, PEAK)
    shapes = {(total.kernel, total.shape) for total in profile.kernels}
    assert {("lstm_scan", "4 steps, 8 units"), ("conv1d", "16 to 64, 1 tap, 4 rows")} <= shapes
    conv = next(total for total in profile.kernels if total.shape.startswith("16 to 16, 5 taps"))
    assert conv.gflops == pytest.approx(conv.calls * 2 * 4 * 16 * 16 * 5 / conv.ms * 1e-6)
    assert profile.ms > 0
    assert profile.kernels_ms == pytest.approx(sum(total.ms for total in profile.kernels))
    assert list(profile.kernels) == sorted(profile.kernels, key=lambda total: -total.ms)


def test_python_stage_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(RunError, match="stage 'tokenize' has no kernels to profile: it is Python"):
        profile_stage(pipeline, "tokenize", {}, 1, 1, PEAK)


def test_library_made_elsewhere_has_kernels_without_layers(toy_graph: Path, toy_root: Path) -> None:
    given = {"input_ids": np.arange(3)[None], "text_mask": np.zeros((1, 3), bool)}
    profile = profile_stage(Pipeline(load_graph(str(toy_graph)), toy_root), "scaled", given, 1, 1, PEAK)
    assert profile.kernels
    assert {total.gflops for total in profile.kernels} == {None}
    assert None not in {total.gbytes_s for total in profile.kernels}

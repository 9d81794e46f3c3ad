"""The decoder in bfloat16: how far from the reference, nothing else changed, exact under padding, refused where it
cannot run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")

from runner.api import Pipeline
from runner.build.build import build
from runner.build.targets import check_target
from runner.engine.options import RunOptions
from runner.errors import BuildError, RunError
from runner.graph.load import Graph, load_graph
from runner.runtime import amx, devices
from tests import real_model
from tests.parity import STAGES, Bar, Subject, Utterance, hold_figures, signal_to_noise
from tests.test_parity import build_subject

Synthetic = Callable[[str, int, str], Path]
On = Callable[..., Graph]

FEATURE = "avx512bf16"
# A rounding to 8 bits an operand; 30 dB is where the residue is a thousandth of the energy.
NEAR = Bar(30, in_decibels=True)
SYMBOLS = (1, 5, 30)

needs_bf16 = pytest.mark.skipif(FEATURE not in devices.cpu_features(), reason=f"this machine's CPU lacks {FEATURE}")


@pytest.fixture(scope="session")
def on(synthetic: Synthetic) -> On:
    """`on("small", "bf16")`: the default graph on a synthetic model or on Kokoro, with configs/bf16.yaml or without."""

    def graph(model: str, precision: str, *sets: str) -> Graph:
        if model == "kokoro":
            if (why := real_model.obstacle()) is not None:
                pytest.skip(why)
            overlays = [real_model.MODEL]
        else:
            overlays = [str(synthetic(model, 0, "pth" if model == "tiny" else "safetensors"))]
        return load_graph("default", [*overlays, *["bf16"] * (precision == "bf16")], sets)

    return graph


@pytest.fixture(scope="session")
def build_root(cache_folder: Path) -> Path:
    return cache_folder / "build"


@pytest.fixture(scope="session")
def subjects(on: On, build_root: Path) -> Callable[[str, str], Subject]:
    """`subjects("small", "bf16")`: a model on both sides, its libraries built."""

    def subject(model: str, precision: str) -> Subject:
        return replace(build_subject(model, on(model, precision), build_root), name=f"{model} {precision}")

    return cache(subject)


@needs_bf16
@pytest.mark.parametrize("model", ["tiny", "small", pytest.param("kokoro", marks=pytest.mark.full)])
def test_decoder_in_bf16_is_near_the_reference(
    request: pytest.FixtureRequest, subjects: Callable[[str, str], Subject], model: str
) -> None:
    found = []
    for symbols in SYMBOLS:
        figures = Utterance(subjects(model, "bf16"), symbols, 0).stage_figures(["decoder"])
        found += [replace(figure, bar=NEAR) for figure in figures]
    hold_figures(request, found)


@needs_bf16
@pytest.mark.parametrize("symbols", SYMBOLS)
def test_bf16_changes_the_decoder_alone(subjects: Callable[[str, str], Subject], symbols: int) -> None:
    single, halved = (subjects("small", precision) for precision in ("fp32", "bf16"))
    words = single.words(symbols, 0)
    one, other = (
        each.pipeline.run({"phonemes": words, "voice": each.pack}, RunOptions(keep=True)) for each in (single, halved)
    )
    for port in one:
        if port != "audio" and not port.startswith(("decoder.", "trim.")):
            np.testing.assert_array_equal(other[port], one[port], err_msg=port)
    assert not np.array_equal(one["decoder.audio"], other["decoder.audio"])
    assert signal_to_noise(one["decoder.audio"], other["decoder.audio"]) > NEAR.limit


@needs_bf16
@pytest.mark.parametrize("symbols", SYMBOLS)
def test_bf16_padded_and_on_other_threads_is_equal_bit_for_bit(
    on: On, build_root: Path, subjects: Callable[[str, str], Subject], symbols: int
) -> None:
    subject = subjects("small", "bf16")
    words = subject.words(symbols, 0)
    expected = subject.pipeline.run({"phonemes": words, "voice": subject.pack})["audio"]
    padded = Pipeline(on("small", "bf16", "dims.text=40", "dims.frames=256"), build_root, threads=1)
    np.testing.assert_array_equal(padded.run({"phonemes": words, "voice": subject.pack})["audio"], expected)


@needs_bf16
@pytest.mark.parametrize("symbols", SYMBOLS)
def test_every_stage_can_be_in_bf16(
    on: On, build_root: Path, subjects: Callable[[str, str], Subject], symbols: int
) -> None:
    exact = subjects("tiny", "fp32")
    graph = on("tiny", "bf16", *(f"stages.{stage}.device=accel" for stage in STAGES))
    build(graph, build_root)
    utterance = Utterance(replace(exact, pipeline=Pipeline(graph, build_root)), symbols, 0)
    for figure in utterance.stage_figures([stage for stage in STAGES if stage != "decoder"]):
        assert 1e-6 < figure.ours < 0.1, figure.quantity  # rounded, and no more


def test_building_for_bf16_is_refused_where_the_cpu_lacks_it(
    on: On, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is checked in the worker of a build, which a test cannot take a feature from; so this process checks, too."""
    lacking = devices.cpu_features() - {FEATURE}
    monkeypatch.setattr(devices, "cpu_features", lambda: lacking)
    refusal = f"^stage 'decoder': the device's target needs {FEATURE}, which this CPU lacks"
    graph = on("tiny", "bf16")
    with pytest.raises(BuildError, match=refusal):
        check_target("decoder", graph.stages["decoder"].kind.target)
    monkeypatch.undo()
    if FEATURE not in devices.cpu_features():
        with pytest.raises(BuildError, match=refusal):
            build(graph, tmp_path)
    assert not list(tmp_path.rglob("*.so"))


@needs_bf16
@pytest.mark.skipif("amx-bf16" not in devices.cpu_features(), reason="this machine's CPU lacks amx-bf16")
def test_library_with_amx_is_refused_where_the_system_refuses_it(
    on: On, build_root: Path, subjects: Callable[[str, str], Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subjects("tiny", "bf16")
    monkeypatch.setattr(amx, "request_permission", lambda: "Operation not supported")
    with pytest.raises(RunError, match="uses AMX, which this system does not let the process use: Operation not supp"):
        Pipeline(on("tiny", "bf16"), build_root).run({"phonemes": "a", "voice": subject.pack})

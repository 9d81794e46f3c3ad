"""The compiled pipeline against the PyTorch reference, padded against not, one thread against two, and NaN refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")

from runner.api import Pipeline
from runner.build.build import build
from runner.engine.options import RunOptions
from runner.errors import RunError
from runner.graph.load import Graph, load_graph
from runner.runtime.devices import missing_features
from tests import real_model
from tests.parity import SEEDS, SHORT, SYMBOLS, Figure, Subject, Utterance, hold_figures, read_subject

Synthetic = Callable[[str, int, str], Path]

# The format of a synthetic checkpoint; None for the trained ones, the default model and Kokoro itself.
MODELS = {"tiny": "pth", "small": "safetensors", "mini": None, "kokoro": None}
IN_CI = ("kokoro", 30, 0)  # of full size this utterance alone: it takes PyTorch half a minute in float64
AVX2 = ("devices.host=cpu-avx2:0", "devices.accel=cpu-avx2:0")
SPOKEN = (1, 5, 30)  # symbols of the utterances that need no reference


@pytest.fixture(scope="session")
def load(repository: Path, synthetic: Synthetic) -> Callable[..., Graph]:
    """`load("tiny", overlays, options)`: the default graph on one of MODELS."""

    def graph(name: str, overlays: Sequence[Path] = (), options: Sequence[str] = ()) -> Graph:
        suffix = MODELS[name]
        if name == "kokoro" and (why := real_model.obstacle()) is not None:
            pytest.skip(why)
        models = [synthetic(name, 0, suffix)] if suffix is not None else [real_model.MODEL] * (name == "kokoro")
        paths = [str(path) for path in (*models, *overlays)]
        return load_graph(str(repository / "graphs" / "default.yaml"), paths, options)

    return graph


@pytest.fixture(scope="session")
def build_root(cache_folder: Path) -> Path:
    """Where the tests' libraries are built; what is current from the last session is used again."""
    return cache_folder / "build"


def build_subject(name: str, graph: Graph, build_root: Path) -> Subject:
    """The model on both sides, its libraries built."""
    build(graph, build_root)
    return read_subject(name, graph, Pipeline(graph, build_root, threads=2))


@pytest.fixture(scope="session")
def subjects(load: Callable[..., Graph], build_root: Path) -> Callable[[str], Subject]:
    """`subjects("tiny")`: one of MODELS on both sides, made when first asked for."""
    return cache(lambda name: build_subject(name, load(name), build_root))


def of_each_model(*cases: tuple[int, ...]) -> list[Any]:
    """(model, *case) for every one of MODELS and every case; full size is marked so, but for one utterance, and so are
    the longest utterances of synthetic models but for one seed, which take a minute and a half."""

    def is_long(name: str, case: tuple[int, ...]) -> bool:
        if name == "kokoro":
            return (name, *case) != IN_CI
        return name != "mini" and case[:1] == (max(SYMBOLS),) and case[1:] != (SEEDS[0],)

    return [
        pytest.param(
            (name, *case), marks=[pytest.mark.full] * is_long(name, case), id="-".join(map(str, (name, *case)))
        )
        for name in MODELS
        for case in cases
    ]


@pytest.fixture(scope="module", params=of_each_model(()))
def subject(request: pytest.FixtureRequest, subjects: Callable[[str], Subject]) -> Subject:
    return subjects(request.param[0])


@pytest.fixture(scope="module", params=of_each_model(*product(SYMBOLS, SEEDS)))
def utterance(request: pytest.FixtureRequest, subjects: Callable[[str], Subject]) -> Utterance:
    """Model, symbols, seed. pytest runs the tests of an utterance together, so its reference is computed once."""
    name, symbols, seed = request.param
    return Utterance(subjects(name), symbols, seed)


@pytest.fixture(scope="module")
def tiny(subjects: Callable[[str], Subject]) -> Subject:
    return subjects("tiny")


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[list[Figure]], None]:
    """Puts figures into the table printed at the end of the session, then holds them to their bars."""
    return partial(hold_figures, request)


def test_each_stage_equals_the_reference(utterance: Utterance, note: Callable[[list[Figure]], None]) -> None:
    note(utterance.stage_figures())


def test_alignment_of_the_reference_logits_is_equal(utterance: Utterance) -> None:
    ours = utterance.subject.pipeline.call_stage("align", utterance.inputs("align"))
    for port, expected in utterance.expected("align").items():
        np.testing.assert_array_equal(ours[port], expected, err_msg=port)


def test_whole_graph_has_equal_durations_and_audio(utterance: Utterance, note: Callable[[list[Figure]], None]) -> None:
    figures = []
    for with_f0 in (True, False) if utterance.symbols <= SHORT else (True,):
        ours = utterance.speak(with_f0=with_f0)
        np.testing.assert_array_equal(ours["tokenize.input_ids"], utterance.input_ids)
        np.testing.assert_array_equal(ours["align.durations"], utterance.ports["durations"])
        assert ours["trim.audio"].shape == (600 * int(utterance.ports["frame_count"][0]),)
        np.testing.assert_array_equal(ours["trim.audio"], ours["decoder.audio"][0])
        figures.append(utterance.whole_figure(ours, with_f0=with_f0))
    note(figures)


@pytest.mark.skipif(bool(missing_features(["avx2", "fma"])), reason="this CPU has no AVX2")
@pytest.mark.skipif(
    bool(missing_features(["avx512f"])), reason="AVX2 is this CPU's own variant, which other tests compare"
)
@pytest.mark.parametrize("symbols", [1, 30])
def test_avx2_form_equals_the_reference(
    tiny: Subject, load: Callable[..., Graph], build_root: Path, note: Callable[[list[Figure]], None], symbols: int
) -> None:
    graph = load("tiny", options=AVX2)
    build(graph, build_root)
    narrow = replace(tiny, name="tiny avx2", pipeline=Pipeline(graph, build_root, threads=2))
    note(Utterance(narrow, symbols, 0).stage_figures())


@pytest.mark.parametrize("symbols", SPOKEN)
def test_padded_graph_is_equal_bit_for_bit_and_zero_past_the_end(
    subject: Subject, load: Callable[..., Graph], build_root: Path, repository: Path, symbols: int
) -> None:
    static = Pipeline(load(subject.name, [repository / "configs" / "static.yaml"]), build_root, threads=2)
    padded, dynamic = (speak(pipeline, subject, symbols) for pipeline in (static, subject.pipeline))
    assert padded["bert.d_en"].shape[2] == 512
    assert padded["f0n.f0"].shape[1] == 2 * padded["align.en"].shape[2] > dynamic["f0n.f0"].shape[1]
    for port, expected in dynamic.items():
        assert_equal_then_padding(port, expected, padded[port])


def assert_equal_then_padding(port: str, expected: np.ndarray, padded: np.ndarray) -> None:
    """`padded` holds `expected`'s bits in its first elements of each axis; past them a mask is True, all else 0."""
    valid = tuple(slice(size) for size in expected.shape)
    assert padded[valid].tobytes() == expected.tobytes(), port
    rest = padded.copy()
    rest[valid] = port == "tokenize.text_mask"
    assert np.all(rest == (port == "tokenize.text_mask")), port


def speak(pipeline: Pipeline, subject: Subject, symbols: int, seed: int = 0) -> dict[str, np.ndarray]:
    ports = pipeline.run(
        {"phonemes": subject.words(symbols, 0), "voice": subject.pack}, RunOptions(params={"seed": seed}, keep=True)
    )
    return {port: value for port, value in ports.items() if "." in port}


def test_same_seed_gives_the_same_bits_with_any_number_of_threads(subject: Subject, build_root: Path) -> None:
    two = speak(subject.pipeline, subject, 30)
    for threads in (1, 2):
        again = speak(Pipeline(subject.pipeline.graph, build_root, threads=threads), subject, 30)
        for port, value in two.items():
            assert again[port].tobytes() == value.tobytes(), f"{port} with {threads} threads"


def test_another_seed_differs_in_the_audio_alone(subject: Subject) -> None:
    first, second = (speak(subject.pipeline, subject, 5, seed) for seed in (0, 1))
    different = {port for port, value in first.items() if second[port].tobytes() != value.tobytes()}
    assert different == {"decoder.audio", "trim.audio"}


FLOAT_PORTS = (
    "voice.style_decoder",
    "bert.d_en",
    "duration.logits",
    "duration.d",
    "text_encoder.t_en",
    "align.en",
    "f0n.f0",
    "decoder.audio",
    "trim.audio",
)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("port", FLOAT_PORTS)
def test_number_that_is_none_is_an_error_that_names_its_port(tiny: Subject, port: str, value: float) -> None:
    spoken = speak(tiny.pipeline, tiny, 5)[port].copy()
    spoken[..., -1] = value
    with pytest.raises(RunError, match=port.replace(".", r"\.")):
        tiny.pipeline.run(
            {"phonemes": tiny.words(5, 0), "voice": tiny.pack},
            RunOptions(override={port: spoken}),
        )


@pytest.mark.parametrize(("stage", "port", "output"), [("f0n", "style", "f0n.f0"), ("decoder", "asr", "decoder.audio")])
def test_overflow_inside_a_stage_is_an_error_that_names_its_output(
    tiny: Subject, stage: str, port: str, output: str
) -> None:
    inputs = Utterance(tiny, 5, 0).inputs(stage)
    inputs[port] = np.full_like(inputs[port], 3e38) * np.linspace(-1, 1, inputs[port].shape[-1], dtype=np.float32)
    with pytest.raises(RunError, match=output.replace(".", r"\.")):
        tiny.pipeline.call_stage(stage, inputs)

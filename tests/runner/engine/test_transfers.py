"""Devices other than the host: arrays cross a border only when somebody beyond it takes them, and the plan says so.

The CPU serves as the other device: to TVM `cpu:1` is one, whose memory happens to be the host's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.api import Pipeline
from runner.build.probe import probe
from runner.cache.cache import Cache
from runner.engine.compiled_stage import CompiledStage
from runner.engine.options import RunOptions
from runner.engine.run_state import Copy
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from runner.runtime import tvm_runtime
from tests.runner.graphs import on_devices

Run = Callable[..., tuple[int, str, str]]
Away = Callable[..., Pipeline]
WORDS = "hɛlˈO"
COMPILED = ("bert", "duration", "text_encoder", "f0n", "decoder")


@pytest.fixture
def away(tiny_model: Path, tiny_root: Path, stage_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Away:
    """`away(bert="cpu:1", ...)`: the default graph with stages on other devices; `cached=True` with a cache."""
    monkeypatch.setattr(tvm_runtime, "present", lambda device: device[0] == "cpu" and device[1] < 3)

    def pipeline(*sets: str, cached: bool = False, **devices: str) -> Pipeline:
        graph = on_devices(load_graph("default", [str(tiny_model)], sets), **devices)
        return Pipeline(graph, tiny_root, threads=1, cache=Cache(stage_cache) if cached else None)

    return pipeline


def all_on(device: str) -> dict[str, str]:
    return dict.fromkeys(COMPILED, device)


def crossings(copies: Iterable[Copy]) -> Counter[tuple[str, str, str]]:
    return Counter((copy.port, copy.source, copy.target) for copy in copies if "." in copy.port)


def planned(pipeline: Pipeline, **how: Any) -> list[Copy]:
    made = pipeline.plan_run(pipeline.start({"phonemes": WORDS}, RunOptions(**how)))
    return [copy for stage in made.stages.values() for copy in stage.copies]


def test_run_on_another_device_gives_the_same_bits(away: Away) -> None:
    here, there = (
        away().run({"phonemes": WORDS}, RunOptions(keep=True)),
        away(**all_on("cpu:1")).run({"phonemes": WORDS}, RunOptions(keep=True)),
    )
    assert here.copies == []
    for port, value in here.items():
        assert there[port].tobytes() == value.tobytes(), port


def test_array_stays_on_its_device_between_neighbours(away: Away) -> None:
    copies = crossings(away(**all_on("cpu:1")).run({"phonemes": WORDS}).copies)
    back = {port for port, source, _ in copies if source == "cpu:1"}
    assert back == {"duration.logits", "duration.d", "text_encoder.t_en", "decoder.audio"}
    there = {port for port, _, target in copies if target == "cpu:1"}
    assert not there & {"bert.d_en", "f0n.f0", "f0n.n"}


def test_array_comes_to_the_host_once_and_goes_to_each_stage_that_takes_it(away: Away) -> None:
    pipeline = away(bert="cpu:1", duration="cpu:2", decoder="cpu:1")
    result = pipeline.run({"phonemes": WORDS})
    copies = crossings(result.copies)
    assert copies["bert.d_en", "cpu:1", "host"] == copies["bert.d_en", "host", "cpu:2"] == 1
    assert copies["tokenize.length", "host", "cpu:2"] == 1
    assert copies["params.seed", "host", "cpu:1"] == 1
    sizes = {copy.port: copy.bytes for copy in result.copies}
    assert (sizes["params.seed"], sizes["tokenize.length"]) == (8, 8)
    assert sizes["decoder.audio"] == result["audio"].nbytes


CASES: dict[str, dict[str, Any]] = {
    "everything": {},
    "with a cache": {"cached": True},
    "every port": {"keep": True},
    "until f0n": {"scope": Scope(until="f0n")},
    "until duration, with a cache": {"scope": Scope(until="duration"), "cached": True},
}


@pytest.mark.parametrize("devices", [all_on("cpu:1"), {"decoder": "cpu:1"}, {"bert": "cpu:1", "duration": "cpu:2"}])
@pytest.mark.parametrize("case", CASES)
def test_plan_lists_the_copies_of_the_run(away: Away, case: str, devices: dict[str, str]) -> None:
    how = dict(CASES[case])
    pipeline = away(cached=how.pop("cached", False), **devices)
    expected = planned(pipeline, **how)
    got = pipeline.run({"phonemes": WORDS}, RunOptions(**how)).copies
    assert crossings(got) == crossings(expected)
    known = {copy.port: copy.bytes for copy in expected if copy.bytes is not None}
    assert all(known.get(copy.port, copy.bytes) == copy.bytes for copy in got)


def test_plan_lists_the_copies_of_a_run_that_finds_some_results_kept(away: Away) -> None:
    away(cached=True, **all_on("cpu:1")).run({"phonemes": WORDS})
    changed = away("params.seed=1", cached=True, **all_on("cpu:1"))
    expected = planned(changed)
    assert crossings(changed.run({"phonemes": WORDS}).copies) == crossings(expected)
    assert ("f0n.f0", "host", "cpu:1") in crossings(expected)


def test_number_that_is_none_is_found_when_it_comes_to_the_host(away: Away) -> None:
    pipeline = away(**all_on("cpu:1"))
    style = np.full((1, pipeline.graph.fixed["style"]), 3e38, np.float32) * np.linspace(
        -1, 1, pipeline.graph.fixed["style"]
    )
    override = {"voice.style_prosody": style.astype(np.float32)}
    with pytest.raises(RunError, match=r"^(duration\.(logits|d)|decoder\.audio): .* not finite"):
        pipeline.run({"phonemes": WORDS}, RunOptions(override=override))


def test_absent_device_is_an_error_before_any_library_is_loaded(away: Away) -> None:
    pipeline = away(decoder="cpu:7")
    with pytest.raises(RunError, match=r"^stage 'decoder': device cpu:7 is not present: this machine has cpu:0, cpu:1"):
        pipeline.run({"phonemes": WORDS})
    stages = [pipeline.executors[name] for name in COMPILED]
    assert all(isinstance(stage, CompiledStage) and not stage.is_loaded for stage in stages)


@pytest.mark.parametrize("kind", ["cuda", "opencl", "metal"])
def test_absent_device_is_an_error_before_anything_is_built(
    run: Run, tiny_model: Path, tmp_path: Path, kind: str
) -> None:
    if tvm_runtime.present((kind, 0)):
        pytest.skip(f"this machine has {kind}:0")
    words = ("--phonemes", WORDS, "-o", tmp_path / "hello.wav", "--build-dir", tmp_path / "build")
    code, _, err = run("run", "default", "-c", tiny_model, "--set", f"devices.accel={kind}:0", *words)
    assert code == 2
    assert f"stage 'decoder': device {kind}:0 is not present" in err
    assert "this machine has cpu:0" in err
    assert not list((tmp_path / "build").rglob("*.so"))


def test_plan_says_which_device_is_absent_of_the_stages_that_would_run(away: Away) -> None:
    made = away(decoder="cpu:7", bert="cpu:1")
    plan = made.plan_run(made.start({"phonemes": WORDS}))
    absent = {name: stage.absence for name, stage in plan.stages.items() if stage.absence}
    assert list(absent) == ["decoder"]
    assert absent["decoder"].startswith("device cpu:7 is not present: this machine has cpu:0, cpu:1, cpu:2; change ")


def test_plan_asks_for_no_device_of_results_that_are_kept(away: Away) -> None:
    away(cached=True, **all_on("cpu:1")).run({"phonemes": WORDS})
    absent = away(cached=True, **all_on("cpu:8"))
    run = absent.start({"phonemes": WORDS})
    assert not any(stage.absence for stage in absent.plan_run(run).stages.values())
    absent.check_devices_of(run)


@pytest.mark.parametrize("device", ["cuda:0", "cuda:7", "opencl:0", "metal:1"])
def test_plan_command_prints_the_plan_and_the_error_of_the_run(run: Run, tiny_model: Path, device: str) -> None:
    kind, _, index = device.partition(":")
    if tvm_runtime.present((kind, int(index))):
        pytest.skip(f"this machine has {device}")
    given = ("default", "-c", tiny_model, "--set", f"devices.accel={device}", "--phonemes", WORDS)
    code, out, err = run("plan", *given)
    (line,) = [line for line in out.splitlines() if line.startswith("  decoder ")]
    assert (code, f"device {device} is not present" in line, "this machine has cpu:0" in line) == (2, True, True)
    assert out.count("is not present") == 1
    assert err == run("run", *given, "-q")[2]
    assert run("plan", *given, "--until", "bert")[0] == 0


def test_probe_on_an_absent_device_is_an_error(away: Away) -> None:
    kept = away().run({"phonemes": WORDS}, RunOptions(keep=True))
    graph = away(text_encoder="opencl:0").graph
    inputs = {port: kept[str(wire.ref)] for port, wire in graph.stages["text_encoder"].inputs.items()}
    with pytest.raises(RunError, match=r"device opencl:0 is not present \(this TVM has no runtime for opencl\)"):
        probe(graph, "text_encoder", inputs)


def test_kept_results_need_no_device(away: Away) -> None:
    audio = away(cached=True, **all_on("cpu:1")).run({"phonemes": WORDS})["audio"]
    absent = away(cached=True, **all_on("cpu:8"))
    np.testing.assert_array_equal(absent.run({"phonemes": WORDS})["audio"], audio)

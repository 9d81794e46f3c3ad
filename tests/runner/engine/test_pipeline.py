"""A graph from input to output, on the toy stage."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.engine import python_stage
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.types import Ref
from runner.runtime import manifest
from runner.runtime.manifest import File, Manifest, Tensor
from tests.runner.graphs import on_devices
from tests.runner.toys import MINI
from tests.systems import needs_proc

WORD = "hɛ"  # ids 50, 86
TOKENS = [[0, 50, 86, 0]]


@pytest.fixture
def pipeline(toy_graph: Path, toy_root: Path) -> Pipeline:
    return Pipeline(load_graph(str(toy_graph)), toy_root)


def test_run_gives_the_outputs_of_the_graph(pipeline: Pipeline) -> None:
    result = pipeline.run({"phonemes": WORD})
    assert list(result) == ["y"]
    assert result["y"].tolist() == [[0, 100, 172, 0]]
    assert list(result.timings) == ["tokenize", "scaled"]
    assert all(seconds > 0 for seconds in result.timings.values())


def test_run_keeps_every_port_when_asked(pipeline: Pipeline) -> None:
    result = pipeline.run({"phonemes": WORD}, RunOptions(keep=True))
    ports = ["input_ids", "length", "text_mask", "attention_mask"]
    assert list(result) == [*(f"tokenize.{port}" for port in ports), "scaled.y", "scaled.n", "y"]
    assert result["tokenize.input_ids"].tolist() == TOKENS


def test_finish_drops_what_nobody_needs(pipeline: Pipeline) -> None:
    run = pipeline.prepare({"phonemes": WORD})
    assert sorted(map(str, run.values)) == ["tokenize.input_ids", "tokenize.text_mask"]
    pipeline.finish(run)
    assert sorted(map(str, run.values)) == ["scaled.y"]


def resident_kib(path: Path) -> int:
    """How much of a mapped file is in this process's memory."""
    mappings = Path("/proc/self/smaps").read_text(errors="replace").split(f" {path}\n")[1:]
    return sum(int(re.findall(r"^Rss: +([0-9]+) kB", mapping, re.MULTILINE)[0]) for mapping in mappings)


@needs_proc
def test_weights_leave_memory_after_the_last_run_and_come_back_with_another(pipeline: Pipeline, toy_root: Path) -> None:
    weights = manifest.weights_path(toy_root / "toy" / "cpu" / "scaled.so")
    before = pipeline.run({"phonemes": WORD})
    assert resident_kib(weights) > 0
    last = pipeline.finish(pipeline.prepare({"phonemes": WORD}), last=True)
    assert resident_kib(weights) == 0
    again = pipeline.run({"phonemes": WORD})
    assert resident_kib(weights) > 0
    assert before["y"].tolist() == last["y"].tolist() == again["y"].tolist()


def test_override_replaces_a_port(pipeline: Pipeline) -> None:
    result = pipeline.run({"phonemes": WORD}, RunOptions(override={"tokenize.input_ids": np.array([[0, 1, 2, 0]])}))
    assert result["y"].tolist() == [[0, 2, 4, 0]]


def test_override_is_held_to_the_type_of_its_port(pipeline: Pipeline) -> None:
    with pytest.raises(RunError, match=r"^tokenize\.input_ids: expected int64\[1, text\], got float32\[1, 4\]"):
        pipeline.start({"phonemes": WORD}, RunOptions(override={"tokenize.input_ids": np.zeros((1, 4), np.float32)}))


def test_input_of_another_type_is_refused_before_a_stage_runs(pipeline: Pipeline) -> None:
    with pytest.raises(RunError, match=r"phonemes: expected text, got int$"):
        pipeline.start({"phonemes": 3})


def test_peek_gives_a_retained_port_without_a_cache(pipeline: Pipeline) -> None:
    ids = Ref("tokenize", "input_ids")
    run = pipeline.start({"phonemes": WORD}, RunOptions(retain=frozenset({ids})))
    assert pipeline.peek(run, ids) is None
    pipeline.finish(run)
    found = pipeline.peek(run, ids)
    assert found is not None
    assert found.tolist() == TOKENS
    assert pipeline.peek(run, Ref("tokenize", "text_mask")) is None


def test_call_stage_runs_one_stage(pipeline: Pipeline) -> None:
    given = {"input_ids": np.array([[3, 4]]), "text_mask": np.array([[False, True]])}
    assert pipeline.call_stage("scaled", given)["y"].tolist() == [[6, 0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.run({"phonemes": WORD, "speed": 1}), "no input is called 'speed'; known: phonemes"),
        (lambda p: p.run(), "input 'phonemes' of the graph is missing: it takes str"),
        (lambda p: p.run({"phonemes": 3}), "input.phonemes: expected text, got int"),
        (
            lambda p: p.run({"phonemes": WORD}, RunOptions(params={"skip": 1})),
            "no parameter is called 'skip'; known: alphabet, skip_unknown",
        ),
        (
            lambda p: p.run({"phonemes": WORD}, RunOptions(params={"skip_unknown": 1})),
            "params.skip_unknown: expected bool[], got 1",
        ),
        (lambda p: p.run({"phonemes": "hɛ%"}), "stage 'tokenize': column 3: unknown symbol '%' U+0025"),
        (lambda p: p.run({"phonemes": ""}), "stage 'tokenize': no phonemes"),
        (lambda p: p.run({"phonemes": "h" * 15}), "tokenize.input_ids: expected int64[1, text], got int64[1, 17]"),
        (
            lambda p: p.run({"phonemes": WORD}, RunOptions(override={"scaled.z": np.zeros(1)})),
            "no port is called 'scaled.z'; did you mean 'scaled.y'",
        ),
        (lambda p: p.call_stage("scales", {}), "no stage is called 'scales'; did you mean 'scaled'"),
        (lambda p: p.call_stage("scaled", {}), "no array given is called 'input_ids'"),
    ],
)
def test_run_refuses(pipeline: Pipeline, call: Callable[[Pipeline], object], message: str) -> None:
    with pytest.raises(RunError) as error:
        call(pipeline)
    assert message in str(error.value)


def test_mask_of_int8_is_caught_before_the_library_is_loaded(toy_graph: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(load_graph(str(toy_graph)), tmp_path / "nothing is built here")
    given = {"input_ids": np.array([[3, 4]]), "text_mask": np.zeros((1, 2), np.int8)}
    with pytest.raises(RunError) as error:
        pipeline.call_stage("scaled", given)
    expected = "scaled.text_mask <- tokenize.text_mask: expected bool[1, text], got int8[1, 2]; a mask is bool"
    assert expected in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_result_that_is_not_finite_names_stage_and_port(toy_graph: Path, toy_root: Path, bad: float) -> None:
    weights = toy_root / "toy" / "cpu" / "scaled.weights"
    weights.write_bytes(np.float32(bad).tobytes())
    rewrite(toy_root, {"weights": File.of(weights, stamped=True)})
    with pytest.raises(RunError, match=r"scaled\.y: [0-9] of 4 values are not finite"):
        Pipeline(load_graph(str(toy_graph)), toy_root).run({"phonemes": WORD})


def test_static_dim_pads_and_gives_the_same_in_its_valid_part(
    toy_graph: Path, toy_root: Path, pipeline: Pipeline
) -> None:
    static = Pipeline(load_graph(str(toy_graph), sets=["dims.text=16"]), toy_root).run(
        {"phonemes": WORD}, RunOptions(keep=True)
    )
    assert static["tokenize.input_ids"].shape == (1, 16)
    assert static["tokenize.text_mask"].tolist() == [[False] * 4 + [True] * 12]
    np.testing.assert_array_equal(static["y"][:, :4], pipeline.run({"phonemes": WORD})["y"])
    assert not static["y"][:, 4:].any()


def test_python_stage_cannot_write_to_its_inputs() -> None:
    given = np.array(False)
    seen = python_stage._read_only(given)
    assert given.flags.writeable
    assert np.shares_memory(seen, given)
    with pytest.raises(ValueError, match="read-only"):
        seen[...] = True


def rewrite(root: Path, changes: dict[str, Any]) -> None:
    """Change the manifest of the built toy stage."""
    path = root / "toy" / "cpu" / "scaled.json"
    dataclasses.replace(Manifest.read(path), **changes).write(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpu_features": ("warp-drive",)}, "was built for a CPU with warp-drive, which this one lacks"),
        ({"tvm": "0.1"}, "was built by TVM 0.1, this is "),
        ({"inputs": {"input_ids": "int64[1, text]"}}, "has the ports (input_ids: int64[1, text]), the graph says ("),
        (
            {"outputs": {"y": "float32[1, text]"}},
            "has the ports (y: float32[1, text]), the graph says (y: float32[1, text], n:",
        ),
        ({"tensors": (Tensor("w", "float32", (9,), 0),)}, "tensor w of 36 bytes at 0 does not fit the file"),
        ({"tensors": (Tensor("w", "float31", (1,), 0),)}, "damaged manifest (ValueError: there is no dtype 'float31')"),
        ({"dims": {"text": 3}}, "was built for text = 3, the graph says 16"),
    ],
)
def test_load_refuses_a_library_that_does_not_fit(
    toy_graph: Path, toy_root: Path, changes: dict[str, Any], message: str
) -> None:
    rewrite(toy_root, changes)
    with pytest.raises(RunError) as error:
        Pipeline(load_graph(str(toy_graph)), toy_root).load()
    assert message in str(error.value)
    assert str(error.value).startswith("stage 'scaled': ")


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".so", "is missing"),
        (".weights", "is missing"),
        (".json", r"takes 3 inputs \(.*\), the graph gives it 2 \(.*needs scaled\.json and scaled\.weights beside it"),
    ],
)
def test_missing_files_are_named(toy_graph: Path, toy_root: Path, suffix: str, message: str) -> None:
    (toy_root / "toy" / "cpu" / f"scaled{suffix}").unlink()
    with pytest.raises(RunError, match=message):
        Pipeline(load_graph(str(toy_graph)), toy_root).run({"phonemes": WORD})


def test_library_without_the_entry_is_refused(toy_graph: Path, toy_root: Path) -> None:
    graph = load_graph(str(toy_graph), sets=["stages.scaled.entry=other_forward"])
    with pytest.raises(RunError, match=r"stage 'scaled': library .* has no entry 'other_forward'"):
        Pipeline(graph, toy_root).load()


def test_absent_device_is_refused_before_loading(toy_graph: Path, toy_root: Path) -> None:
    graph = on_devices(load_graph(str(toy_graph)), scaled="cpu:7")
    with pytest.raises(RunError, match="device cpu:7 is not present: this machine has cpu:0"):
        Pipeline(graph, toy_root).load()


def test_stage_that_takes_an_absent_key_of_the_config_is_named(toy_graph: Path, tmp_path: Path) -> None:
    config = json.loads((MINI / "config.json").read_text("utf-8"))
    del config["vocab"]
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    graph = load_graph(str(toy_graph), sets=[f"model.config={tmp_path / 'config.json'}"])
    with pytest.raises(RunError, match=r"^stage 'tokenize' takes vocab of the model's config\.json, which has none"):
        Pipeline(graph)


def test_threads_do_not_change_a_result(toy_graph: Path, toy_root: Path) -> None:
    graph = load_graph(str(toy_graph))
    one, two = (Pipeline(graph, toy_root, threads=count).run({"phonemes": WORD})["y"] for count in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_an_input_may_be_called_as_an_option_of_a_run(toy_graph: Path, toy_root: Path) -> None:
    text = toy_graph.read_text("utf-8").replace("inputs:\n  phonemes: str", "inputs:\n  keep: str")
    toy_graph.write_text(text.replace("<- input.phonemes", "<- input.keep"), "utf-8")
    result = Pipeline(load_graph(str(toy_graph)), toy_root).run({"keep": WORD})
    assert result["y"].tolist() == [[0, 100, 172, 0]]

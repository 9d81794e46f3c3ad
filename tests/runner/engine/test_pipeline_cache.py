"""Runs with a cache: what is kept is not computed again, and nobody can tell from the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runner.cache.cache import Cache
from runner.engine.compiled_stage import CompiledStage
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline, Result
from runner.engine.run_state import Status
from runner.engine.run_template import RunTemplate
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.selection import Scope
from runner.runtime import tvm_runtime
from runner.runtime.manifest import File, Manifest, manifest_path, weights_path
from tests.runner.toys import offer_stage

WORD = "hɛ"
Make = Callable[..., Pipeline]


@pytest.fixture
def make(toy_graph: Path, toy_root: Path, stage_cache: Path) -> Make:
    """`make("stages.tokenize.cache=false")`: the toy graph with the test's cache, as a new process would have it."""

    def pipeline(*sets: str, max_bytes: int = 1 << 30) -> Pipeline:
        return Pipeline(load_graph(str(toy_graph), sets=sets), toy_root, cache=Cache(stage_cache, max_bytes))

    return pipeline


def statuses(result: Result) -> dict[str, str]:
    return {name: run.status for name, run in result.stages.items()}


def weigh(root: Path, w: float) -> None:
    """Give the built toy stage another weight, as a new build would."""
    library = root / "toy" / "cpu" / "scaled.so"
    weights_path(library).write_bytes(np.array([w], "<f4").tobytes())
    manifest = Manifest.read(manifest_path(library))
    weights = File.of(weights_path(library), stamped=True)
    dataclasses.replace(manifest, weights=weights).write(manifest_path(library))


def tensors(cache: Path) -> list[Path]:
    return sorted((cache / "tensors").rglob("*.npy"))


def test_second_run_runs_nothing_and_loads_no_library(make: Make) -> None:
    first = make().run({"phonemes": WORD})
    pipeline = make()
    second = pipeline.run({"phonemes": WORD})
    assert statuses(first) == {"tokenize": Status.RUN, "scaled": Status.RUN}
    assert statuses(second) == {"tokenize": Status.HIT, "scaled": Status.HIT}
    assert second["y"].tobytes() == first["y"].tobytes()
    assert second.timings == {}
    stage = pipeline.executors["scaled"]
    assert isinstance(stage, CompiledStage)
    assert not stage.is_loaded


def test_run_is_bit_identical_without_a_cache(make: Make, toy_graph: Path, toy_root: Path) -> None:
    plain = Pipeline(load_graph(str(toy_graph)), toy_root).run({"phonemes": WORD}, RunOptions(keep=True))
    for _ in range(2):
        kept = make().run({"phonemes": WORD}, RunOptions(keep=True))
        assert list(kept) == list(plain)
        for port, array in plain.items():
            assert (kept[port].dtype, kept[port].shape) == (array.dtype, array.shape)
            assert kept[port].tobytes() == array.tobytes()


def test_prepare_and_finish_use_the_cache(make: Make) -> None:
    make().run({"phonemes": WORD})
    pipeline = make()
    request = pipeline.prepare({"phonemes": WORD})
    assert pipeline.misses(request) == []
    assert pipeline.finish(request)["y"].tolist() == [[0, 100, 172, 0]]


def test_misses_names_the_libraries_that_may_run(make: Make) -> None:
    pipeline = make()
    assert pipeline.misses(pipeline.start({"phonemes": WORD})) == ["scaled"]


def test_check_keeps_nothing(make: Make, stage_cache: Path) -> None:
    check = RunTemplate(make(), {}, ["phonemes"], RunOptions())
    check.check({"phonemes": WORD})
    assert tensors(stage_cache) == []
    with pytest.raises(RunError, match="unknown symbol"):
        check.check({"phonemes": "%"})
    assert tensors(stage_cache) == []


def test_other_input_with_the_same_result_stops_there(make: Make) -> None:
    make().run({"phonemes": WORD})
    result = make().run({"phonemes": WORD}, RunOptions(params={"skip_unknown": True}))
    assert statuses(result) == {"tokenize": Status.RUN, "scaled": Status.HIT}


def test_other_text_runs_all(make: Make) -> None:
    make().run({"phonemes": WORD})
    assert statuses(make().run({"phonemes": "ɛh"})) == {"tokenize": Status.RUN, "scaled": Status.RUN}


def test_a_comment_in_the_graph_runs_nothing(make: Make, toy_graph: Path) -> None:
    make().run({"phonemes": WORD})
    toy_graph.write_text(f"# other\n{toy_graph.read_text('utf-8')}", "utf-8")
    assert Status.RUN not in statuses(make().run({"phonemes": WORD})).values()


def test_stage_that_keeps_nothing_does_not_break_what_is_below(make: Make, stage_cache: Path) -> None:
    uncached = "stages.tokenize.cache=false"
    assert statuses(make(uncached).run({"phonemes": WORD})) == {"tokenize": Status.RUN, "scaled": Status.RUN}
    assert not (stage_cache / "records" / "tokenize").exists()
    assert statuses(make(uncached).run({"phonemes": WORD})) == {"tokenize": Status.UNNEEDED, "scaled": Status.HIT}
    assert statuses(make(uncached).run({"phonemes": "ɛh"})) == {"tokenize": Status.RUN, "scaled": Status.RUN}
    kept = make(uncached).run({"phonemes": WORD}, RunOptions(keep=True))
    assert statuses(kept) == {"tokenize": Status.RUN, "scaled": Status.HIT}
    assert kept["tokenize.input_ids"].tolist() == [[0, 50, 86, 0]]


def test_evicted_arrays_are_computed_again(make: Make, stage_cache: Path) -> None:
    first = make().run({"phonemes": WORD})["y"].tobytes()
    for path in tensors(stage_cache):
        path.unlink()
    pipeline = make()
    assert pipeline.misses(pipeline.start({"phonemes": WORD})) == ["scaled"]
    again = make().run({"phonemes": WORD})
    assert again["y"].tobytes() == first
    assert statuses(again) == {"tokenize": Status.RUN, "scaled": Status.RUN}
    assert statuses(make().run({"phonemes": WORD})) == {"tokenize": Status.HIT, "scaled": Status.HIT}


@pytest.mark.parametrize("keep", [False, True])
def test_damaged_array_is_computed_again_and_said(
    make: Make, stage_cache: Path, caplog: pytest.LogCaptureFixture, keep: bool
) -> None:
    first = make().run({"phonemes": WORD}, RunOptions(keep=keep))
    for path in tensors(stage_cache):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    again = make().run({"phonemes": WORD}, RunOptions(keep=keep))
    assert {port: array.tobytes() for port, array in again.items()} == {p: a.tobytes() for p, a in first.items()}
    assert "is damaged" in caplog.text


def test_other_weights_run_the_stage(make: Make, toy_root: Path) -> None:
    make().run({"phonemes": WORD})
    weigh(toy_root, 3)
    result = make().run({"phonemes": WORD})
    assert statuses(result) == {"tokenize": Status.HIT, "scaled": Status.RUN}
    assert result["y"].tolist() == [[0, 150, 258, 0]]
    weigh(toy_root, 2)
    assert statuses(make().run({"phonemes": WORD})) == {"tokenize": Status.HIT, "scaled": Status.HIT}


def test_library_that_is_replaced_under_way_is_not_kept_for_the_old(make: Make, toy_root: Path) -> None:
    pipeline = make()
    request = pipeline.prepare({"phonemes": WORD})
    pipeline.misses(request)
    weigh(toy_root, 3)
    with pytest.raises(RunError, match="changed while this process was running; start it again"):
        pipeline.finish(request)
    weigh(toy_root, 2)
    assert make().run({"phonemes": WORD})["y"].tolist() == [[0, 100, 172, 0]]


def test_static_dims_are_part_of_the_key(make: Make) -> None:
    make().run({"phonemes": WORD})
    padded = make("dims.text=16").run({"phonemes": WORD})
    assert padded["y"].shape == (1, 16)
    assert statuses(padded) == {"tokenize": Status.RUN, "scaled": Status.RUN}


def test_smaller_bound_refuses_what_is_kept(make: Make) -> None:
    make().run({"phonemes": WORD})
    with pytest.raises(RunError, match="makes text 4, but the graph allows 3"):
        make("dims.text.max=3").run({"phonemes": WORD})


def test_a_number_is_one_parameter_however_it_is_given(make: Make) -> None:
    make().run({"phonemes": WORD}, RunOptions(params={"skip_unknown": True}))
    assert (
        statuses(make().run({"phonemes": WORD}, RunOptions(params={"skip_unknown": np.array(True)})))["tokenize"]
        == Status.HIT
    )


def test_given_array_is_known_by_its_content(make: Make) -> None:
    ids = np.array([[0, 1, 2, 0]])
    first = make().run({"phonemes": WORD}, RunOptions(override={"tokenize.input_ids": ids}))
    assert first["y"].tolist() == [[0, 2, 4, 0]]
    assert statuses(make().run({"phonemes": WORD}, RunOptions(override={"tokenize.input_ids": ids.copy()}))) == {
        "tokenize": Status.HIT,
        "scaled": Status.HIT,
    }
    assert make().run({"phonemes": WORD})["y"].tolist() == [[0, 100, 172, 0]]


def test_result_that_differs_from_the_last_is_told(
    make: Make, stage_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A record that speaks of another result stands for a stage that gives another one each time."""
    pipeline = make()
    run = pipeline.run({"phonemes": WORD}).stages["scaled"]
    assert run.entry is not None
    other = {"y": np.ones((1, 4), np.float32), "n": np.ones((1, 8), np.float32)}
    Cache(stage_cache).store(run.entry.key, run.entry.components, other, 0.1)
    make().run({"phonemes": WORD}, RunOptions(scope=Scope(refresh=frozenset({"scaled"}))))
    assert "stage 'scaled' gave another result than the last time" in caplog.text


@pytest.mark.parametrize("token", [0, 17])  # the digest is below that of what is right, and above
def test_key_is_made_from_what_a_stage_gave_and_not_from_what_was_expected(
    make: Make, stage_cache: Path, token: int
) -> None:
    first = make().run({"phonemes": WORD}, RunOptions(keep=True))
    entry = first.stages["tokenize"].entry
    assert entry is not None
    arrays = {port: first[f"tokenize.{port}"] for port in entry.outputs}
    Cache(stage_cache).store(entry.key, entry.components, {**arrays, "input_ids": np.array([[0, token, 1, 0]])}, 0.1)
    for path in tensors(stage_cache):
        path.unlink()
    again = make().run({"phonemes": WORD})
    assert again.stages["scaled"].key == first.stages["scaled"].key
    assert again["y"].tobytes() == first["y"].tobytes()


def test_missing_library_is_named_before_its_key_is_made(make: Make, toy_root: Path) -> None:
    (toy_root / "toy" / "cpu" / "scaled.so").unlink()
    with pytest.raises(RunError, match=r"^stage 'scaled': library .*scaled\.so is missing; the graph names no source"):
        make().run({"phonemes": WORD})


def test_a_run_ends_with_a_look_at_the_limits(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[set[str]] = []
    monkeypatch.setattr(Cache, "evict", lambda _, keep: looked.append(keep))
    result = make().run({"phonemes": WORD})
    assert looked == [{stage.key for stage in result.stages.values()}]


def test_many_runs_do_not_outgrow_the_limit(make: Make, stage_cache: Path) -> None:
    pipeline, limit = make(max_bytes=20_000), 20_000
    for length in range(1, 13):
        for symbol in "hɛaəd":
            pipeline.finish(pipeline.prepare({"phonemes": symbol * length}))
    pipeline.evict()
    last = 32 * 2 * 4 * (128 + 200)  # arrays that the last runs have used stay
    assert sum(path.stat().st_size for path in tensors(stage_cache)) < limit + last
    assert len(tensors(stage_cache)) < 60 * 6 / 2


GREEDY = """
import numpy as np
from stages.contract import In, Out, stage

@stage(input_ids=In("int64[1, text]", "ids"), least=Out("int64[1]", "whether they can be written to"))
def greedy(input_ids: np.ndarray) -> dict[str, np.ndarray]:
    return {"least": np.array([int(input_ids.flags.writeable)])}
"""


def test_python_stage_sees_what_is_kept_read_only(
    tmp_path: Path, stage_cache: Path, toy_graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_stage("greedy", GREEDY, tmp_path, monkeypatch)
    text = toy_graph.read_text("utf-8")
    at = text.index("  scaled:")
    stage = "  greedy:\n    module: others.greedy\n    device: host\n    inputs:\n"
    ports = "      input_ids: int64[1, text] <- tokenize.input_ids\n    outputs:\n      least: int64[1]\n"
    toy_graph.write_text(
        f"{text[:at]}{stage}{ports}outputs:\n  least: greedy.least\n{text[text.index('dims:') :]}", "utf-8"
    )
    Pipeline(load_graph(str(toy_graph)), cache=Cache(stage_cache)).run({"phonemes": WORD})
    refresh = Scope(refresh=frozenset({"greedy"}))
    result = Pipeline(load_graph(str(toy_graph)), cache=Cache(stage_cache)).run(
        {"phonemes": WORD}, RunOptions(scope=refresh)
    )
    assert statuses(result) == {"tokenize": Status.HIT, "greedy": Status.RUN}
    assert result["least"].tolist() == [0]


def test_unwritable_cache_changes_nothing(make: Make, stage_cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("records", "tensors", "graphs", "runs"):
        (stage_cache / name).write_text("a file where a folder should be", "utf-8")
    for _ in range(2):
        assert make().run({"phonemes": WORD})["y"].tolist() == [[0, 100, 172, 0]]
    assert "cannot be written" in caplog.text


def test_plan_needs_no_unkept_stage_whose_output_is_given(make: Make, toy_graph: Path) -> None:
    text = toy_graph.read_text("utf-8").replace("outputs:\n  y: ", "outputs:\n  ids: tokenize.input_ids\n  y: ")
    toy_graph.write_text(text, "utf-8")
    options = RunOptions(override={"tokenize.input_ids": np.array([[0, 1, 2, 0]])})
    make("stages.tokenize.cache=false").run({"phonemes": WORD}, options)
    pipeline = make("stages.tokenize.cache=false")
    made = pipeline.plan_run(pipeline.start({"phonemes": WORD}, options))
    assert {name: stage.status for name, stage in made.stages.items()} == {
        "tokenize": Status.UNNEEDED,
        "scaled": Status.HIT,
    }
    assert made.arrays == 0


def test_memory_of_kernels_is_released_after_a_run_of_a_library(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[str] = []
    monkeypatch.setattr(tvm_runtime, "release_memory", lambda: released.append("kernels"))
    make().run({"phonemes": WORD})
    assert released == ["kernels"]
    make().run({"phonemes": WORD}, RunOptions(scope=Scope(refresh=frozenset({"tokenize"}))))
    assert released == ["kernels"]


def test_a_whole_number_is_the_same_parameter_as_its_float(tones_graph: Path, stage_cache: Path) -> None:
    pipeline = Pipeline(load_graph(str(tones_graph)), cache=Cache(stage_cache))
    results = [
        pipeline.run({"phonemes": WORD}, RunOptions(params={"speed": speed})) for speed in (1.0, 1, np.array(1, "f4"))
    ]
    assert [statuses(result)["tones"] for result in results] == [Status.RUN, Status.HIT, Status.HIT]


def reasons(result: Result) -> list[tuple[str, str]]:
    return [
        (str(run.status), run.reason.detail or run.reason.cause.value) for run in result.stages.values() if run.reason
    ]


def test_result_says_why_each_stage_ran_or_did_not(make: Make, toy_root: Path) -> None:
    explained, word = RunOptions(explain=True), {"phonemes": WORD}
    nothing = ("run", "nothing is kept for this stage")
    in_cache = ("hit", "its results are in the cache")
    assert reasons(make().run(word, explained)) == [nothing, nothing]
    known = ("hit", "what it gives is known, and nothing that runs takes it")
    assert reasons(make().run(word, explained)) == [known, in_cache]
    assert reasons(make().run({"phonemes": "h"}, explained)) == [
        ("run", "input phonemes changed"),
        ("run", "input input_ids changed; input text_mask changed"),
    ]
    weigh(toy_root, 3.0)
    assert reasons(make().run(word, explained)) == [in_cache, ("run", "weights changed")]
    assert reasons(make().run(word, RunOptions(scope=Scope(refresh=frozenset({"scaled"}))))) == [
        in_cache,
        ("run", "asked for"),
    ]


def test_reasons_have_no_details_unless_they_are_asked_for(make: Make, toy_graph: Path, toy_root: Path) -> None:
    missed = ("run", "its results are not in the cache")
    assert reasons(make().run({"phonemes": WORD})) == [missed, missed]
    plain = Pipeline(load_graph(str(toy_graph)), toy_root)
    assert reasons(plain.run({"phonemes": WORD}, RunOptions(explain=True))) == 2 * [("run", "there is no cache")]


def test_reason_of_a_stage_whose_kept_array_is_gone_names_the_port(make: Make, stage_cache: Path) -> None:
    make().run({"phonemes": WORD})
    pipeline = make()
    run = pipeline.prepare({"phonemes": WORD})
    for tensor in tensors(stage_cache):
        tensor.unlink()
    result = pipeline.finish(run)
    assert [str(stage.reason) for stage in result.stages.values()] == ["evicted: input_ids, text_mask", "evicted: y"]


def test_reason_of_a_stage_whose_kept_array_is_damaged_names_the_port(make: Make, stage_cache: Path) -> None:
    make().run({"phonemes": WORD})
    for tensor in tensors(stage_cache):
        tensor.write_bytes(b"no array" * 100)
    result = make().run({"phonemes": WORD})
    assert [(str(run.status), str(run.reason)) for run in result.stages.values()] == [
        ("run", "evicted: input_ids"),
        ("run", "evicted: y"),
    ]

"""Plans: they say what a run then does, without doing any of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from runner.api import Pipeline
from runner.cache.cache import Cache
from runner.engine.compiled_stage import CompiledStage
from runner.engine.options import RunOptions
from runner.engine.plan import Plan
from runner.engine.run_state import Status
from runner.graph.selection import Scope
from tests.runner.graphs import on_devices

Tiny = Callable[..., Pipeline]
Run = Callable[..., tuple[int, str, str]]
WORDS = "hɛlˈoʊ"
SCOPES = [Scope(), Scope(until="align"), Scope(start="f0n"), Scope(refresh=frozenset({"bert"}))]
ORDER = ["tokenize", "voice", "bert", "duration", "text_encoder", "align", "f0n", "decoder", "trim"]


def planned(pipeline: Pipeline, phonemes: str = WORDS, **how: Any) -> Plan:
    return pipeline.plan_run(pipeline.start({"phonemes": phonemes}, RunOptions(**how)))


def fates(made: Plan) -> dict[str, str]:
    return {name: stage.status for name, stage in made.stages.items()}


def test_first_plan_runs_everything_and_knows_why(tiny: Tiny) -> None:
    made = planned(tiny())
    assert set(fates(made).values()) == {Status.RUN}
    assert {str(stage.reason) for stage in made.stages.values()} == {"nothing is kept for this stage"}


def test_plan_after_a_run_needs_the_last_stage_alone(tiny: Tiny) -> None:
    pipeline = tiny()
    audio = pipeline.run({"phonemes": WORDS})["audio"]
    made = planned(tiny())
    last = {ref.stage for ref in pipeline.graph.outputs.values()}
    assert {name for name, status in fates(made).items() if status == Status.HIT} == last
    assert set(fates(made).values()) == {Status.HIT, Status.UNNEEDED}
    assert made.stages["trim"].bytes == audio.nbytes
    assert (made.dims["samples"], made.weights) == (audio.size, 0)


def test_plan_names_what_changed_and_who_must_run_first(tiny: Tiny) -> None:
    tiny().run({"phonemes": WORDS})
    made = planned(tiny("params.speed=1.5"))
    assert fates(made) == {
        **dict.fromkeys(("tokenize", "voice", "duration", "text_encoder"), Status.HIT),
        "bert": Status.UNNEEDED,
        "align": Status.RUN,
        **dict.fromkeys(("f0n", "decoder", "trim"), Status.DEPENDS),
    }
    assert str(made.stages["align"].reason) == "params.speed 1.0 -> 1.5"
    assert str(made.stages["f0n"].reason) == "align"
    assert "frames" not in made.dims
    assert made.bounds["frames"] == 5120
    assert made.arrays > 600 * 5120 * 4


def test_plan_loads_no_array_and_no_library(tiny: Tiny, stage_cache: Path) -> None:
    tiny().run({"phonemes": WORDS})
    for path in (stage_cache / "tensors").rglob("*.npy"):
        path.write_bytes(b"reading this would be noticed")
    pipeline = tiny("params.seed=3")
    made = planned(pipeline)
    assert str(made.stages["decoder"].reason) == "params.seed 0 -> 3"
    assert all(path.exists() for path in (stage_cache / "tensors").rglob("*.npy"))
    compiled = [stage for stage in map(pipeline.executors.get, ORDER) if isinstance(stage, CompiledStage)]
    assert len(compiled) == 5
    assert all(not stage.is_loaded for stage in compiled)


def test_plan_tells_of_evicted_arrays(tiny: Tiny, stage_cache: Path) -> None:
    tiny().run({"phonemes": WORDS})
    for path in (stage_cache / "tensors").rglob("*.npy"):
        path.unlink()
    made = planned(tiny())
    assert made.stages["trim"].status == Status.RUN
    assert str(made.stages["trim"].reason) == "evicted: audio"


def test_plan_of_a_stale_library_builds_it_first(tiny: Tiny) -> None:
    pipeline = tiny()
    pipeline.run({"phonemes": WORDS})
    made = pipeline.plan_run(pipeline.start({"phonemes": WORDS}), {"decoder": "stages/decoder.py changed"})
    assert made.stages["decoder"].status == Status.RUN
    assert str(made.stages["decoder"].reason) == "its library is built first: stages/decoder.py changed"
    assert made.stages["trim"].status == Status.DEPENDS


def test_plan_counts_copies_to_a_device_and_back(tiny: Tiny, tiny_root: Path, stage_cache: Path) -> None:
    """Of a device that this machine does not have: the plan lists them, and says that it is absent."""
    keep = tiny().run({"phonemes": WORDS}, RunOptions(keep=True))
    graph = on_devices(tiny("params.seed=1").graph, decoder="cpu:1")
    decoder = planned(Pipeline(graph, tiny_root, cache=Cache(stage_cache))).stages["decoder"]
    copies = decoder.copies
    assert decoder.absence.startswith("device cpu:1 is not present: this machine has cpu:0")
    assert [(copy.port, copy.source, copy.target) for copy in copies[:2]] == [
        ("align.asr", "host", "cpu:1"),
        ("f0n.f0", "host", "cpu:1"),
    ]
    sizes = {copy.port: copy.bytes for copy in copies}
    for port in ("align.asr", "f0n.f0", "f0n.n", "voice.style_decoder", "align.frame_count", "decoder.audio"):
        assert sizes[port] == keep[port].nbytes
    assert sizes["params.seed"] == 8
    assert (sizes["decoder"] or 0) > 1000  # its weights
    assert copies[-1].source == "cpu:1"


def test_plan_without_a_cache_runs_what_is_needed(tiny: Tiny, tiny_root: Path) -> None:
    pipeline = Pipeline(tiny().graph, tiny_root)
    made = planned(pipeline, scope=Scope(until="voice"))
    assert [name for name, status in fates(made).items() if status == Status.RUN] == ["tokenize", "voice"]


def test_plans_come_true(tiny: Tiny, stage_cache: Path) -> None:
    """Of random requests to a cache that loses arrays at random, what runs is what the plan says."""
    rng = random.Random(4)
    whole = tiny().run({"phonemes": WORDS}, RunOptions(keep=True))
    seen: set[str] = set()
    for _ in range(30):
        how: dict[str, Any] = {
            "phonemes": rng.choice([WORDS, "hɛ", "a"]),
            "params": {"speed": rng.choice([1.0, 1.5]), "seed": rng.choice([0, 1])},
            "scope": rng.choice(
                [Scope(), Scope(until="align"), Scope(start="f0n"), Scope(refresh=frozenset({"bert"}))]
            ),
        }
        if rng.random() < 0.3:
            given = ("f0n.f0", "f0n.n") if rng.random() < 0.5 else ("bert.d_en",)
            how |= {"phonemes": WORDS, "override": {port: np.float32(0.5) * whole[port] for port in given}}
            how["params"]["speed"] = 1.0
        if rng.random() < 0.5:
            for path in rng.sample(sorted((stage_cache / "tensors").rglob("*.npy")), 3):
                path.unlink()
        uncached = ["stages.duration.cache=false"] if rng.random() < 0.2 else []
        pipeline = tiny(*uncached)
        made = fates(planned(pipeline, **how))
        ran = pipeline.run({"phonemes": how.pop("phonemes")}, RunOptions(**how)).stages
        seen |= set(made.values())
        for name, status in made.items():
            assert_came_true(name, status, ran[name].status, made)
    assert seen == {Status.HIT, Status.RUN, Status.DEPENDS, Status.UNNEEDED, Status.INJECTED}


def assert_came_true(name: str, planned: str, became: str, made: dict[str, str]) -> None:
    if planned in (Status.RUN, Status.INJECTED):
        assert became == planned, (name, made)
    elif planned == Status.HIT:
        assert became == Status.HIT, (name, made)
    elif planned == Status.DEPENDS:
        assert became in (Status.HIT, Status.RUN, Status.UNNEEDED), (name, made)
    elif Status.DEPENDS not in made.values():
        assert became in (Status.HIT, Status.UNNEEDED), (name, made)


def test_command_prints_the_plan(run: Run, tiny: Tiny, tiny_model: Path, tiny_root: Path) -> None:
    tiny().run({"phonemes": "h"})
    Path("ipa.txt").write_text("h\na\nb\n", "utf-8")
    options = ("default", "-c", tiny_model, "--build-dir", tiny_root, "--input", "ipa.txt")
    code, out, err = run("plan", *options)
    assert (code, err) == (0, "")
    assert out.startswith("ipa.txt:1:\n")
    assert "\nipa.txt:2, and 1 more like it:\n" in out
    assert "  no copies between devices\n" in out
    assert "text = 3" in out
    assert "text <= 512" in out
    code, _, err = run(*options, "--explain", "-o", "a.wav")
    assert code == 0
    assert err.startswith(out)

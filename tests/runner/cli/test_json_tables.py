"""`--json` of plan, check, runs and cache: one object, with the keys that docs/json.md lists."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.cache import keys
from runner.cache.cache import Cache, Entry
from runner.engine.decisions import Cause
from runner.engine.run_state import Status
from tests.conftest import ROOT
from tests.runner.conftest import Run

PAGE = (ROOT / "docs" / "json.md").read_text("utf-8")
DIAMOND = ROOT / "tests" / "graphs" / "diamond.yaml"
GIVEN = ("--in", "x=[1, 2, 3]")
Read = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def read(run: Run) -> Read:
    """The command with --json: exit code, and the object, all of whose keys the page has."""

    def call(*args: object) -> tuple[int, dict[str, Any]]:
        code, out, _ = run(*args, "--json")
        assert out.count("\n") == 1
        table = json.loads(out)
        assert (table["format"], table["status"]) == (1, {0: "ok", 1: "failed", 2: "error"}[code])
        assert [key for key in table if f"`{key}`" not in PAGE] == []
        return code, table

    return call


def test_check_gives_the_graph_and_the_number_of_stages(read: Read) -> None:
    assert read("check", DIAMOND)[1] == {"format": 1, "status": "ok", "graph": str(DIAMOND), "stages": 4}


def test_check_lists_every_mistake_with_its_place(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(DIAMOND.read_text("utf-8").replace("./", f"{DIAMOND.parent}/").replace("half.y", "hlaf.y"), "utf-8")
    code, table = read("check", path, "--set", "devices.hots=cpu:0")
    wire = next(each for each in table["mistakes"] if "hlaf" in each["message"])
    assert code == 2
    assert (wire["file"], wire["line"]) == (str(path), 22)
    assert path.read_text("utf-8").splitlines()[21][wire["column"] - 1 :].startswith("hlaf.y")
    assert wire["message"] == "no stage 'hlaf'; did you mean 'half'?"
    assert table["error"].count("broken.yaml:22:") == 1
    (option,) = [each for each in table["mistakes"] if each["line"] is None]
    assert option["file"] == "--set devices.hots=cpu:0"


def test_plan_says_what_becomes_of_each_stage(read: Read, run: Run) -> None:
    assert run(DIAMOND, "--in", "x=[1]")[0] == 0
    _, table = read("plan", DIAMOND, *GIVEN)
    assert (table["graph"], table["runs"], table["cached_runs"]) == (str(DIAMOND), 1, 0)
    (group,) = table["groups"]
    stages = {stage["stage"]: stage for stage in group["stages"]}
    assert {name: stage["status"] for name, stage in stages.items()} == {
        "twice": "run", "half": "run", "add": "depends", "unused": "not needed"
    }  # fmt: skip
    assert (stages["twice"]["cause"], stages["twice"]["reason"]) == ("miss", "input x changed")
    assert stages["add"]["waits_for"] == ["twice", "half"]
    assert (stages["twice"]["bytes"], stages["twice"]["absent"], stages["twice"]["copies"]) == (12, None, [])
    assert (group["dims"], group["bounds"]) == ({"n": 3}, {})
    assert run(DIAMOND, *GIVEN)[0] == 0
    _, table = read("plan", DIAMOND, *GIVEN)
    assert table["cached_runs"] == 1
    assert {stage["status"] for stage in table["groups"][0]["stages"]} <= {"hit", "not needed"}


def test_plan_on_an_absent_device_is_one_object_with_the_error(read: Read) -> None:
    code, table = read("plan", "default", "--phonemes", "h", "--set", "devices.accel=cuda:7")
    assert code == 2
    assert "device cuda:7 is not present" in table["error"]
    stages = {stage["stage"]: stage for stage in table["groups"][0]["stages"]}
    assert "cuda:7" in stages["decoder"]["absent"]
    assert stages["bert"]["absent"] is None


def test_page_has_every_status_and_cause_of_a_plan() -> None:
    rows = {
        row.split("|")[1].strip(): set(re.findall(r"`([a-z_ ]+)`", row.split("|")[3]))
        for row in PAGE.splitlines()
        if row.count("|") == 4
    }
    assert rows["`cause`"] == {cause.name.lower() for cause in Cause}
    final = {str(status) for status in Status} - {str(Status.PENDING), str(Status.DEFERRED)}
    assert final <= rows["`status`"] | {"hit"}


def test_runs_are_listed_with_their_stages(read: Read, run: Run, stage_cache: Path) -> None:
    assert run(DIAMOND, *GIVEN)[0] == 0
    (stage_cache / "runs" / "20200101-000000000-aaaaaa.jsonl").write_text("{}\n", "utf-8")
    _, table = read("runs")
    good, damaged = table["runs"]
    assert (table["folder"], table["total"]) == (str(stage_cache / "runs"), 2)
    assert (good["graph"], good["runs"], good["ended"]) == ("diamond", 1, True)
    assert good["stages"] == {"twice": "run", "half": "run", "add": "run", "unused": "not needed"}
    assert good["seconds"] >= 0
    assert damaged["id"] == "20200101-000000000-aaaaaa"
    assert "is no record of a run" in damaged["error"]
    assert len(read("runs", "-n", 1)[1]["runs"]) == 1


@pytest.fixture
def cache(stage_cache: Path) -> Cache:
    return Cache(stage_cache)


def put(cache: Cache, seed: int, stage: str = "decoder") -> Entry:
    made = {"format": 1, "stage": stage, "params": {"seed": seed}, "inputs": {"asr": "0"}}
    return cache.store(keys.key(made), made, {"audio": np.full(100, seed, np.float32)}, 0.5)


def test_entries_of_the_cache_are_listed_whole(read: Read, cache: Cache) -> None:
    gone, there = put(cache, 1), put(cache, 2)
    Cache(cache.root, max_bytes=0).evict({there.key}, now=True)
    _, table = read("cache", "ls")
    entries = {entry["key"]: entry for entry in table["entries"]}
    assert (table["cache"], table["kept"]) == (str(cache.root), {"arrays": 1, "bytes": 528})
    assert table["limits"] == {"bytes": 2 * 2**30, "age_seconds": 30 * 86400.0}
    kept = {key: entry["outputs"]["audio"]["kept"] for key, entry in entries.items()}
    assert kept == {gone.key: False, there.key: True}
    audio = entries[there.key]["outputs"]["audio"]
    assert (audio["dtype"], audio["shape"], audio["bytes"]) == ("float32", [100], 400)
    assert (entries[there.key]["stage"], entries[there.key]["seconds"]) == ("decoder", 0.5)
    assert entries[there.key]["used"] >= entries[there.key]["created"] - 1
    assert read("cache", "ls", "trim")[1]["entries"] == []


def test_two_entries_differ_in_what_is_listed(read: Read, cache: Cache) -> None:
    one, other = put(cache, 1), put(cache, 2)
    _, table = read("cache", "why", one.key, other.key)
    assert (table["entry"]["key"], table["other"]["key"]) == (one.key, other.key)
    assert table["differences"] == ["params.seed 2 -> 1"]
    assert table["entry"]["components"]["params"] == {"seed": 1}
    alone = put(cache, 3, "trim")
    _, table = read("cache", "why", alone.key)
    assert (table["other"], table["differences"]) == (None, [])
    assert "has no entry 'x'" in read("cache", "why", "x")[1]["error"]


def test_damage_of_the_cache_is_listed(read: Read, cache: Cache) -> None:
    entry = put(cache, 1)
    assert read("cache", "verify")[1]["damaged"] == []
    path = cache._tensors.path(entry.outputs["audio"].digest)
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    code, table = read("cache", "verify")
    assert (code, [each["file"] for each in table["damaged"]]) == (1, [str(path)])
    assert table["read"]["records"] == 1


def test_removals_are_counted(read: Read, cache: Cache) -> None:
    put(cache, 1)
    put(cache, 2)
    _, table = read("cache", "gc", "--max-size", "600")
    assert (table["removed"]["arrays"], table["removed"]["records"], table["kept"]["arrays"]) == (1, 0, 1)
    _, table = read("cache", "clear")
    assert (table["removed"]["arrays"], table["removed"]["records"]) == (1, 2)
    assert table["kept"] == {"arrays": 0, "bytes": 0}


def test_what_is_sent_and_taken_is_counted(read: Read, cache: Cache, tmp_path: Path) -> None:
    put(cache, 1)
    place, given = tmp_path / "store", ("--only", "results", "--build-dir", tmp_path / "build")
    _, table = read("cache", "push", place, *given)
    moved = {"libraries": 0, "arrays": 1, "records": 1}
    assert (table["place"], table["dry_run"], table["damaged"], table["left_out"]) == (str(place), False, [], [])
    assert {name: table["sent"][name] for name in moved} == moved
    assert table["sent"]["bytes"] > 400
    assert read("cache", "push", place, *given)[1]["present"] == moved
    _, table = read("cache", "pull", place, *given, "--dry-run", "--cache-dir", tmp_path / "other")
    assert (table["dry_run"], table["taken"]["arrays"]) == (True, 1)

"""Corpora that are made, that grow, and that something happens to while they are made."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from runner import Graph, Pipeline
from tests.conftest import ROOT
from tests.runner.corpus.conftest import (
    Run,
    command,
    list_data,
    make_rows,
    read_entries,
    read_shards,
    write_rows,
)
from tests.runner.runtime.test_worker_pool import wait_for_end
from tests.systems import list_children


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", make_rows(30))


@pytest.fixture(scope="module")
def undisturbed(build_dir: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that nothing has happened to, made by one worker."""
    out = tmp_path_factory.mktemp("corpus") / "out"
    subprocess.run(command(build_dir, rows, out, "--workers", "1"), cwd=ROOT, check=True)
    return out


def test_each_row_is_told_of_once_and_spoken_as_a_pipeline_speaks_it(undisturbed: Path, build_dir: Path) -> None:
    entries = read_entries(undisturbed)
    assert sorted(entry["id"] for entry in entries) == [f"row{number:04d}" for number in range(30)]
    assert [shard["rows"] for shard in read_shards(undisturbed)] == [8, 8, 8, 6]
    pipeline = Pipeline(Graph.load("default"), build_dir)
    for entry in entries[:4]:
        (part,) = pipeline.stream([entry["phonemes"]], voice=entry["voice"])
        samples, rate_hz = soundfile.read(undisturbed / entry["file"], dtype="float32")
        assert rate_hz == entry["rate"] == 24_000
        assert samples.size == entry["samples"] == part.audio.size
        assert entry["duration"] == pytest.approx(samples.size / 24_000)
        assert np.abs(samples - part.audio).max() <= 1 / 32768
        digest = hashlib.sha256(np.ascontiguousarray(part.audio, "<f4").tobytes()).hexdigest()
        assert entry["audio_sha256"] == digest


def test_times_voices_and_columns_are_told(undisturbed: Path) -> None:
    entry = next(entry for entry in read_entries(undisturbed) if entry["id"] == "row0013")
    assert (entry["phonemes"], entry["voice"], entry["extra"]) == ("wˈʌn tˈu θɹˈi fˈɔɹ", "high", {"chapter": 1})
    assert [word["text"] for word in entry["words"]] == ["wˈʌn", "tˈu", "θɹˈi", "fˈɔɹ"]
    assert "".join(symbol["symbol"] for symbol in entry["symbols"]) == "wˈʌn tˈu θɹˈi fˈɔɹ"
    edges = [edge for word in entry["words"] for edge in (word["start"], word["end"])]
    assert edges == sorted(edges)
    assert edges[0] > 0
    assert edges[-1] < entry["duration"]
    assert entry["speed"] == 1.0
    assert len(entry["model"]) == len(entry["graph"]) == 64


def test_utterances_of_a_shard_are_sorted_by_length(undisturbed: Path) -> None:
    sizes = [len(entry["phonemes"]) for entry in read_entries(undisturbed)]
    for first in (0, 8, 16):
        assert sizes[first : first + 8] == sorted(sizes[first : first + 8], reverse=True)


@pytest.mark.parametrize("options", [("--workers", "2"), ("--workers", "1", "--threads", "2")])
def test_bytes_do_not_depend_on_workers_or_threads(
    make: Run, rows: Path, undisturbed: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert make(rows, tmp_path / "out", *options).returncode == 0
    assert list_data(tmp_path / "out") == list_data(undisturbed)


def test_what_is_finished_is_not_made_again(make: Run, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert json.loads(make(rows, out, "--json").stdout)["resumed_shards"] == 0
    before = {path: path.stat().st_mtime_ns for path in (out / "audio").rglob("*.flac")}
    again = json.loads(make(rows, out, "--json").stdout)
    assert (again["shards"], again["resumed_shards"], again["rows"]) == (4, 4, 30)
    assert {path: path.stat().st_mtime_ns for path in (out / "audio").rglob("*.flac")} == before


def test_bad_rows_are_listed_and_the_others_are_spoken(make: Run, tmp_path: Path) -> None:
    given: list[dict[str, Any] | str] = [
        *make_rows(3),
        "no json",
        {"id": "row0001", "phonemes": "ˈA"},
        {"id": "x", "phonemes": "漢"},
        {"id": "y"},
        {"id": "z", "phonemes": "ˈA", "voice": "nobody"},
    ]
    rows = write_rows(tmp_path / "rows.jsonl", given)
    done = make(rows, tmp_path / "out", "--json")
    assert done.returncode == 1
    table = json.loads(done.stdout)
    assert (table["records"], table["rows"], table["rejected"]) == (8, 3, 5)
    lines = (tmp_path / "out" / "rejected.jsonl").read_text("utf-8").splitlines()
    listed = [(one["origin"].rpartition(":")[2], one["id"], one["error"]) for one in map(json.loads, lines)]
    assert [(line, id_) for line, id_, _ in listed] == [
        *(("4", None), ("5", "row0001"), ("6", "x"), ("7", "y"), ("8", "z"))
    ]
    facts = ["JSON", "names", "漢", "phonemes", "voice 'nobody'"]
    assert all(fact in error for fact, (_, _, error) in zip(facts, listed, strict=True)), listed


def test_rows_without_a_sound_are_rejected(make: Run, tmp_path: Path) -> None:
    texts = {"a": "Hi.", "b": "!", "c": "[pause:1s]"}
    rows = write_rows(tmp_path / "rows.jsonl", [{"id": id_, "text": text} for id_, text in texts.items()])
    done = make(rows, tmp_path / "out", "--json", graph="text")
    table = json.loads(done.stdout)
    assert (done.returncode, table["rows"], table["rejected"]) == (1, 2, 1)
    (line,) = (tmp_path / "out" / "rejected.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line) == {"origin": f"{rows}:2", "id": "b", "error": "nothing in it is spoken"}


def test_an_input_that_grows_makes_what_is_new(make: Run, tmp_path: Path) -> None:
    rows, out = write_rows(tmp_path / "rows.jsonl", make_rows(12)), tmp_path / "out"
    assert make(rows, out).returncode == 0
    write_rows(rows, make_rows(20))
    table = json.loads(make(rows, out, "--json").stdout)
    assert (table["shards"], table["resumed_shards"], table["rows"]) == (3, 1, 20)
    assert make(rows, tmp_path / "whole").returncode == 0
    assert list_data(out) == list_data(tmp_path / "whole")


def unnamed(row: dict[str, Any]) -> dict[str, Any]:
    """A row that has the model's own voice where it had `low`, which is that."""
    return {name: value for name, value in row.items() if value != "low"}


@pytest.mark.parametrize(
    ("count", "start", "options", "fact"),
    [
        (12, 4, (), "has 4 rows that the input has not"),
        (12, 0, ("--speed", "1.25"), "has a corpus of another recipe (params [], now [['speed', 1.25]])"),
        (12, 0, ("--format", "wav"), "has a corpus of another recipe (format flac, now wav)"),
        (12, 0, ("--set", "model.voice=high"), "has 6 rows that the input has not, or has otherwise"),
    ],
)
def test_what_is_there_is_not_lost_unless_that_is_said(
    make: Run, tmp_path: Path, count: int, start: int, options: tuple[str, ...], fact: str
) -> None:
    rows, out = write_rows(tmp_path / "rows.jsonl", map(unnamed, make_rows(12))), tmp_path / "out"
    assert make(rows, out).returncode == 0
    before = list_data(out)
    write_rows(rows, map(unnamed, make_rows(count, start)))
    refused = make(rows, out, *options)
    assert refused.returncode == 2
    assert fact in refused.stderr
    assert list_data(out) == before
    assert make(rows, out, "--replace", *options).returncode == 0
    assert make(rows, tmp_path / "whole", *options).returncode == 0
    assert list_data(out) == list_data(tmp_path / "whole")


def test_a_voice_that_has_become_another_one_is_another_corpus(make: Run, tmp_path: Path) -> None:
    voice = tmp_path / "mine.npy"
    rows = write_rows(tmp_path / "rows.jsonl", [{**row, "voice": str(voice)} for row in make_rows(2)])
    for number, name in enumerate(("low", "high")):
        shutil.copyfile(ROOT / "configs/models/mini/voices" / f"{name}.npy", voice)
        made = make(rows, tmp_path / "out", "--replace")
        assert made.returncode == 0, made.stderr
        assert make(rows, tmp_path / f"whole{number}").returncode == 0
        assert list_data(tmp_path / "out") == list_data(tmp_path / f"whole{number}")
    assert list_data(tmp_path / "whole0") != list_data(tmp_path / "whole1")


def test_files_of_others_are_left_alone(make: Run, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "metadata.jsonl").write_text("mine")
    refused = make(rows, out)
    assert refused.returncode == 2
    assert f"{out}: has files that are of no corpus, as metadata.jsonl; choose an empty folder" in refused.stderr
    assert (out / "metadata.jsonl").read_text() == "mine"
    assert make(tmp_path / "absent.jsonl", tmp_path / "new").returncode == 2
    assert not (tmp_path / "new").exists()


def test_a_corpus_is_not_replaced_by_nothing(make: Run, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert make(rows, out).returncode == 0
    before = list_data(out)
    bad = write_rows(tmp_path / "bad.jsonl", ["{}", "{}"])
    refused = make(bad, out, "--replace", "--speed", "1.25")
    assert refused.returncode == 2
    assert "no row of the input can be spoken, so --replace would remove all that is there" in refused.stderr
    assert list_data(out) == before
    assert json.loads(make(rows, out, "--json").stdout)["resumed_shards"] > 0


def test_a_replacement_that_is_killed_leaves_no_audio_of_the_other_recipe(
    build_dir: Path, make: Run, rows: Path, tmp_path: Path
) -> None:
    """Files of this layout are named by the row alone, so that those of both recipes have the same names."""
    out, layout = tmp_path / "out", ("--layout", "ljspeech")
    assert make(rows, out, *layout).returncode == 0
    words = command(build_dir, rows, out, *layout, "--replace", "--speed", "1.25")
    with subprocess.Popen(words, cwd=ROOT) as process:
        manifest = out / ".kokoro-run" / "manifest.jsonl"
        while len(lines := manifest.read_text("utf-8").splitlines()) < 2 or "1.25" not in lines[0]:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert make(rows, out, *layout, "--replace").returncode == 0
    assert make(rows, tmp_path / "whole", *layout).returncode == 0
    assert list_data(out) == list_data(tmp_path / "whole")


def test_a_second_run_on_one_output_is_refused(build_dir: Path, make: Run, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen(command(build_dir, rows, out), cwd=ROOT) as first:
        while not (out / ".kokoro-run" / "manifest.jsonl").exists():
            time.sleep(0.02)
        refused = make(rows, out)
        assert first.wait() == 0
    assert (refused.returncode, refused.stderr.strip()) == (
        2,
        f"{out}: another run is writing there; wait for its end, or choose another output",
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_is_killed_is_ended_by_the_next_one(
    build_dir: Path, make: Run, rows: Path, undisturbed: Path, tmp_path: Path, seed: int
) -> None:
    chance, out = random.Random(seed), tmp_path / "out"
    for _ in range(2):
        with subprocess.Popen(command(build_dir, rows, out), cwd=ROOT) as process:
            time.sleep(chance.uniform(0.5, 6.0))
            workers = list_children(process.pid)
            process.kill()
        assert wait_for_end(workers) == []
    assert make(rows, out).returncode == 0
    assert list_data(out) == list_data(undisturbed)


def test_workers_that_are_killed_are_replaced(build_dir: Path, rows: Path, undisturbed: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "out", set[str]()
    with subprocess.Popen(command(build_dir, rows, out), cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and len(seen) < 2:
            begun = [path.name for path in (out / ".kokoro-run" / "tmp").glob("*-*.*") if path.name not in seen]
            if begun:  # SHARD.PID-..., by a worker that has just begun it
                seen.add(begun[0])
                os.kill(int(begun[0].partition(".")[2].partition("-")[0]), signal.SIGKILL)
            time.sleep(0.02)
        _, told = process.communicate()
    assert process.returncode == 0, told
    assert len(seen) == 2
    assert told.count(f"by signal {signal.SIGKILL.value}") == 2
    assert list_data(out) == list_data(undisturbed)

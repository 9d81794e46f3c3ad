"""Records of runs: what they hold, and what a kill, a full disk or a stranger may do to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cache.cache import Cache
from runner.engine import record
from runner.engine.pipeline import Pipeline
from runner.engine.record import RecordedRow
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.inspect import runs_text
from tests.systems import needs_full_device

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def recorded(run: Run, tones_graph: Path, stage_cache: Path) -> Path:
    """The folder of records after a run of two lines and one that changed a parameter."""
    Path("ipa.txt").write_text("h\n# note\nɛ\n", "utf-8")
    assert run(tones_graph, "--input", "ipa.txt", "--seed", "2", "-o", "a.wav")[0] == 0
    assert run(tones_graph, "--input", "ipa.txt", "--set", "params.speed=2.0", "-o", "b.wav")[0] == 0
    return stage_cache / "runs"


def test_record_holds_what_was_asked_and_what_ran(recorded: Path) -> None:
    first, second = (record.find(recorded, name) for name in sorted(record.runs(recorded)))
    assert first.rows == [RecordedRow("ipa.txt:1", "h", 1), RecordedRow("ipa.txt:3", "ɛ", 3)]
    assert [one.inputs for one in first.graph_runs] == [{"phonemes": "h"}, {"phonemes": "ɛ"}]
    assert first.graph_runs[0].params == {"alphabet": "kokoro", "skip_unknown": False, "speed": 1.0, "seed": 2}
    assert first.statuses() == {"tokenize": "run", "tones": "run"}
    assert second.statuses() == {"tokenize": "hit", "tones": "run"}
    assert (second.asked["source"], second.asked["outputs"]) == ("ipa.txt", ["b.wav"])
    assert second.end is not None
    assert Path(second.end["output"]).name == "b.wav"
    stage = first.graph_runs[0].stages["tones"]
    assert stage.key is not None
    assert stage.key.startswith("tones/")
    assert stage.seconds > 0
    assert stage.outputs["audio"][1:] == ["float32", [1800]]
    assert set(first.identities) == {"tokenize", "tones"}
    assert set(first.versions) == {"python", "numpy", "tvm", "machine"}


def test_graph_is_recorded_with_origins(recorded: Path) -> None:
    rows = {".".join(row[0]): row for row in record.find(recorded, None).graph["tree"]}
    assert rows["params.speed"][1:3] == [2.0, ["set params.speed=2.0", 0, 0]]
    assert rows["stages.tones.entry"][2][0].endswith("tones.yaml")


@pytest.mark.usefixtures("recorded")
def test_runs_lists_the_last_first(run: Run) -> None:
    code, out, err = run("runs")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.endswith("ran: tones")
    assert second.endswith("everything ran")
    assert "  toy  2 utterances, " in first
    assert len(run("runs", "-n", "1")[1].splitlines()) == 1


def test_runs_without_records_says_so(run: Run) -> None:
    assert run("runs")[1].endswith("no run has left a record there\n")


def test_no_cache_leaves_nothing(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "--no-cache")[0] == 0
    assert list(stage_cache.iterdir()) == []


def test_failed_input_leaves_no_record(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    assert run(tones_graph, "--phonemes", "%")[0] == 2
    assert not (stage_cache / "runs").exists()


def test_record_that_was_cut_short_is_read_as_far_as_it_goes(recorded: Path) -> None:
    path = recorded / f"{record.runs(recorded)[0]}.jsonl"
    whole = path.read_bytes()
    rows = whole.count(b"\n")
    head = whole.index(b"\n")
    for end in range(head + 1, len(whole), 97):
        path.write_bytes(whole[:end])
        found = record.read(path)
        assert len(found.rows) + len(found.graph_runs) + (found.end is not None) <= rows - 1
        assert "not ended" in runs_text.summary(recorded, path.stem) or found.end is not None
    for end in range(0, head, 997):
        path.write_bytes(whole[:end])
        with pytest.raises(RunError, match="is no record of a run"):
            record.read(path)


@pytest.mark.parametrize(
    "text", ["", "[]\n", "{}\n", '{"run": {}}\n', '{"run": 3}\n', "\x00\xff", '{"run": {"format": 1}}\n']
)
def test_what_is_no_record_is_refused(recorded: Path, run: Run, text: str) -> None:
    path = recorded / "99990101-000000-ffffff.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(RunError):
        record.read(path)
    code, out, err = run("runs")
    assert (code, err) == (0, "")
    assert out.startswith("99990101-000000-ffffff  ")
    assert run("replay")[0] == 2


def test_find_takes_either_end_of_an_id(recorded: Path) -> None:
    name = record.runs(recorded)[0]
    assert record.find(recorded, name[-6:]).id == record.find(recorded, name).id == name
    with pytest.raises(RunError, match="2 runs are called so"):
        record.find(recorded, "2")
    with pytest.raises(RunError, match="no such run"):
        record.find(recorded, "zzz")


def test_oldest_records_go(recorded: Path, run: Run, tones_graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "MAX_RUNS", 2)
    before = record.runs(recorded)
    assert run(tones_graph, "--phonemes", "h")[0] == 0
    after = record.runs(recorded)
    assert len(after) == 2
    assert after[1:] == before[:1]


@pytest.mark.parametrize(("limit", "left"), [(20, ["c", "b"]), (19, ["c"]), (9, ["c"])])
def test_records_go_when_they_are_more_bytes_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, left: list[str]
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text("0123456789", "utf-8")
    monkeypatch.setattr(record, "MAX_BYTES", limit)
    record._forget_oldest(tmp_path)
    assert record.runs(tmp_path) == left


def test_the_latest_record_of_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"^{tmp_path}: no run has left a record there; give another cache folder"):
        record.find(tmp_path, None)


@needs_full_device
def test_disk_that_fills_up_is_said_once(toy_graph: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stage_cache = Pipeline(load_graph(str(toy_graph)), cache=Cache(tmp_path / "kept")).stage_cache
    assert stage_cache is not None
    recorder = record.Recorder(tmp_path, {}, [RecordedRow("ipa.txt:1", "h", 1)], stage_cache)
    with Path("/dev/full").open("w", encoding="utf-8", buffering=1) as full:
        recorder._file = full
        recorder.close(status="ok")
        assert full.closed
        recorder.close(status="ok")
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "the record of this run is not complete: No space left on device"
    ]


def test_lines_of_a_record_without_numbers_are_counted(recorded: Path) -> None:
    path = recorded / f"{record.runs(recorded)[0]}.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    older = [{"line": line["line"][:2]} if "line" in line else line for line in lines]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in older), "utf-8")
    assert record.read(path).rows == [RecordedRow("ipa.txt:1", "h", 1), RecordedRow("ipa.txt:3", "ɛ", 2)]


def test_second_close_adds_nothing(toy_graph: Path, tmp_path: Path) -> None:
    stage_cache = Pipeline(load_graph(str(toy_graph)), cache=Cache(tmp_path / "kept")).stage_cache
    assert stage_cache is not None
    recorder = record.Recorder(tmp_path, {}, [RecordedRow("ipa.txt:1", "h", 1)], stage_cache)
    recorder._open({})
    recorder.close(status="ok")
    recorder.close(status="failed")
    (file,) = tmp_path.glob(f"{recorder.id}*")
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [line["end"]["status"] for line in lines if "end" in line] == ["ok"]


def test_full_disk_is_said_and_harms_nothing(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    (stage_cache / "runs").symlink_to("/dev/fd")  # a folder in which nothing can be made
    code, _, err = run(tones_graph, "--phonemes", "h")
    assert code == 0
    assert "this run leaves no record" in err


def test_record_is_json_lines_of_ascii(recorded: Path) -> None:
    for path in recorded.iterdir():
        for line in path.read_text("ascii").splitlines():
            assert isinstance(json.loads(line), dict)

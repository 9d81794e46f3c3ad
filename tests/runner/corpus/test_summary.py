"""What is told of a corpus when it is made, and while it is."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from runner.cli.corpus_display import CorpusDisplay, describe
from runner.corpus.folder import Failure, MadeShard
from runner.corpus.plan import Plan
from runner.corpus.tally import Tally
from runner.corpus.worker import Spoken
from tests.runner.corpus.conftest import Run, make_rows, read_entries, write_rows


def test_summary_tells_of_voices_lengths_slow_rows_and_reasons(make: Run, tmp_path: Path) -> None:
    given = [*make_rows(10), {"id": "<b>", "phonemes": "漢"}, {"id": "c", "phonemes": "字"}]
    out = tmp_path / "<out>"
    assert make(write_rows(tmp_path / "rows.jsonl", given), out).returncode == 1
    table, entries = json.loads((out / "summary.json").read_text("utf-8")), read_entries(out)
    hours = {
        voice: sum(entry["duration"] for entry in entries if entry["voice"] == voice) / 3600
        for voice in ("low", "high")
    }
    assert {voice: told["hours"] for voice, told in table["voices"].items()} == pytest.approx(hours, abs=1e-6)
    assert {voice: told["rows"] for voice, told in table["voices"].items()} == {"low": 5, "high": 5}
    assert table["audio_hours"] == pytest.approx(sum(hours.values()), abs=1e-6)
    assert sum(bin_["rows"] for bin_ in table["lengths"]) == 10
    page = (out / "summary.html").read_text("utf-8")
    assert "<out>" not in page
    assert html.escape("<out>") in page
    for told in ("low", "high", "row0004", "Rows that were not spoken", "漢", "<svg"):
        assert told in page


def test_display_tells_what_is_done_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    tally = Tally(24_000, workers=2)
    tally.planned(Plan(records=50, rejected=2))
    assert describe(tally) == [("checked", "50"), ("rejected", "2")]
    plan = Plan(shards=["a", "b", "c", "d"], todo=["b", "c", "d"], records=402, rejected=2)
    tally.planned(plan)
    tally.begin(plan, [MadeShard("a", 99, 1, 1.0, "", "", failed=(Failure("x:1", "x", "no"),))])
    now[0] += 50
    tally.spoken(Spoken("b", rows=30, samples=24_000 * 300))  # its worker is killed: it begins again
    tally.spoken(Spoken("b", rows=90, samples=24_000 * 490))
    tally.made(MadeShard("b", 99, 24_000 * 500, 1.0, "", "", failed=(Failure("x:2", "y", "no"),)))
    told = dict(describe(tally))
    assert told.pop("end")
    assert told == {
        "rows": "200 of 400",
        "shards": "2 of 4",
        "audio": "0.14 h",
        "speed": "10.0 x real time",
        "workers": "2",
        "left": "1 min 40 s",
        "rejected": "4",
    }


def test_display_of_a_file_prints_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    display = CorpusDisplay(Tally(24_000, 1))
    for _ in range(30):
        now[0] += 1
        display.planned(Plan(records=7))
    assert capsys.readouterr().err.splitlines() == ["checked 7  rejected 0"] * 3
    silent = CorpusDisplay(Tally(24_000, 1), quiet=True)
    silent.begin(Plan(shards=["a"]), [])
    assert capsys.readouterr().err == ""

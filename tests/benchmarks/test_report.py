"""The report made from results, and how it comes into benchmarks/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import readme
from benchmarks.names import ORT, PYTORCH
from benchmarks.ours import FP32
from benchmarks.plot import draw
from benchmarks.report import report
from benchmarks.results import merged
from benchmarks.timing import median_ratios

MACHINE = {
    "cpu": "a CPU",
    "cpu_family_model": "1/2",
    "usable_cores": 2,
    "memory_gib": 8.0,
    "vector_features": ["avx2"],
    "system": "Linux",
    "python": "3.11",
    "versions": {"torch": "2"},
    "load_average": 0.5,
}


def _row(times: dict[str, list[float]], **more: Any) -> dict[str, Any]:
    return {**more, "times_s": times, **median_ratios(times)}


def _entry(found: Any, threads: int, **failed: str) -> dict[str, Any]:
    about = {
        "started": "2026-01-02T03:04:05+00:00",
        "took_s": 6.0,
        "load_average_at_end": 1.0,
        "rounds": 9,
        "commit": "ab12cd3",
    }
    return {**about, "model": "a model", "machine": MACHINE, "threads": threads, "found": found, "failed": failed}


def _utterances() -> dict[str, Any]:
    times = ({FP32.name: [0.1], PYTORCH: [0.25], ORT: [0.2]}, {FP32.name: [1.0], PYTORCH: [3.0]})
    rows = [
        _row(each, seconds=s, audio_s=s, tokens=10 * int(s), speed=1.0)
        for s, each in zip((1.0, 10.0), times, strict=True)
    ]
    return merged({}, "utterances", 2, _entry(rows, 2, compiled="it failed"), {"bf16": "no such processor"})


def test_report_gives_ratios_of_rivals_over_ours_and_a_dash_for_the_absent() -> None:
    lines = report(_utterances()).splitlines()
    assert [cell.strip() for cell in next(line for line in lines if line.startswith("| 10.0 s")).split("|")[1:-1]] == [
        "10.0 s", "100", "1", "0.100", "1000.0", "3.00 (3.00-3.00)", "-",
    ]  # fmt: skip


def test_report_lists_failures_and_when_it_was_measured() -> None:
    text = report(_utterances())
    assert "- bf16: no such processor" in text
    assert "- utterances, 2 threads: compiled: it failed" in text
    assert "| utterances |       2 |      9 | 2026-01-02 03:04:05 | ab12cd3 |  6 s |         0.5 |   1.0 |" in text


def test_report_shows_kernels_of_both_thread_counts_side_by_side() -> None:
    def measured(ms: float, gflops: float) -> dict[str, Any]:
        row = {"kernel": "conv1d", "shape": "1 to 2", "calls": 3, "ms": ms, "gflops": gflops, "of_peak": gflops / 100}
        return {"peak_gflops": 100.0, "stages": [{"contender": "ours", "case": "bert", "ms": ms, "rows": [row]}]}

    results = merged({}, "kernels", 2, _entry(measured(1.0, 90.0), 2), {})
    text = report(merged(results, "kernels", 1, _entry(measured(2.0, 45.0), 1), {}))
    row = next(line for line in text.splitlines() if line.startswith("| conv1d"))
    assert [cell.strip() for cell in row.split("|")[4:-1]] == ["2.00", "45", "45 %", "1.00", "90", "90 %"]


def test_tables_stand_between_the_markers_and_the_rest_stays() -> None:
    text = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"
    assert readme.between(text, "new") == f"before\n{readme.BEGIN}\n\nnew\n\n{readme.END}\nafter\n"


def test_tables_are_refused_when_a_marker_is_missing() -> None:
    with pytest.raises(ValueError, match="expected one line"):
        readme.between(f"before\n{readme.BEGIN}\n", "new")


def test_readme_has_its_markers() -> None:
    assert "new" in readme.between(readme.PATH.read_text("utf-8"), "new")


def test_same_results_draw_the_same_picture(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.svg", "two.svg")]
    for path in paths:
        draw(_utterances(), path)
    one, two = (path.read_text("utf-8") for path in paths)
    assert one == two
    assert "slope 1" in one
    assert PYTORCH in one


def test_report_holds_one_worker_against_many() -> None:
    times = {"2 workers x 1 thread": [1.0], "1 worker x 2 threads": [1.5]}
    results = merged({}, "throughput", 2, _entry(_row(times, lines=8, audio_s=30.0), 2), {})
    rows = [line.split("|")[2:-1] for line in report(results).splitlines() if line.startswith("| 8 lines, 30 s")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["2 workers x 1 thread", "1.00 s", ""],
        ["1 worker x 2 threads", "1.50 s", "1.50 (1.50-1.50)"],
    ]

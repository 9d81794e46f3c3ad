"""Results of one machine and model never come into the tables of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import readme
from benchmarks.names import PYTORCH
from benchmarks.ours import FP32
from benchmarks.report import report
from benchmarks.results import counts_of, found, keep, merged, place, read, read_all, short
from benchmarks.summary import summary, title
from benchmarks.timing import median_ratios

FIRST = {
    "cpu": "a CPU",
    "cpu_family_model": "1/2",
    "usable_cores": 2,
    "memory_gib": 8.0,
    "vector_features": ["avx2", "fma"],
    "system": "Linux",
    "python": "3.11",
    "versions": {"torch": "2"},
    "load_average": 0.5,
}
WHEN = {
    "started": "2026-01-02T03:04:05+00:00",
    "took_s": 6.0,
    "load_average_at_end": 1.0,
    "rounds": 9,
    "commit": "ab12",
}


def _entry(found: Any, model: str = "one", **about: Any) -> dict[str, Any]:
    return {**WHEN, "model": model, "machine": {**FIRST, **about}, "threads": 2, "found": found, "failed": {}}


def _spoken(ours_s: float, theirs_s: float) -> list[dict[str, Any]]:
    times = {FP32.name: [ours_s], PYTORCH: [theirs_s]}
    return [{"seconds": 5.0, "audio_s": 5.0, "tokens": 9, "speed": 1.0, "times_s": times, **median_ratios(times)}]


LINES = {"lines": 8, "audio_s": 30.0, "times_s": {}, **median_ratios({"one worker": [1.0], "two": [1.5]})}


@pytest.mark.parametrize(
    "other",
    [
        {"cpu": "another CPU"},
        {"cpu_family_model": "1/3"},  # two generations of a maker may have one name
        {"vector_features": ["avx2", "fma", "avx512f"]},
        {"usable_cores": 4},
        {"model": "other weights"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_part_measured_elsewhere_comes_into_a_file_of_its_own(tmp_path: Path, other: dict[str, Any]) -> None:
    first = keep(tmp_path, "utterances", 2, _entry(_spoken(1.0, 3.0)), {})
    second = keep(tmp_path, "throughput", 2, _entry(LINES, **other), {})
    assert first != second
    assert list(read(first)["parts"]) == ["utterances"]
    assert list(read(second)["parts"]) == ["throughput"]
    assert "### Many lines" not in report(read(first))


def test_part_measured_again_on_the_same_machine_replaces_the_older(tmp_path: Path) -> None:
    paths = {
        keep(tmp_path, "utterances", 2, _entry(_spoken(ours_s, 3.0), load_average=load, memory_gib=memory), {})
        for ours_s, load, memory in ((1.0, 0.1, 8.0), (2.0, 1.5, 7.9))
    }
    (path,) = paths
    assert found(read(path), "utterances")[0]["median_s"][FP32.name] == 2.0


def test_file_is_named_after_what_was_measured_on() -> None:
    assert place(_entry([])).as_posix() == "one/a-cpu-1-2-avx2-fma-2-cores.json"


def test_summary_has_a_column_for_each_machine(tmp_path: Path) -> None:
    keep(tmp_path, "utterances", 2, _entry(_spoken(1.0, 3.0)), {})
    keep(tmp_path, "utterances", 2, _entry(_spoken(2.0, 8.0), vector_features=["avx512f"]), {})
    lines = summary(read_all(tmp_path), tmp_path).splitlines()
    head, ours, theirs = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in lines
        if line.startswith(("| who", f"| {FP32.name} ", f"| {PYTORCH} "))
    )
    assert head == ["who", "a CPU 1/2, fma, 2 cores; one", "a CPU 1/2, avx512f, 2 cores; one"]
    assert ours == [FP32.name, "1000 ms for 5.00 s", "2000 ms for 5.00 s"]
    assert theirs == [PYTORCH, "3.00 (3.00-3.00)", "4.00 (4.00-4.00)"]
    assert "[tables](one/a-cpu-1-2-avx512f-2-cores.md)" in "\n".join(lines)
    assert any("end to end" in line and "met: 3.00" in line and "met: 4.00" in line for line in lines)


def test_every_machine_has_a_page_and_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\n{readme.END}\n", "utf-8")
    file = keep(tmp_path / "results", "utterances", 2, _entry(_spoken(1.0, 3.0)), {})
    readme.renew(path, tmp_path / "results")
    assert title(read(file)) in path.read_text("utf-8")
    page = file.with_suffix(".md").read_text("utf-8")
    assert page.startswith(f"# {title(read(file))}\n")
    assert "| 5.0 s " in page
    assert PYTORCH in file.with_suffix(".svg").read_text("utf-8")


def test_merged_replaces_one_entry_and_keeps_the_others() -> None:
    results = merged({}, "stages", 2, {"found": [1]}, {})
    results = merged(results, "stages", 1, {"found": [2]}, {})
    results = merged(results, "stages", 2, {"found": [3]}, {})
    assert counts_of(results, "stages") == [1, 2]
    assert (found(results, "stages"), found(results, "stages", 1), found(results, "build")) == ([3], [2], [])


def test_short_keeps_five_digits_of_numbers_at_any_depth() -> None:
    assert short({"a": [1.23456789, (0.000123456789, 7, "x")]}) == {"a": [1.2346, [0.00012346, 7, "x"]]}

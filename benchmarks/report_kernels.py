"""The tables of kernels: one a stage, the numbers of threads side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.results import counts_of, found
from benchmarks.timing import table

MOST = 14  # rows of a table; the rest is one more


def tables(results: Mapping[str, Any]) -> str:
    """A table a stage and variant."""
    counts = counts_of(results, "kernels")
    measured = {count: found(results, "kernels", count) for count in counts}
    if not measured:
        return ""
    peaks = ", ".join(f"{kept['peak_gflops']:.0f} GFLOP/s on {count}" for count, kept in measured.items())
    texts = [f"FMA peak, float32, by number of threads: {peaks}."]
    for at, stage in enumerate(measured[counts[-1]]["stages"]):
        by_count = {count: kept["stages"][at] for count, kept in measured.items() if at < len(kept["stages"])}
        texts.append(f"{stage['contender']}, {stage['case']}:\n\n{_table(by_count)}")
    return "\n\n".join(texts)


def _table(stages: Mapping[int, Mapping[str, Any]]) -> str:
    last = stages[max(stages)]["rows"]
    by_key = {count: {(row["kernel"], row["shape"]): row for row in stage["rows"]} for count, stage in stages.items()}
    header = ["kernel", "shape", "calls"]
    for count in stages:
        header += [f"ms, {count} thr.", "GFLOP/s", "of peak"]
    rows = []
    for row in last[:MOST]:
        cells = [row["kernel"], row["shape"], str(row["calls"])]
        for known in by_key.values():
            cells += _cells(known.get((row["kernel"], row["shape"])))
        rows.append(cells)
    rows.append(_summed("all others", last[MOST:], by_key, {(r["kernel"], r["shape"]) for r in last[:MOST]}))
    rows.append(_summed("all kernels", last, by_key, set()))
    rows.append(["the whole call, not instrumented", "", ""])
    for stage in stages.values():
        rows[-1] += [f"{stage['ms']:.2f}", "", ""]
    return table(header, rows)


def _cells(row: Mapping[str, Any] | None) -> list[str]:
    if row is None:
        return ["-", "-", "-"]
    if row["gflops"] is None:
        return [f"{row['ms']:.2f}", "", ""]
    return [f"{row['ms']:.2f}", f"{row['gflops']:.0f}", f"{100 * row['of_peak']:.0f} %"]


def _summed(what: str, rows: Any, by_key: Mapping[int, Mapping[Any, Any]], but: set[tuple[str, str]]) -> list[str]:
    cells = [what, "", str(sum(row["calls"] for row in rows))]
    for known in by_key.values():
        cells += [f"{sum(row['ms'] for key, row in known.items() if key not in but):.2f}", "", ""]
    return cells

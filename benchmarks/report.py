"""The results of one machine as text: Markdown, as it stands on its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks import report_kernels
from benchmarks.bars import Bar, bars
from benchmarks.ours import FP32, VARIANTS
from benchmarks.results import counts_of, entries, found
from benchmarks.timing import Ratio, table

OURS = tuple(variant.name for variant in VARIANTS)


def report(results: Mapping[str, Any]) -> str:
    """Every table that there are results for."""
    sections = [
        ("Bars", _bars(results)),
        ("Stages", _each_count(results, "stages", _stages)),
        ("Utterances, end to end", _each_count(results, "utterances", _utterances)),
        ("Many lines", _throughput(results)),
        ("Processes", _process(results)),
        ("Kernels", report_kernels.tables(results)),
        ("Which algorithm each convolution takes", _filters(results)),
        ("Not measured, or not as it should be", _failures(results)),
        ("The machine, and when", _machine(results)),
    ]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections if text)


def _bars(results: Mapping[str, Any]) -> str:
    def row(bar: Bar) -> list[str]:
        sign = "at least" if bar.at_least else "at most"
        return [bar.what, str(bar.measured or "-"), f"{sign} {bar.bar:g}", bar.rival, bar.verdict]

    header = ["what", "measured (lowest-highest)", "bar", "against", "verdict"]
    return table(header, [row(bar) for bar in bars(results)])


def _each_count(results: Mapping[str, Any], part: str, make: Any) -> str:
    texts = [f"{_threads(count)}\n\n{make(found(results, part, count))}" for count in counts_of(results, part)]
    return "\n\n".join(texts)


def _threads(count: int) -> str:
    return f"{count} {'thread' if count == 1 else 'threads'}:"


def _stages(rows: Sequence[Mapping[str, Any]]) -> str:
    return _compared(["stage", "size"], [([row["stage"], f"{row['size']} {row['axis']}"], row) for row in rows])


def _utterances(rows: Sequence[Mapping[str, Any]]) -> str:
    def lead(row: Mapping[str, Any]) -> list[str]:
        share = row["median_s"][FP32.name] / row["audio_s"]
        return [f"{row['audio_s']:.1f} s", f"{row['tokens']}", f"{row['speed']:g}", f"{share:.3f}"]

    header = ["audio", "tokens", "speed", "our seconds per second of audio"]
    return _compared(header, [(lead(row), row) for row in rows])


def _compared(lead: Sequence[str], rows: Sequence[tuple[list[str], Mapping[str, Any]]]) -> str:
    """Milliseconds of ours, then each rival's time over ours; a contender that no row has gets no column."""
    ours = [name for name in OURS if any(name in row["median_s"] for _, row in rows)]
    rivals = dict.fromkeys(name for _, row in rows for name in row["median_s"] if name not in OURS)

    def cells(row: Mapping[str, Any]) -> Iterator[str]:
        for name in ours:
            yield f"{1000 * row['median_s'][name]:.1f}" if name in row["median_s"] else "-"
        for name in rivals:
            yield str(Ratio(**row["ratio"][name])) if name in row["ratio"] else "-"

    header = [*lead, *(f"{name} [ms]" for name in ours), *rivals]
    return table(header, [[*words, *cells(row)] for words, row in rows])


def _throughput(results: Mapping[str, Any]) -> str:
    row = found(results, "throughput")
    if not row:
        return ""
    rows = [
        [f"{row['lines']} lines, {row['audio_s']:.0f} s", name, f"{seconds:.2f} s", _over(row, name)]
        for name, seconds in row["median_s"].items()
    ]
    return table(["what", "who", "median", "over the first"], rows)


def _process(results: Mapping[str, Any]) -> str:
    build, process = found(results, "build"), found(results, "process")
    rows: list[list[str]] = []
    if process:
        cold, memory, run = process["cold_start"], process["peak_memory"], process["run"]
        for name, seconds in cold["median_s"].items():
            rows.append([f"start to a .wav of {cold['audio_s']:g} s", name, f"{seconds:.2f} s", _over(cold, name)])
        for name, seconds in process["first_byte_s"].items():
            rows.append([f"start to the first byte of a stream of {cold['audio_s']:g} s", name, f"{seconds:.2f} s", ""])
        for name, mib in memory["median_mib"].items():
            rows.append([f"peak memory, {memory['audio_s']:g} s", name, f"{mib:.0f} MiB", _over(memory, name)])
        what = f"run of {run['audio_s']:g} s"
        beyond = f"{run['beyond_stages_s']:.2f} s, at worst {run['beyond_stages_worst_s']:.2f} s"
        rows.append([f"{what}, of that beyond the stages", FP32.name, beyond, ""])
    if build:
        rows.append(["build of the full model from nothing", FP32.name, f"{build['build_s']:.0f} s", ""])
    return table(["what", "who", "median", "over ours"], rows) if rows else ""


def _over(figures: Mapping[str, Any], name: str) -> str:
    return str(Ratio(**figures["ratio"][name])) if name in figures["ratio"] else ""


def _filters(results: Mapping[str, Any]) -> str:
    """Each algorithm's speed over the direct sum's."""
    filters = found(results, "filters")
    if not filters:
        return ""
    algorithms = sorted({name for row in filters["rows"] for name in row["ms"] if name != filters["direct"]})

    def cells(row: Mapping[str, Any]) -> Iterator[str]:
        direct = row["ms"][filters["direct"]]
        yield f"{row['inputs']} to {row['outputs']}, {row['taps']} taps, dilation {row['dilation']}"
        yield str(row["rows"])
        yield f"{direct:.2f}"
        for name in algorithms:
            yield f"{direct / row['ms'][name]:.2f}" if name in row["ms"] else "-"
        yield row["best"]

    header = ["convolution", "rows", f"{filters['direct']} [ms]", *algorithms, "taken"]
    lead = f"Speed over the direct sum's, on what LLVM calls {filters['cpu']} (`stages/kernels/filter_table.py`):"
    return lead + "\n\n" + table(header, [list(cells(row)) for row in filters["rows"]])


def _failures(results: Mapping[str, Any]) -> str:
    lines = [f"- {name}: {why}" for name, why in results.get("not_measured", {}).items()]
    for part, entry in entries(results):
        lines += [f"- {part}, {_threads(entry['threads'])} {what}: {why}" for what, why in entry["failed"].items()]
    return "\n".join(lines)


def _machine(results: Mapping[str, Any]) -> str:
    measured = entries(results)
    about = measured[-1][1]["machine"]
    lines = [
        f"{about['cpu']} ({about['cpu_family_model']}), {about['usable_cores']} cores, {about['memory_gib']} GiB, "
        f"{' '.join(about['vector_features'])}; {about['system']}",
        "Python " + about["python"] + "; " + "; ".join(f"{name} {v}" for name, v in about["versions"].items()),
    ]
    header = ["part", "threads", "rounds", "started (UTC)", "commit", "took", "load before", "after"]
    rows = [_when(part, entry) for part, entry in measured]
    return "\n".join(lines) + "\n\n" + table(header, rows)


def _when(part: str, entry: Mapping[str, Any]) -> list[str]:
    loads = [f"{entry['machine']['load_average']:.1f}", f"{entry['load_average_at_end']:.1f}"]
    started = entry["started"].removesuffix("+00:00").replace("T", " ")
    counts = [str(entry["threads"]), str(entry["rounds"])]
    return [part, *counts, started, entry["commit"], f"{entry['took_s']:.0f} s", *loads]

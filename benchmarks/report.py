"""The results as Markdown, as they may stand in the README."""

from __future__ import annotations

from typing import Any

from benchmarks.ours import Ours
from benchmarks.rivals import RIVALS
from benchmarks.timing import Ratio, table


def report(results: dict[str, Any]) -> str:
    """Machine, stages, utterances, build and process, from what `bench` writes into results.json."""
    about, costs = results["machine"], results["process"]
    machine = f"{about['cpu']} ({about['cpu_family_model']}), {about['usable_cores']} cores, {about['memory_gib']} GiB"
    beyond = f"{costs['beyond_stages_s']:.2f} s (at worst {costs['beyond_stages_worst_s']:.2f} s) beyond the stages"
    lines = [
        f"{machine}, {' '.join(about['vector_features'])}; {about['threads']} threads",
        "; ".join(f"{package} {version}" for package, version in about["versions"].items()),
        f"Medians of {results['rounds']} interleaved rounds. A ratio is kokoro-run's time over the rival's in the same",
        "round, median (lowest-highest): below 1, kokoro-run is faster.",
        "",
        _table("stage", [(row["stage"], f"{row['size']} {row['axis']}", row) for row in results["stages"]]),
        "",
        _table("utterance", [(f"{r['tokens']} tokens", f"{r['audio_s']:.1f} s", r) for r in results["utterances"]]),
        "",
        f"Build of the full model from nothing: {results['build_s']:.0f} s",
        f"kokoro-run as a process, {costs['audio_s']:.1f} s of audio: {costs['wall_s']:.2f} s, {beyond}",
        f"Peak memory of that process (VmHWM): {costs['peak_mib']:.0f} MiB",
        *(f"Not as it should be: {what}: {why}" for what, why in results["failed"].items()),
    ]
    return "\n".join(lines)


def _table(what: str, rows: list[tuple[str, str, dict[str, Any]]]) -> str:
    names = [f"{name} [ms]" for name in (Ours.name, *RIVALS)]
    header = [what, "size", *names, *(f"/ {name}" for name in RIVALS)]
    return table(header, [[label, size, *_cells(row)] for label, size, row in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    """Milliseconds of all, then our ratio to each rival; a rival that could not run has a dash."""
    medians, ratios = row["median_s"], row["ratio"]
    times = [f"{1000 * medians[name]:.1f}" if name in medians else "-" for name in (Ours.name, *RIVALS)]
    return times + [str(Ratio(**ratios[name])) if name in ratios else "-" for name in RIVALS]

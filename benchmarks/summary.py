"""The machines side by side, as benchmarks/README.md has them: a column for each machine and model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar, bars
from benchmarks.ours import FP32
from benchmarks.results import entries, found
from benchmarks.timing import Ratio, table

SPOKEN_S = 5.0

Machines = Mapping[Path, Mapping[str, Any]]


def summary(machines: Machines, beside: Path) -> str:
    """The tables of all machines; `beside` is the folder of the text that they come into, for its links."""
    if not machines:
        return "Nothing was measured yet."
    sections = [
        ("The machines", _machines(machines, beside)),
        ("Bars", _bars(machines)),
        (f"{SPOKEN_S:g} s of audio, end to end", _spoken(machines)),
    ]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections if text)


def title(results: Mapping[str, Any]) -> str:
    """One machine, as the head of its column: its CPU, the latest vector feature of that, its cores, the weights."""
    _, entry = entries(results)[0]
    about = entry["machine"]
    cpu = f"{about['cpu']} {about['cpu_family_model']}, {(about['vector_features'] or ['no vectors'])[-1]}"
    return f"{cpu}, {about['usable_cores']} cores; {entry['model']}"


def _machines(machines: Machines, beside: Path) -> str:
    def row(path: Path, results: Mapping[str, Any]) -> list[str]:
        measured = [entry for _, entry in entries(results)]
        days = sorted(entry["started"][:10] for entry in measured)
        commits = dict.fromkeys(entry["commit"].removesuffix("+") for entry in measured)
        link = f"[tables]({path.with_suffix('.md').relative_to(beside).as_posix()})"
        return [title(results), days[-1], " ".join(commits), link]

    return table(["machine and weights", "last measured", "commits", ""], [row(*item) for item in machines.items()])


def _bars(machines: Machines) -> str:
    every = [bars(results) for results in machines.values()]
    rows = [[_aim(same[0]), *(_reached(bar) for bar in same)] for same in zip(*every, strict=True)]
    return table(["what", *(title(results) for results in machines.values())], rows)


def _aim(bar: Bar) -> str:
    return f"{bar.what}: at {'least' if bar.at_least else 'most'} {bar.bar:g}"


def _reached(bar: Bar) -> str:
    if bar.measured is None:
        return "-"
    return f"{bar.verdict}: {bar.measured}" + (f", {bar.rival}" if bar.rival != FP32.name else "")


def _spoken(machines: Machines) -> str:
    """Ours in milliseconds, then everyone's time over ours, on all cores."""
    rows = [
        next((row for row in found(one, "utterances") if row["seconds"] == SPOKEN_S), None) for one in machines.values()
    ]
    names = dict.fromkeys(name for row in rows if row for name in row["median_s"])
    cells = [[name, *_column(name, rows)] for name in names]
    return table(["who", *(title(results) for results in machines.values())], cells) if cells else ""


def _column(name: str, rows: Sequence[Mapping[str, Any] | None]) -> Iterator[str]:
    for row in rows:
        if row is None or name not in row["median_s"]:
            yield "-"
        elif name in row["ratio"]:
            yield str(Ratio(**row["ratio"][name]))
        else:
            yield f"{1000 * row['median_s'][name]:.0f} ms for {row['audio_s']:.2f} s"

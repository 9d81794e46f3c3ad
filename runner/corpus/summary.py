"""Sums a corpus up: `summary.json`, and a page for people, `summary.html`.

entries, shards, rejected --> Summary: hours by voice, lengths, slowest rows, reasons --> page
"""

from __future__ import annotations

import heapq
import html
import json
from collections import Counter
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING, Any

from runner.files import atomic
from runner.files.errors import reading, writing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.corpus.folder import CorpusFolder
    from runner.corpus.make import Made

_FORMAT = 1
_BIN_S = 1.0  # of the histogram of lengths
_MOST_BINS = 60
_LISTED = 20  # reasons, and slowest rows
_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .2rem 1rem .2rem 0; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums } svg { max-width: 100%; height: auto }
rect { fill: #3b73af }
</style></head><body>
<h1>$title</h1>
<p>$facts</p>
<h2>Voices</h2>
<table><tr><th>voice</th><th>rows</th><th>hours</th></tr>$voices</table>
<h2>Lengths</h2>
$histogram
<h2>Slowest rows</h2>
<table><tr><th>row</th><th>seconds of work</th></tr>$slowest</table>
$rejected
</body></html>
""")


@dataclass
class Summary:
    """What a corpus has.

    Attributes:
        rows: that were spoken.
        seconds: of audio.
        rows_by_voice, seconds_by_voice: likewise, by voice; '' for a graph without voices.
        lengths: rows by the whole seconds of their audio.
        reasons: rows that were not spoken, by the reason.
        slowest: the rows that took longest, with their seconds.
    """

    rows: int = 0
    seconds: float = 0.0
    rows_by_voice: Counter[str] = field(default_factory=Counter)
    seconds_by_voice: dict[str, float] = field(default_factory=dict)
    lengths: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[str, float]] = field(default_factory=list)


def sum_up(folder: CorpusFolder, made: Made) -> Summary:
    """Sum up what the folder has.

    Raises:
        RunError: a file cannot be read.
    """
    found = Summary()
    for entry in folder.read_entries(one.shard for one in made.shards):
        voice, seconds = str(entry.get("voice") or ""), float(entry["duration"])
        found.rows += 1
        found.seconds += seconds
        found.rows_by_voice[voice] += 1
        found.seconds_by_voice[voice] = found.seconds_by_voice.get(voice, 0.0) + seconds
        found.lengths[min(int(seconds / _BIN_S), _MOST_BINS)] += 1
    found.slowest = heapq.nlargest(_LISTED, (row for one in made.shards for row in one.slowest), key=lambda row: row[1])
    found.reasons = _count_reasons(folder)
    return found


def _count_reasons(folder: CorpusFolder) -> Counter[str]:
    found: Counter[str] = Counter()
    if folder.rejected.is_file():
        with reading(folder.rejected), folder.rejected.open(encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                found[str(json.loads(line)["error"])] += 1
    return found


def write_summary(folder: CorpusFolder, made: Made) -> None:
    """Write both files.

    Raises:
        RunError: one cannot be written.
    """
    found = sum_up(folder, made)
    table = {**make_table(made), "voices": _tell_voices(found), "lengths": _tell_lengths(found)}
    files = {"summary.json": json.dumps(table, indent=1) + "\n", "summary.html": _draw(found, folder, made)}
    for name, text in files.items():
        path = folder.root / name
        with writing(path):
            atomic.write(path, [text.encode("utf-8", "surrogateescape")])


def make_table(made: Made) -> dict[str, Any]:
    """Make the object of --json."""
    samples, rate_hz = sum(one.samples for one in made.shards), made.rate_hz
    return {
        "format": _FORMAT,
        "status": "failed" if made.failed else "ok",
        "records": made.plan.records,
        "rows": sum(one.rows for one in made.shards),
        "rejected": made.failed,
        "shards": len(made.shards),
        "resumed_shards": made.resumed,
        "audio_hours": round(samples / rate_hz / 3600, 6),
        "seconds": round(made.seconds, 3),
        "worker_seconds": round(sum(one.seconds for one in made.shards), 3),
    }


def _tell_voices(found: Summary) -> dict[str, Any]:
    return {
        voice: {"rows": rows, "hours": round(found.seconds_by_voice[voice] / 3600, 6)}
        for voice, rows in found.rows_by_voice.most_common()
    }


def _tell_lengths(found: Summary) -> list[dict[str, Any]]:
    return [{"from_s": at * _BIN_S, "rows": found.lengths[at]} for at in sorted(found.lengths)]


def _draw(found: Summary, folder: CorpusFolder, made: Made) -> str:
    speed = found.seconds / sum(one.seconds for one in made.shards) if made.shards else 0.0
    facts = (
        f"{found.rows:,} rows, {found.seconds / 3600:.2f} hours of audio in {len(made.shards):,} shards; "
        f"{speed:.1f} seconds of audio for a second of a worker."
    )
    voices = (
        (voice, f"{rows:,}", f"{found.seconds_by_voice[voice] / 3600:.3f}")
        for voice, rows in found.rows_by_voice.most_common()
    )
    slowest = ((id_, f"{seconds:.3f}") for id_, seconds in found.slowest)
    return _PAGE.substitute(
        title=html.escape(f"Corpus {folder.root.name}"),
        facts=facts,
        voices=_draw_rows(voices),
        histogram=_draw_histogram(found.lengths),
        slowest=_draw_rows(slowest),
        rejected=_draw_rejected(found.reasons),
    )


def _draw_rejected(reasons: Counter[str]) -> str:
    if not reasons:
        return ""
    rows = ((reason, f"{count:,}") for reason, count in reasons.most_common(_LISTED))
    return f"<h2>Rows that were not spoken</h2><table><tr><th>why</th><th>rows</th></tr>{_draw_rows(rows)}</table>"


def _draw_rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(
        f"<tr><td>{html.escape(first)}</td>{''.join(f'<td class=n>{html.escape(cell)}</td>' for cell in others)}</tr>"
        for first, *others in rows
    )


def _draw_histogram(lengths: Counter[int]) -> str:
    """Draw how many rows are how long."""
    if not lengths:
        return "<p>No rows.</p>"
    last, most, width, height = max(lengths), max(lengths.values()), 12, 160
    bars = "".join(
        f'<rect x="{at * width}" y="{height - height * lengths[at] / most:.1f}" width="{width - 2}" '
        f'height="{height * lengths[at] / most:.1f}"><title>{at} to {at + 1} s: {lengths[at]:,} rows</title></rect>'
        for at in range(last + 1)
        if lengths[at]
    )
    return (
        f'<svg viewBox="0 0 {(last + 1) * width} {height}" width="{(last + 1) * width}" role="img" '
        f'aria-label="Rows by length"><g>{bars}</g></svg><p>0 to {last + 1} s; the highest bar is {most:,} rows.</p>'
    )

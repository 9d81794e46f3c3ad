"""Makes the table of docs/quality.md from measurements, and judges it by the bars.

Intervals are of 95 %, from resampling the sentences. A difference to PyTorch is taken sentence by sentence, so that a
sentence that is hard for all systems widens no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.measured import BF16, FLOAT64, OURS, PADDED, PYTORCH, Measured
from benchmarks.quality.sentences import CLASSES
from training.measures import Interval, ratio

Rows = Sequence[Measured]
Results = Mapping[str, Rows]  # by the name of the system


@dataclass(frozen=True)
class Bar:
    """The most by which a system may be worse than PyTorch or better."""

    word_error_points: float
    opinion: float


BARS = {OURS: Bar(0.2, 0.02), PADDED: Bar(0.2, 0.02), BF16: Bar(0.5, 0.05)}


@dataclass(frozen=True)
class Summary:
    """The figures of one system over its sentences.

    Attributes:
        word_error: errors in 100 words.
        word_error_apart, opinion_apart: the difference to PyTorch over the sentences that both have spoken; None if
            there are none.
        distance_db: mean log-mel distance; None if the reference has spoken none of the sentences.
        compared: the number of sentences that `distance_db` is of.
    """

    sentences: int
    words: int
    errors: int
    word_error: Interval
    word_error_apart: Interval | None
    opinion: Interval
    opinion_apart: Interval | None
    distance_db: float | None
    compared: int


def summarise(rows: Rows, baseline: Rows) -> Summary:
    """The figures of a system that has spoken one sentence at least; `baseline` has the measurements of PyTorch."""
    other = {row.sentence.id: row for row in baseline}
    pairs = [(row, other[row.sentence.id]) for row in rows if row.sentence.id in other]
    apart = [row.distance_db for row in rows if row.distance_db is not None]
    return Summary(
        sentences=len(rows),
        words=sum(row.words for row in rows),
        errors=sum(row.errors for row in rows),
        word_error=_ratio([100 * row.errors for row in rows], [row.words for row in rows]),
        word_error_apart=_ratio([100 * (a.errors - b.errors) for a, b in pairs], [a.words for a, _ in pairs])
        if pairs
        else None,
        opinion=_mean([row.opinion.overall for row in rows]),
        opinion_apart=_mean([a.opinion.overall - b.opinion.overall for a, b in pairs]) if pairs else None,
        distance_db=float(np.mean(apart)) if apart else None,
        compared=len(apart),
    )


def _ratio(above: Sequence[float], below: Sequence[float]) -> Interval:
    return ratio(above, below)


def _mean(values: Sequence[float]) -> Interval:
    return ratio(values, [1.0] * len(values))


def find_failures(results: Results) -> list[str]:
    """The bars that are not kept, one sentence each."""
    failures = []
    for name, bar in BARS.items():
        if not results.get(name) or not results.get(PYTORCH):
            continue
        summary = summarise(results[name], results[PYTORCH])
        assert summary.word_error_apart is not None
        assert summary.opinion_apart is not None
        for what, got, most in (
            ("word error in points", summary.word_error_apart.value, bar.word_error_points),
            ("DNSMOS", summary.opinion_apart.value, bar.opinion),
        ):
            if abs(got) > most:
                failures.append(f"{name}: {what} differs from PyTorch's by {got:+.3f}, expected at most {most}")
    return failures


def write_tables(titles: Mapping[str, str], results: Results, absent: Mapping[str, str]) -> str:
    """The table of all systems, and that of the classes of sentences, as Markdown.

    Args:
        titles: the name of each system and its title, in the order of the rows.
        absent: the name of each system that was not run, and the reason.
    """
    baseline = results.get(PYTORCH, [])
    rows = [_write_row(name, title, results[name], baseline) for name, title in titles.items() if results.get(name)]
    rows += [f"| {titles[name]} | not run: {why} | | | | | |" for name, why in absent.items()]
    classes = _list_classes(titles, results)
    return "\n".join([_HEADER, *rows, *_compare_padded(results), "\nWrong words by class of sentence:\n", *classes, ""])


def _compare_padded(results: Results) -> Iterator[str]:
    """Say in how many sentences padding changes nothing."""
    exact = {row.sentence.id: row.digest for row in results.get(OURS, [])}
    same = [exact[row.sentence.id] == row.digest for row in results.get(PADDED, []) if row.sentence.id in exact]
    if same:
        yield f"\nPadded, {sum(same)} of {len(same)} sentences are the same samples, bit for bit."


_HEADER = """\
| system | sentences | word error, % | to PyTorch, points | DNSMOS | to PyTorch | log mel to float64, dB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def _write_row(name: str, title: str, rows: Rows, baseline: Rows) -> str:
    found = summarise(rows, baseline)
    is_baseline, count = name == PYTORCH, "" if found.compared == found.sentences else f" (of {found.compared})"
    cells = [
        title,
        str(found.sentences),
        _spell(found.word_error, 2),
        "" if is_baseline else _spell(found.word_error_apart, 2, sign="+"),
        _spell(found.opinion, 3),
        "" if is_baseline else _spell(found.opinion_apart, 3, sign="+"),
        "" if found.distance_db is None or name == FLOAT64 else f"{found.distance_db:.3f}{count}",
    ]
    return f"| {' | '.join(cells)} |"


def _spell(interval: Interval | None, digits: int, sign: str = "") -> str:
    if interval is None:
        return ""
    value, low, high = (f"{number:{sign}.{digits}f}" for number in interval)
    return f"{value} ({low} to {high})"


def _list_classes(titles: Mapping[str, str], results: Results) -> Iterator[str]:
    """The lines of a table: a row for each system, a column for each class."""
    yield f"| system | {' | '.join(CLASSES)} |"
    yield "| --- |" + " ---: |" * len(CLASSES)
    for name, title in titles.items():
        if results.get(name):
            yield f"| {title} | {' | '.join(_count_errors(results[name], kind) for kind in CLASSES)} |"


def _count_errors(rows: Rows, kind: str) -> str:
    chosen = [row for row in rows if row.sentence.kind == kind]
    return f"{sum(row.errors for row in chosen)} of {sum(row.words for row in chosen)}"

"""Draws time against seconds of audio, both logarithmic, so that a cost that grows with length is a line of
slope 1 and a fixed cost is where it bends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.ours import VARIANTS
from benchmarks.results import found

OURS = tuple(variant.name for variant in VARIANTS)
TICKS_S = (1, 2, 5, 10, 20, 50)
WIDTH_IN, HEIGHT_IN = 7.0, 4.2


def draw(results: Mapping[str, Any], path: Path) -> None:
    """The picture of the utterances, on the most threads; none if none were measured."""
    rows = found(results, "utterances")
    if not rows:
        return
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(name for row in rows for name in row["median_s"]):
        points = [(row["audio_s"], row["median_s"][name]) for row in rows if name in row["median_s"]]
        if points:
            ours = name in OURS
            axes.loglog(*zip(*points, strict=True), marker="o", label=name, linewidth=2.5 if ours else 1.2)
    _guide(axes, [row["audio_s"] for row in rows], rows)
    axes.set_xlabel("seconds of audio")
    axes.set_xticks(TICKS_S, [str(tick) for tick in TICKS_S])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("seconds of computing")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    with mpl.rc_context({"svg.hashsalt": "scaling", "svg.fonttype": "none"}):  # the same picture, the same file
        figure.savefig(path, metadata={"Date": None})


def _guide(axes: Any, audio_s: Sequence[float], rows: Sequence[Mapping[str, Any]]) -> None:
    """Slope 1 through our last point: as fast as this for every length."""
    share = rows[-1]["median_s"][OURS[0]] / rows[-1]["audio_s"]
    axes.loglog(audio_s, [share * s for s in audio_s], linestyle=":", color="grey", label="slope 1")

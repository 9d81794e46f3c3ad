"""Makes one HTML page about runs of a graph, which needs no other file and no network.

states, values, events --> totals, graph (svg), timeline, values, ports --+--> page
panels and facts of the caller: what the values mean --------------------'
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from html import escape
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.engine.run_state import Status
from runner.engine.trace import CONCURRENT, HIT, STAGE
from runner.errors import RunError
from runner.inspect.player import make_player
from runner.inspect.report_tables import make_ports_table, make_totals, make_values_table
from runner.inspect.svg import StageOutcome, draw_graph
from runner.inspect.timeline import draw_timeline
from runner.inspect.units import spell_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runner.engine.run_state import RunState
    from runner.engine.trace import Trace
    from runner.graph.types import Graph
    from runner.runtime.values import Array

MOST = 16  # runs of a page: the sound of each takes some 60 kB a second


@dataclass(frozen=True)
class KeptRun:
    """One run of the graph, with every port's value by 'stage.port', and the outputs by name."""

    state: RunState
    values: Mapping[str, Any]

    def find_audio(self, graph: Graph) -> dict[str, Array]:
        """Find the audio outputs of the graph by name, whether or not this run was to give them; no empty ones."""
        found = {name: self.values.get(str(graph.outputs[name])) for name in graph.audio}
        return {name: audio for name, audio in found.items() if audio is not None and audio.size}


def check_count(total: int) -> None:
    """Refuse an empty page, and one that a browser could not show.

    Raises:
        RunError: it would hold no run, or more than `MOST`.
    """
    if not 0 < total <= MOST:
        raise RunError(f"a report holds 1 to {MOST} utterances, this run has {total}; give fewer lines")


def kept_runs(trace: Trace) -> list[KeptRun]:
    """The runs with `keep` that `trace` has observed, in their order."""
    return [KeptRun(*run) for run in trace.runs]


def make_page(
    graph: Graph,
    trace: Trace,
    wall_s: float,
    *,
    command: str = "",
    facts: Sequence[tuple[str, str]] = (),
    panels: Callable[[KeptRun], Iterable[tuple[str, str]]] = lambda _run: (),
) -> str:
    """Make the page about all runs of `graph` with `keep` that `trace` has observed.

    Args:
        wall_s: of the whole command so far.
        command: the command line that made the runs; '' for none.
        facts: (name, value), for the head of the page, before those of the runs.
        panels: gives (title, HTML) of what is to be shown of a run before its graph.

    Raises:
        RunError: there is no such run, or more than `MOST`.
    """
    check_count(len(trace.runs))
    runs = kept_runs(trace)
    sections = "".join(_section(graph, trace, number, run, panels(run)) for number, run in enumerate(runs, 1))
    when = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    statuses = [stage.status for run in runs for stage in run.state.stages.values()]
    shown = [
        *facts,
        ("wall time", spell_time(wall_s)),
        ("stages that ran", str(statuses.count(Status.RUN))),
        ("hits", str(statuses.count(Status.HIT))),
        *([] if graph.model is None else [("model", graph.model.name)]),
        ("devices", ", ".join(dict.fromkeys(graph.devices.values()))),
    ]
    return _PAGE.format(
        title=escape(f"{graph.name}: {_title(runs[0])}"),
        style=Path(__file__).with_name("report.css").read_text("utf-8"),
        name=escape(graph.name),
        path=escape(str(graph.path)),
        when=escape(when),
        command=f"<pre class=command>{escape(command)}</pre>" if command else "",
        facts="".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in shown),
        totals=_panel("Stages", make_totals(graph, [run.state for run in runs])),
        sections=sections,
        versions=escape(_versions()),
    )


def _versions() -> str:
    """The versions of the packages that computed the results, of those that are installed as packages."""
    found = []
    for name in ("kokoro-run", "apache-tvm", "numpy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return ", ".join(found)


def _title(run: KeptRun) -> str:
    """The texts that the run was given."""
    return ", ".join(value for value in run.state.inputs.values() if isinstance(value, str))


def _section(graph: Graph, trace: Trace, number: int, run: KeptRun, panels: Iterable[tuple[str, str]]) -> str:
    state, kinds = run.state, (STAGE, CONCURRENT, HIT)
    outcomes = _outcomes(state)
    own = [event for event in trace.events if event.owner == id(state) and event.kind in kinds]
    players = [make_player(name, audio, graph.audio[name]) for name, audio in run.find_audio(graph).items()]
    parts = [
        f'<section><h2><span class="count">{number}</span>{escape(_title(run) or state.options.label)}</h2>',
        f"<p class=params>{escape(_values({**state.params, **state.sizes.known()}))}</p>",
        _panel("Audio", "".join(players)) if players else "",
        *(_panel(title, body) for title, body in panels),
        _panel("Inputs and outputs", make_values_table(graph, state, run.values)),
        _panel("Graph", _LEGEND + draw_graph(graph, outcomes, state.params)),
        _panel("Timeline", draw_timeline(list(graph.stages), own, outcomes)) if own else "",
        _panel("Ports", make_ports_table(graph, state, run.values, outcomes)),
        "</section>",
    ]
    return "".join(parts)


def _panel(title: str, body: str) -> str:
    return f'<div class="panel"><h3>{escape(title)}</h3><div class="scroll">{body}</div></div>'


def _values(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in named.items())


def _outcomes(state: RunState) -> dict[str, StageOutcome]:
    total = sum(state.timings.values()) or 1.0
    return {name: StageOutcome(run.status, run.seconds, run.seconds / total) for name, run in state.stages.items()}


_LEGEND = (
    '<p class="legend"><i style="background:#d3efdf"></i>hit: kept, not run '
    '<i style="background:linear-gradient(90deg,#fff0d9,#f58442)"></i>ran: the hotter, the larger its share '
    '<i style="background:#e4dcf8"></i>given '
    '<i style="background:#f0f1f4"></i>not needed '
    "<span>round corners: Python, square: compiled</span></p>"
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>
<header><h1>{name}</h1><p>{path}, {when}</p>{command}<div class="facts">{facts}</div></header>
{totals}
{sections}
<footer>{versions}</footer>
</main></body>
</html>
"""

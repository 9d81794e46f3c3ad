"""Makes the tables of the report: the totals of each stage, the inputs and outputs of a run, and its ports."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.engine.run_state import Status
from runner.inspect.plots import draw_sparkline
from runner.inspect.units import spell_bytes, spell_time
from runner.runtime.values import spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from runner.engine.run_state import RunState, StageRun
    from runner.graph.types import Graph, StageSpec
    from runner.inspect.svg import StageOutcome

_TOTALS = ("stage", "device", "#runs", "#hits", "#time", "#share", "")
_VALUE = ("value", "#size", "#smallest", "#mean", "#largest", "plot")  # columns of a value; '#' aligns to the right


def make_totals(graph: Graph, runs: Sequence[RunState]) -> str:
    """Sum up each stage over all runs: how often it ran or was kept, and its seconds."""
    every = {name: [run.stages[name] for run in runs] for name in graph.stages}
    all_runs = [stage for stages in every.values() for stage in stages]
    whole = sum(stage.seconds for stage in all_runs)
    rows = [[escape(name), escape(graph.stages[name].device), *_total(stages, whole)] for name, stages in every.items()]
    return _table(_TOTALS, [*rows, ["all", "", *_total(all_runs, whole)]], "totals")


def _total(stages: Sequence[StageRun], whole: float) -> list[str]:
    """The cells of `stages` after their name and device; `whole` is the time of all stages [s]."""
    seconds = sum(stage.seconds for stage in stages)
    counts = [str(sum(stage.status is status for stage in stages)) for status in (Status.RUN, Status.HIT)]
    if not seconds:
        return [*counts, "", "", ""]
    share = f"{seconds / whole:.1%}"
    return [*counts, spell_time(seconds), share, f'<b class="bar" style="width:{share}"></b>']


def make_values_table(graph: Graph, run: RunState, values: Mapping[str, Any]) -> str:
    """Describe what a run was given and what it gave."""
    rows = [["input", name, str(type_), *describe(run.inputs.get(name))] for name, type_ in graph.inputs.items()]
    for name, ref in run.outputs.items():
        type_ = graph.stages[ref.stage].outputs[ref.port]
        rows.append(["output", name, str(type_), *describe(values.get(name))])
    cells = [
        [kind, f"<code>{escape(name)}</code>", f"<code>{escape(type_)}</code>", *rest]
        for kind, name, type_, *rest in rows
    ]
    return _table(("", "name", "type", *_VALUE), cells, "values")


def make_ports_table(
    graph: Graph, run: RunState, values: Mapping[str, Any], outcomes: Mapping[str, StageOutcome]
) -> str:
    """Describe every port of a run, and why its stage ran or did not."""
    return (
        f'<table class="ports">{_head(("stage", "port", "type", "device", *_VALUE))}<tbody>'
        + "".join(row for spec in graph.stages.values() for row in _port_rows(spec, run, values, outcomes[spec.name]))
        + "</tbody></table>"
    )


def _port_rows(spec: StageSpec, run: RunState, values: Mapping[str, Any], outcome: StageOutcome) -> Iterator[str]:
    reason = run.stages[spec.name].reason
    why = "" if reason is None else str(reason) or reason.cause.value
    for number, (port, type_) in enumerate(spec.outputs.items()):
        dot = f'<i style="background:{outcome.colour}"></i>{escape(spec.name)}'
        told = f"<small>{escape(outcome.label)}<br>{escape(why)}</small>"
        first = f'<td class=stage rowspan="{len(spec.outputs)}">{dot}{told}</td>' if number == 0 else ""
        value = values.get(f"{spec.name}.{port}")
        cells = [
            f"<code>{escape(port)}</code>",
            f"<code>{escape(str(type_))}</code>",
            escape(spec.device),
            *describe(value),
        ]
        yield f"<tr{' class=first' if number == 0 else ''}>{first}{_cells(('', '', '', *_VALUE), cells)}</tr>"


def describe(value: Any) -> list[str]:
    """Describe a value in the cells of `_VALUE`: a text and a single number as they are, an array by its figures."""
    if value is None:
        return ["not computed", "", "", "", "", ""]
    if not isinstance(value, np.ndarray):
        return [f"<pre>{escape(str(value))}</pre>", "", "", "", "", ""]
    shape, size = f"<code>{spell(value)}</code>", spell_bytes(value.nbytes)
    if value.size == 1:
        return [f"{shape} = {value.reshape(-1)[0]!s}", size, "", "", "", ""]
    if not value.size:
        return [shape, size, "", "", "", ""]
    numbers = value.astype(np.float64)
    figures = [f"{figure:.4g}" for figure in (numbers.min(), numbers.mean(), numbers.max())]
    return [shape, size, *figures, draw_sparkline(numbers) if value.size == max(value.shape) else ""]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> str:
    body = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows)
    return f'<table class="{kind}">{_head(columns)}<tbody>{body}</tbody></table>'


def _head(columns: Sequence[str]) -> str:
    return "<thead><tr>" + "".join(f"<th{_align(name)}>{name.lstrip('#')}</th>" for name in columns) + "</tr></thead>"


def _cells(columns: Sequence[str], cells: Sequence[str]) -> str:
    return "".join(f"<td{_align(name)}>{cell}</td>" for name, cell in zip(columns, cells, strict=True))


def _align(column: str) -> str:
    return " class=num" if column.startswith("#") else ""

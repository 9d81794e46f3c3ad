"""Writes the record, the ports, the trace and the report of a command's runs."""

from __future__ import annotations

import platform
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli import options
from runner.cli.run_folders import find_run_folder
from runner.engine.observers import Observer
from runner.graph.selection import find_needed
from runner.graph.types import Ref
from runner.runtime import tvm_runtime
from runner.runtime.values import STR
from stages.contract import NamedType
from stages.dims import ModelDims

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.batch.rows import Row
    from runner.cli.run_folders import RunFolders
    from runner.cli.settings import Settings
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.record import RecordedRow, Recorder, RunRecord
    from runner.engine.run_state import RunState
    from runner.engine.trace import Trace


class TensorWriter(Observer):
    """An observer that writes every port of a run to the run's folder."""

    def __init__(self, folders: RunFolders) -> None:
        """Take the folders of rows, which run in their order; some may fail."""
        self._rows = folders.rows()
        self._label, self._folder, self._number = "", Path(), 0  # of the last run that has ended

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:  # noqa: ARG002
        from runner.files.npy import write_ports

        if result is not None:
            if run.options.label != self._label:
                self._label, self._number = run.options.label, 0
                self._folder = next(folder for row, folder in self._rows if row.label == self._label)
            self._number += 1
            folder = find_run_folder(self._folder, self._number)
            write_ports(folder, {name: value for name, value in result.items() if "." in name})


def observe(
    pipeline: Pipeline, settings: Settings, rows: Iterable[Row], folders: RunFolders | None, replayed: RunRecord | None
) -> Recorder | None:
    """Add the observers that the settings ask for: the writer of ports, and the recorder, which is returned.

    Args:
        rows: rows of the input.
        folders: of the ports of each run; None to write none.
        replayed: the recorded run that is replayed.
    """
    if folders is not None:
        pipeline.observers.append(TensorWriter(folders))
    if pipeline.stage_cache is None:
        return None
    from runner.engine.record import Recorder
    from runner.graph.serialize import to_fields

    folder = Path.cwd()
    voices = [name for name, type_ in pipeline.graph.inputs.items() if isinstance(type_, NamedType) and type_ != STR]
    asked = {
        **settings.resolve_paths(folder, voices).to_fields(),
        "replays": replayed and replayed.id,
        "folder": str(folder),
    }
    if replayed is not None:
        print_differences(replayed, pipeline)
    head = {"asked": asked, "graph": to_fields(pipeline.graph), "versions": versions()}
    recorder = Recorder(pipeline.stage_cache.cache.root / "runs", head, _RecordedRows(rows), pipeline.stage_cache)
    pipeline.observers.append(recorder)
    return recorder


class _RecordedRows:
    """Rows as the record of a run has them; each loop reads the rows again."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[RecordedRow]:
        from runner.engine.record import RecordedRow

        for row in self._rows:
            text = row.data.decode("utf-8", "surrogateescape")
            yield RecordedRow(row.origin, text, row.number, row.id, row.fault)


def start_trace(pipeline: Pipeline, settings: Settings) -> Trace | None:
    """Let a trace observe the pipeline if the settings name a trace or a report."""
    if settings.report is None and settings.trace is None:
        return None
    from runner.engine.trace import Trace

    trace = Trace()
    pipeline.observers.append(trace)
    return trace


def write_trace(pipeline: Pipeline, trace: Trace | None, settings: Settings) -> None:
    """Write the trace and the report if the settings name files for them.

    Raises:
        RunError: one cannot be written.
    """
    if trace is not None and settings.trace is not None:
        from runner.engine import trace as traces

        traces.write_trace(settings.trace, trace.events, f"kokoro-run {pipeline.graph.name}")
    if trace is not None and settings.report is not None:
        import shlex

        from runner.files.replace import replace_text
        from runner.inspect.report import make_page

        wall_s, command = time.perf_counter() - options.STARTED, shlex.join(["kokoro-run", *sys.argv[1:]])
        page = make_page(pipeline.graph, trace, wall_s, command=command, **_show_speech(pipeline, trace, settings))
        replace_text(settings.report, page)


def _show_speech(pipeline: Pipeline, trace: Trace, settings: Settings) -> dict[str, Any]:
    """Give the facts and panels of the report that a model of speech adds; nothing for another graph."""
    if not isinstance(pipeline.dims, ModelDims):
        return {}
    from runner.inspect.report import kept_runs
    from runner.speech import sound_panel

    facts = sound_panel.sum_up(pipeline.graph, kept_runs(trace), settings.voice)
    return {"facts": facts, "panels": partial(sound_panel.draw_panels, pipeline)}


def print_differences(record: RunRecord, pipeline: Pipeline) -> None:
    """Print on standard error how `pipeline` differs from the recorded run that it replays."""
    from runner.engine.replay import differences

    graph = pipeline.graph
    given = {Ref.parse(port) for run in record.graph_runs[:1] for port in run.given}
    stages = find_needed(graph, graph.outputs.values(), given)
    cache = pipeline.stage_cache
    identities = {} if cache is None else {spec.name: cache.identity(spec) for spec in stages}
    for difference in differences(record, identities, versions()):
        click.echo(f"not as in run {record.id}: {difference}", err=True)


def versions() -> dict[str, Any]:
    """Find the versions of Python, packages and machine, which the results of a run depend on."""
    import numpy as np

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "tvm": tvm_runtime.version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }

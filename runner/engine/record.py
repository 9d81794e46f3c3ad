"""Records runs: each run of a command leaves a file that says what it did, and is enough to do it again.

    <cache>/runs/20261120-104502317-3f9a1c.jsonl  {"run": ...}         options, graph, code, machine
                                               {"line": ...}        a row of the input (`RecordedRow`)
                                               {"utterance": ...}   a run of the graph: inputs, and what became of each
                                                                    stage
                                               {"end": ...}         missing where the command was killed

A row may take several runs of the graph. The file grows while they are done, and a torn line in it counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TextIO

from runner.engine.observers import Observer
from runner.errors import RunError, suggest
from runner.files.errors import reading
from runner.files.json_lines import parse_table
from runner.graph.types import GRAPH_INPUTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from runner.engine.pipeline import Result
    from runner.engine.run_state import RunState, StageRun
    from runner.engine.stage_cache import StageCache

FORMAT = 1
MAX_RUNS, MAX_BYTES = 1000, 256 * 2**20  # of records kept; the oldest go first

_LOG = logging.getLogger("kokoro_run")
_SUFFIX = ".jsonl"
LATEST = "last"
"""The name of the latest run, whichever that is."""


class RecordedRow(NamedTuple):
    """A row of the input.

    Attributes:
        origin: where it was written.
        number, id: of its line; None for a row without an id.
        fault: of an id that names no file; '' for none.
    """

    origin: str
    text: str
    number: int
    id: str | None = None
    fault: str = ""


@dataclass(frozen=True)
class StageRecord:
    """What became of one stage in one run of the graph.

    Attributes:
        outputs: port -> digest, dtype and shape; empty where nothing is known of them.
    """

    status: str
    key: str | None
    seconds: float
    outputs: dict[str, Any]


@dataclass(frozen=True)
class GraphRun:
    """One run of the graph.

    Attributes:
        inputs: text inputs as they are, others by their digests.
        given: 'stage.port' -> digest of a value that the caller put in place of an output.
        texts: those of these values that are texts, as they are.
    """

    inputs: dict[str, str]
    params: dict[str, Any]
    given: dict[str, str]
    stages: dict[str, StageRecord]
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """A run of the command.

    Attributes:
        time: when it began [s since 1970].
        asked: the options of the command, as it spells them.
        graph: the graph after overlays, every value with its origin (`serialize.to_fields`).
        identities: stage -> the digests of its code, weights and device (`keys.identity`).
        versions: of Python, NumPy, TVM and the machine.
        rows: of the input.
        graph_runs: the runs of the graph, in order.
        end: how it ended; None if it was killed.
    """

    id: str
    time: float
    asked: dict[str, Any]
    graph: dict[str, Any]
    identities: dict[str, dict[str, Any]]
    versions: dict[str, str]
    rows: list[RecordedRow] = field(default_factory=list)
    graph_runs: list[GraphRun] = field(default_factory=list)
    end: dict[str, Any] | None = None

    def statuses(self) -> dict[str, str]:
        """Stage -> 'run' if it ran in any run of the graph, else its status in the first."""
        first = self.graph_runs[0].stages if self.graph_runs else {}
        every = {name: {one.stages[name].status for one in self.graph_runs} for name in first}
        return {name: "run" if "run" in found else first[name].status for name, found in every.items()}


class Recorder(Observer):
    """Writes the record of a command's runs. It begins with the first run of the graph: what fails before leaves none.

    Attributes:
        id: of the record.
    """

    def __init__(
        self, folder: Path, head: Mapping[str, Any], rows: Iterable[RecordedRow], stage_cache: StageCache
    ) -> None:
        """Write nothing yet.

        Args:
            folder: of the records.
            head: `asked`, `graph` and `versions` of the `RunRecord`.
            rows: of the input.
            stage_cache: knows the identities of the stages.
        """
        now = time.time()
        clock = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        self.id = f"{clock}{int(now % 1 * 1000):03}-{os.urandom(3).hex()}"  # ids are in the order of their runs
        self._folder, self._rows, self._stage_cache = folder, rows, stage_cache
        self._head = {"format": FORMAT, "id": self.id, "time": now, **head}
        self._file: TextIO | None = None
        self._started = False

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:  # noqa: ARG002
        if result is None:
            return
        if not self._started:
            self._started = True
            identities = {spec.name: self._stage_cache.identity(spec) for spec in run.needed}
            self._open({**self._head, "identities": identities})
        self._write({"utterance": _fields(run)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close the file; the record of a run that failed has no end."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            _forget_oldest(self._folder)

    def close(self, **end: Any) -> None:
        """Note the end, and keep the number of records within its limits."""
        self._write({"end": {"seconds": round(time.time() - self._head["time"], 3), **end}})
        self.__exit__()

    def _open(self, head: dict[str, Any]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / f"{self.id}{_SUFFIX}").open("x", encoding="utf-8", buffering=1)
        except OSError as error:
            _LOG.warning("%s: this run leaves no record: %s", self._folder, error.strerror)
        self._write({"run": head})
        for row in self._rows:
            self._write({"line": list(row)})

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            _LOG.warning("%s: the record of this run is not complete: %s", self._folder, error.strerror)
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def _fields(run: RunState) -> dict[str, Any]:
    """A run of the graph, as JSON."""
    inputs = {ref: value for ref, value in run.given.items() if ref.stage == GRAPH_INPUTS}
    return {
        "inputs": {ref.port: v if isinstance(v, str) else run.digests[ref] for ref, v in inputs.items()},
        "params": {name: value.item() if hasattr(value, "item") else value for name, value in run.params.items()},
        "given": {str(ref): run.digests[ref] for ref in run.override},
        "texts": {str(ref): value for ref, value in run.override.items() if isinstance(value, str)},
        "stages": {name: _stage(stage) for name, stage in run.stages.items()},
    }


def _stage(run: StageRun) -> dict[str, Any]:
    outputs = {} if run.entry is None else run.entry.outputs
    return {
        "status": run.status,
        "key": run.key,
        "seconds": round(run.seconds, 6),
        "outputs": {port: [output.digest, output.dtype, list(output.shape)] for port, output in outputs.items()},
    }


def runs(folder: Path) -> list[str]:
    """The ids of the runs that have a record, the latest first."""
    with contextlib.suppress(OSError):
        return sorted((path.stem for path in folder.glob(f"*{_SUFFIX}")), reverse=True)
    return []


def find(folder: Path, name: str | None) -> RunRecord:
    """The record of the run whose id is `name`, or begins or ends so; the latest where it is None or 'last'.

    Raises:
        RunError: there is none, or several, or it is damaged.
    """
    known = runs(folder)
    if name is None or name == LATEST:
        if not known:
            raise RunError(f"{folder}: no run has left a record there; give another cache folder, or run something")
        return read(folder / f"{known[0]}{_SUFFIX}")
    found = [id_ for id_ in known if id_.startswith(name) or id_.endswith(name)]
    if len(found) != 1:
        fact = (
            f"{len(found)} runs are called so: {', '.join(found[:5])}"
            if found
            else "no such run" + suggest(name, known)
        )
        raise RunError(f"run '{name}': {fact}")
    return read(folder / f"{found[0]}{_SUFFIX}")


def read(path: Path) -> RunRecord:
    """The record at `path`, as far as it goes.

    Raises:
        RunError: it cannot be read, is of another format, or its beginning is damaged.
    """
    with reading(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [row for row in map(parse_table, lines) if row is not None]
    heads = [row["run"] for row in rows if isinstance(row.get("run"), dict)]
    if not heads or heads[0].get("format") != FORMAT:
        raise RunError(f"{path}: is no record of a run, or of another version of this program")
    try:
        head = {name: heads[0][name] for name in ("id", "time", "asked", "graph", "identities", "versions")}
        graph_runs = [_graph_run(row["utterance"]) for row in rows if "utterance" in row]
        written = [_recorded_row(row["line"], number) for number, row in enumerate(rows) if "line" in row]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path}: damaged record ({type(error).__name__}: {error})") from None
    end = next((row["end"] for row in rows if "end" in row), None)
    return RunRecord(**head, rows=written, graph_runs=graph_runs, end=end)


def _recorded_row(fields: list[Any], number: int) -> RecordedRow:
    """Read a row; one of a record without numbers has that of its place, `number`."""
    origin, text, number, id_, fault = fields if len(fields) > 2 else (*fields, number, None, "")
    return RecordedRow(str(origin), str(text), int(number), None if id_ is None else str(id_), str(fault))


def _graph_run(fields: dict[str, Any]) -> GraphRun:
    stages = {name: StageRecord(**stage) for name, stage in fields["stages"].items()}
    return GraphRun(fields["inputs"], fields["params"], fields["given"], stages, fields.get("texts", {}))


def _forget_oldest(folder: Path) -> None:
    total = 0
    for count, name in enumerate(runs(folder), 1):
        path = folder / f"{name}{_SUFFIX}"
        with contextlib.suppress(OSError):
            total += path.stat().st_size
            if count > 1 and (count > MAX_RUNS or total > MAX_BYTES):
                path.unlink()

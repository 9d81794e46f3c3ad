"""What each run leaves: enough to say what it did and to do it again.

    <cache>/runs/20261120-104502317-3f9a1c.jsonl  {"run": ...}         what was asked, the graph, the code, the machine
                                               {"line": ...}        of the input, and where it was written
                                               {"utterance": ...}   inputs, and what became of each stage
                                               {"end": ...}         missing where the run was killed

One file for a run of the command, a row for each utterance of the model: that is what is replayed, and ten thousand
utterances are one file that grows while they are spoken. A torn row is none.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from runner.engine.run_state import UNNEEDED
from runner.errors import RunError, suggest
from runner.files.errors import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runner.batch.rows import Row
    from runner.engine.run_state import Request, StageRun

FORMAT = 1
MAX_RUNS, MAX_BYTES = 1000, 256 * 2**20  # of records kept; the oldest go first

_LOG = logging.getLogger("kokoro_run")
_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class StageRecord:
    """What became of one stage for one utterance.

    Attributes:
        outputs: port -> digest, dtype and shape; empty where nothing is known of them.
    """

    status: str
    key: str | None
    seconds: float
    outputs: dict[str, Any]


@dataclass(frozen=True)
class UtteranceRecord:
    """One run of the graph: text inputs as they are, others by their digests."""

    inputs: dict[str, str]
    params: dict[str, Any]
    given: dict[str, str]
    stages: dict[str, StageRecord]


@dataclass(frozen=True)
class RunRecord:
    """A run of the command.

    Attributes:
        time: when it began [s since 1970].
        asked: the options of the command.
        graph: the graph after overlays, every value with its origin (`snapshot.to_fields`).
        identities: stage -> the digests of its code, weights and device (`keys.identity`).
        versions: of what it ran with.
        lines: of the input: where each was written, and its text.
        end: how it ended; None if it was killed.
    """

    id: str
    time: float
    asked: dict[str, Any]
    graph: dict[str, Any]
    identities: dict[str, dict[str, Any]]
    versions: dict[str, str]
    lines: list[tuple[str, str]] = field(default_factory=list)
    utterances: list[UtteranceRecord] = field(default_factory=list)
    end: dict[str, Any] | None = None

    @functools.cached_property
    def options(self) -> dict[str, Any]:
        """What was asked, as `replay` takes it up: paths of inputs are absolute, also in a record that lacks that."""
        return absolute(self.asked, Path(self.asked["folder"]))

    def ran(self) -> dict[str, str]:
        """Stage -> 'run' if it ran for any utterance, else what became of it in the first."""
        first = self.utterances[0].stages if self.utterances else {}
        every = {name: {one.stages[name].status for one in self.utterances} for name in first}
        return {name: "run" if "run" in found else first[name].status for name, found in every.items()}


def absolute(asked: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options of a run, the paths that it reads absolute: relative ones start in `folder`."""
    found = dict(asked)
    for name in ("vocab", "build_dir"):
        found[name] = asked[name] and str(folder / asked[name])
    pairs = (text.partition("=") for text in asked["load"])
    found["load"] = [f"{port}={folder / file}" for port, _, file in pairs]
    if asked["voice"] is not None:
        from runner.speech import voices  # noqa: PLC0415 - imports NumPy, which `kokoro-run runs` need not pay

        found["voice"] = voices.absolute(asked["voice"], folder)
    return found


class Recorder:
    """Writes the record of a run. It is begun with the first utterance: what fails before leaves none.

    Attributes:
        id: of the run.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any], lines: Iterable[Row]) -> None:
        """Nothing is written yet.

        Args:
            folder: of the records.
            head: `asked`, `graph` and `versions` of the `RunRecord`.
        """
        now = time.time()
        clock = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        self.id = f"{clock}{int(now % 1 * 1000):03}-{os.urandom(3).hex()}"  # ids are in the order of their runs
        self._folder, self._lines = folder, lines
        self._head = {"format": FORMAT, "id": self.id, "time": now, **head}
        self._file: TextIO | None = None
        self._started = False

    def add(self, request: Request, identities: Mapping[str, Any]) -> None:
        """Note what became of one utterance."""
        if not self._started:
            self._started = True
            self._open({**self._head, "identities": dict(identities)})
        self._write({"utterance": _utterance(request)})

    def close(self, **end: Any) -> None:
        """Note the end, and keep the number of records within its limits."""
        self._write({"end": {"seconds": round(time.time() - self._head["time"], 3), **end}})
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            _forget_oldest(self._folder)

    def _open(self, head: dict[str, Any]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / f"{self.id}{_SUFFIX}").open("x", encoding="utf-8", buffering=1)
        except OSError as error:
            _LOG.warning("%s: this run leaves no record: %s", self._folder, error.strerror)
        self._write({"run": head})
        for line in self._lines:
            self._write({"line": [line.origin, line.data.decode("utf-8", "surrogateescape")]})

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


def _utterance(request: Request) -> dict[str, Any]:
    inputs, params, given = {}, {}, {}
    for ref, value in request.given.items():
        place, _, name = ref.partition(".")
        if place == "params":
            params[name] = value.item() if hasattr(value, "item") else value
        elif place == "input":
            inputs[name] = value if isinstance(value, str) else request.digests[ref]
        else:
            given[ref] = request.digests[ref]
    stages = {name: _stage(run) for name, run in request.stages.items()}
    return {"inputs": inputs, "params": params, "given": given, "stages": stages}


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
    """The record of the run whose id is `name`, or begins or ends so; the latest where it is None.

    Raises:
        RunError: there is none, or several, or it is damaged.
    """
    known = runs(folder)
    if name is None:
        if not known:
            raise RunError(f"{folder}: no run has left a record there; give another --cache-dir, or run something")
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
    rows = [row for row in map(_row, lines) if row is not None]
    heads = [row["run"] for row in rows if isinstance(row.get("run"), dict)]
    if not heads or heads[0].get("format") != FORMAT:
        raise RunError(f"{path}: is no record of a run, or of another version of this program")
    try:
        head = {name: heads[0][name] for name in ("id", "time", "asked", "graph", "identities", "versions")}
        utterances = [_read_utterance(row["utterance"]) for row in rows if "utterance" in row]
        written = [(str(row["line"][0]), str(row["line"][1])) for row in rows if "line" in row]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise RunError(f"{path}: damaged record ({type(error).__name__}: {error})") from None
    end = next((row["end"] for row in rows if "end" in row), None)
    return RunRecord(**head, lines=written, utterances=utterances, end=end)


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _read_utterance(fields: dict[str, Any]) -> UtteranceRecord:
    stages = {name: StageRecord(**stage) for name, stage in fields["stages"].items()}
    return UtteranceRecord(fields["inputs"], fields["params"], fields["given"], stages)


def summary(folder: Path, name: str) -> str:
    """One line about a run: when, what graph, how many utterances, what ran; or why its record cannot be read."""
    try:
        record = read(folder / f"{name}{_SUFFIX}")
    except RunError as error:
        return f"{name}  {error}"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.time))
    statuses = record.ran()
    ran = [name for name, status in statuses.items() if status == "run"]
    used = [name for name, status in statuses.items() if status != UNNEEDED]
    what = "everything ran" if ran == used else f"ran: {', '.join(ran) or 'nothing'}"
    end = f"{record.end['seconds']:.2f} s" if record.end else "not ended"
    count = len(record.utterances)
    spoken = f"{count} utterance{'s' if count != 1 else ''}"
    return f"{record.id}  {when}  {record.graph['name']}  {spoken}, {end}, {what}"


def _forget_oldest(folder: Path) -> None:
    total = 0
    for count, name in enumerate(runs(folder), 1):
        path = folder / f"{name}{_SUFFIX}"
        with contextlib.suppress(OSError):
            total += path.stat().st_size
            if count > 1 and (count > MAX_RUNS or total > MAX_BYTES):
                path.unlink()

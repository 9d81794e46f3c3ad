"""Describes a recorded run in one line, or as a table, for `kokoro-run runs`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runner.engine import record as records
from runner.engine.run_state import Status
from runner.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path


def summary(folder: Path, name: str) -> str:
    """One line about a run: when, what graph, how many runs of it, what ran; or why its record cannot be read."""
    try:
        record = records.find(folder, name)
    except RunError as error:
        return f"{name}  {error}"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.time))
    statuses = record.statuses()
    ran = [name for name, status in statuses.items() if status == Status.RUN]
    used = [name for name, status in statuses.items() if status != Status.UNNEEDED]
    what = "everything ran" if ran == used else f"ran: {', '.join(ran) or 'nothing'}"
    end = f"{record.end['seconds']:.2f} s" if record.end else "not ended"
    count = len(record.graph_runs)
    return f"{record.id}  {when}  {record.graph['name']}  {count} utterance{'s' if count != 1 else ''}, {end}, {what}"


def make_table(folder: Path, name: str) -> dict[str, Any]:
    """Make a table of a run, for JSON; docs/json.md has the schema. One that cannot be read has `error`."""
    try:
        record = records.find(folder, name)
    except RunError as error:
        return {"id": name, "error": str(error)}
    return {
        "id": record.id,
        "time": record.time,
        "graph": record.graph["name"],
        "runs": len(record.graph_runs),
        "seconds": record.end["seconds"] if record.end else None,
        "ended": record.end is not None,
        "stages": record.statuses(),
    }

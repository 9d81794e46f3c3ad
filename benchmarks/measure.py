"""One part of the benchmark on one number of threads, in a process of its own; `bench` starts one after the other.

    python -m benchmarks.measure PART --threads N --rounds N [--quick] --out FILE

Thread pools get their size once a process, and one part's memory is no load on the next.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks import machine
from benchmarks.parts import build, filters, kernels, process, stages, throughput, utterances
from benchmarks.results import short
from benchmarks.session import Session
from tests.real_model import MODEL

PARTS: dict[str, Callable[[Session], Any]] = {
    "filters": filters.measure,
    "build": build.measure,
    "stages": stages.measure,
    "utterances": utterances.measure,
    "throughput": throughput.measure,
    "process": process.measure,
    "kernels": kernels.measure,
}
# When asked for: minutes that say little of speed, or choose what is measured.
DEFAULT = tuple(part for part in PARTS if part not in ("build", "filters"))
ON_ONE_THREAD_TOO = ("utterances",)  # the other parts run on all cores alone


def entry(part: str, session: Session) -> dict[str, Any]:
    """What is kept of a part: what was found, when, of which model, on what machine, and what went wrong."""
    about, began = machine.describe(), time.perf_counter()
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    found = PARTS[part](session)
    return {
        "started": started,
        "took_s": round(time.perf_counter() - began, 1),
        "commit": machine.commit(),
        "model": MODEL,
        "machine": about,
        "load_average_at_end": round(os.getloadavg()[0], 2),
        "threads": session.threads,
        "rounds": session.rounds,
        "found": short(found),
        "failed": session.failed,
    }


@click.command()
@click.argument("part", type=click.Choice(list(PARTS)))
@click.option("--threads", type=click.IntRange(1), required=True)
@click.option("--rounds", type=click.IntRange(1), required=True)
@click.option("--quick", is_flag=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(part: str, threads: int, rounds: int, quick: bool, out: Path) -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)  # PyTorch's, about the package's way to norm weights
    logging.disable(logging.WARNING)  # of exporters, about what they trace
    session = Session(threads, rounds, quick=quick)
    out.write_text(json.dumps(entry(part, session)), "utf-8")


if __name__ == "__main__":
    main()

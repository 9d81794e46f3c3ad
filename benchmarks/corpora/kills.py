"""Kills runs that make a corpus at random moments, and compares what the last one leaves with an undisturbed corpus."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.corpora.ray_nodes import Nodes, running_nodes
from tests.runner.corpus.conftest import list_data
from tests.systems import list_children

_LONGEST_S = 8.0  # until a kill

Make = Callable[..., list[str]]
"""`make(out, *options)`: the command that makes the corpus."""


def kill_runs(make: Make, folder: Path, kills: int, *, with_ray: bool, seed: int = 1) -> dict[str, Any]:
    """Kill runs, workers and, if asked for, Ray's nodes, so many times in all.

    Raises:
        RuntimeError: a run that nobody kills fails.
    """
    chance, found = random.Random(seed), Counter[str]()
    whole = folder / "whole"
    subprocess.run(make(whole), check=True)
    expected = list_data(whole)
    with running_nodes(2 if with_ray else 0) as nodes:
        while sum(found[kind] for kind in ("driver", "worker", "node")) < kills:
            out = folder / "killed"
            _kill_until_it_ends(make, out, chance, found, nodes)
            found["corpora"] += 1
            found["wrong"] += list_data(out) != expected
            shutil.rmtree(out)
    return dict(found)


def _kill_until_it_ends(make: Make, out: Path, chance: random.Random, found: Counter[str], nodes: Nodes) -> None:
    """Begin a corpus again and again, with one to three kills, until nobody kills it."""
    for _ in range(chance.randint(1, 3)):
        by_ray = nodes.address is not None and chance.random() < 0.5
        options = ["--ray", str(nodes.address), "--workers", "2"] if by_ray else []
        with subprocess.Popen(make(out, *options), stderr=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0.1, _LONGEST_S * (3 if by_ray else 1)))
            if process.poll() is not None:
                continue
            kind = chance.choice(["driver", "node" if by_ray else "worker"])
            found[kind] += 1
            if kind == "node":
                nodes.kill_one(chance.randrange(2))
            elif kind == "worker":
                for child in list_children(process.pid)[:1]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
            else:
                process.kill()
            process.wait()
    subprocess.run(make(out), check=True)

"""Compares the ports of one sentence on two machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from runner.graph.types import Graph
from runner.inspect.distance import Distance, measure

MOST = 1e-5  # of a port's largest value: ten times what a first trial had
LEAST_DB = 100.0  # of the audio that follows the same pitch: 117 dB in that trial
AUDIO = "decoder.audio"

Ports = Mapping[str, Any]


def compare(graph: Graph, ours: Ports, theirs: Ports) -> list[Distance]:
    """Measure how far `ours` are from `theirs`, at each port that either has."""
    types = {f"{spec.name}.{port}": kind for spec in graph.stages.values() for port, kind in spec.outputs.items()}
    absent = ours.keys() ^ theirs.keys()
    known = [port for port in types if port in ours and port in theirs]
    lacking = [Distance(port, (None, None), fault="one machine has no such port") for port in sorted(absent)]
    return [*(measure(port, types[port], ours[port], theirs[port], times=graph.dims) for port in known), *lacking]


def list_faults(distances: list[Distance], audio: Distance) -> list[str]:
    """List what is further apart than it may be.

    Args:
        distances: of ports that each machine has made from the sentence.
        audio: of the audio that follows the same pitch.
    """
    plain = [each for each in distances if each.port.partition(".")[0] not in ("decoder", "trim")]
    faults = [f"{each.port}: {each.fault}" for each in [*distances, audio] if each.fault]
    faults += [f"{each.port}: {each.relative:.1e}, at most {MOST:.0e}" for each in plain if not each.relative <= MOST]
    return faults + ([] if audio.snr_db >= LEAST_DB else [f"audio: {audio.snr_db:.1f} dB, at least {LEAST_DB:g} dB"])


def format_table(distances: list[Distance], audio: Distance) -> Iterator[str]:
    """Format the distances as a table of Markdown."""
    yield "| port | largest difference, of the largest value |"
    yield "| --- | ---: |"
    for each in distances:
        yield f"| `{each.port}` | {'equal' if each.max_abs == 0 else f'{each.relative:.1e}'} |"
    snr = "equal" if np.isinf(audio.snr_db) else f"{audio.snr_db:.1f} dB"
    yield f"| `{audio.port}`, same F0 | {audio.relative:.1e}, {snr} |"

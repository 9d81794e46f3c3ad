"""Asks this server and kokoro-onnx behind FastAPI for the same texts, in turn: the same weights in float32.

The graph that kokoro-onnx runs is the package's own export (`benchmarks.ort.export_whole`) of the same tensors. Its
front end is espeak-ng, ours is our own: the texts are the same, the phonemes may differ.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks import ort
from benchmarks.ort import export_whole
from benchmarks.quality.model import Model
from benchmarks.serving.process import find_port, serving
from runner.files.digest import file_sha256

_WORK = Path(__file__).parents[2] / "build" / "serving"
_VOICE = "af_heart"
_ROUNDS = 30
_RATE_HZ = 24_000


def compare(overlays: Sequence[str], texts: Sequence[str], rounds: int = _ROUNDS) -> dict[str, Any]:
    """Measure both servers, request by request in turn; gives medians and ratios, above 1 where ours is faster."""
    model = Model(tuple(overlays), _WORK)
    graph = export_whole(model.package_folder(file_sha256(Path(ort.__file__))))
    voices = graph.parent / "voices.npz"
    pack = model.voice(_VOICE)
    np.savez(voices.with_suffix(""), af_heart=pack.reshape(len(pack), 1, -1))
    one, other = find_port(), find_port()
    ours = [*("runner", "serve", "text"), *(word for name in overlays for word in ("-c", name))]
    theirs = ["benchmarks.serving.rival_server", str(graph), str(voices), "--port", str(other)]
    with (
        serving([*ours, "--port", str(one), "--no-cache", "-q"], one, "/readyz") as first,
        serving(theirs, other, "/healthz") as second,
        httpx.Client(timeout=600) as client,
    ):
        asked = [texts[0], *texts[:rounds]]  # the first is not counted
        pairs = [[_ask(client, server.url, text) for server in (first, second)] for text in asked][1:]
    return {
        "requests": len(pairs),
        "first_audio_ms": [round(1000 * statistics.median(pair[at][0] for pair in pairs)) for at in (0, 1)],
        "first_audio_ratio": round(statistics.median(b[0] / a[0] for a, b in pairs), 2),
        "audio_per_second": [round(sum(p[at][2] for p in pairs) / sum(p[at][1] for p in pairs), 2) for at in (0, 1)],
        "throughput_ratio": round(statistics.median((a[2] / a[1]) / (b[2] / b[1]) for a, b in pairs), 2),
    }


def _ask(client: httpx.Client, url: str, text: str) -> tuple[float, float, float]:
    """Ask for a text; gives the seconds to the first sample and to the last, and those of the audio."""
    start, first, size = time.perf_counter(), 0.0, 0
    body = {"model": "kokoro", "input": text, "voice": _VOICE, "response_format": "pcm"}
    with client.stream("POST", url + "/v1/audio/speech", json=body) as response:
        response.raise_for_status()
        for block in response.iter_bytes():
            first = first or time.perf_counter() - start
            size += len(block)
    return first, time.perf_counter() - start, size / 2 / _RATE_HZ

"""Several lines spoken by a pipeline of one worker with all threads, and by one of a worker for each thread."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.cases import symbols
from benchmarks.ours import BUILT, FP32
from benchmarks.session import Session
from runner.api import Pipeline
from runner.graph.load import load_graph
from stages.dims import SAMPLE_RATE_HZ

TOKENS = (16, 24, 32, 48, 64, 24)  # of the lines: from 1 s to 5 s
QUICK_TOKENS = (16, 24, 32, 16)


def measure(session: Session) -> dict[str, Any]:
    """Seconds for all lines, asked for by one thread for each worker."""
    lines = [symbols(tokens) for tokens in (QUICK_TOKENS if session.quick else TOKENS)]
    calls = {
        spell(workers, session.threads // workers): functools.partial(_speak, pipeline, lines, session.pack)
        for workers in (session.threads, 1)
        for pipeline in [Pipeline(load_graph("default", FP32.files()), BUILT, session.threads, workers=workers)]
    }
    audio = [np.concatenate(call()) for call in calls.values()]
    if any(not np.array_equal(audio[0], other) for other in audio):
        session.fail("throughput", "the audio is not the same bits")
    return {
        "lines": len(lines),
        "audio_s": audio[0].size / SAMPLE_RATE_HZ,
        **session.compare(f"throughput of {len(lines)} lines", dict(calls)),
    }


def spell(workers: int, threads: int) -> str:
    """Name a contender: `2 workers x 1 thread`."""
    return " x ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((workers, "worker"), (threads, "thread")))


def _speak(pipeline: Pipeline, lines: list[str], pack: Any) -> list[Any]:
    with ThreadPoolExecutor(pipeline.workers.count) as callers:
        results = callers.map(pipeline.run, [{"phonemes": line, "voice": pack} for line in lines])
        return [result["audio"] for result in results]

"""Fresh processes: from start to a finished .wav, to the first byte of a stream, and the largest resident set."""

from __future__ import annotations

import functools
import statistics
import sys
from typing import Any

from benchmarks import process
from benchmarks.cases import Length, symbols
from benchmarks.model import WORK
from benchmarks.names import PYTORCH
from benchmarks.ours import Variant, variants
from benchmarks.session import Session
from benchmarks.timing import median_ratios

COLD_S, PEAK_S = 1.0, 10.0
PEAK_ROUNDS = 3  # memory hardly varies
THEIRS = "benchmarks.pytorch_speaks"


def measure(session: Session) -> dict[str, Any]:
    """Cold start of a short utterance, memory of a long one, and what `kokoro-run` costs beside its stages."""
    cold, long = (session.length(seconds) for seconds in (COLD_S, PEAK_S))
    return {
        "cold_start": {"audio_s": COLD_S, **_cold_start(session, cold)},
        "first_byte_s": _first_byte(session, cold),
        "peak_memory": {"audio_s": PEAK_S, **_peak_memory(session, long)},
        "run": {"audio_s": PEAK_S, **_beyond_stages(session, long)},
    }


def _cold_start(session: Session, length: Length) -> dict[str, Any]:
    """The files are in the page cache, since each command has run once before."""
    threads = session.threads
    theirs = [sys.executable, "-m", THEIRS, *_theirs(session, length)]
    commands = {variant.name: process.kokoro_run(*_ours(session, variant, length)) for variant in variants()}
    commands[PYTORCH] = theirs
    calls = {name: functools.partial(process.run, command, threads) for name, command in commands.items()}
    return session.compare("cold start", dict(calls))


def _first_byte(session: Session, length: Length) -> dict[str, Any]:
    found = {}
    for variant in variants():
        line = WORK / "line.txt"
        line.write_text(symbols(length.tokens) + "\n", "utf-8")
        arguments = [*variant.arguments(), "--input", str(line), "--speed", str(length.speed), "--stream", "--no-cache"]
        arguments += ["--threads", str(session.threads)]
        found[variant.name] = statistics.median(
            process.seconds_to_first_byte(*arguments, threads=session.threads) for _ in range(session.rounds)
        )
    return found


def _peak_memory(session: Session, length: Length) -> dict[str, Any]:
    """MiB."""
    modules = [(v.name, process.OURS, _ours(session, v, length)) for v in variants()]
    modules.append((PYTORCH, THEIRS, _theirs(session, length)))
    peaks: dict[str, list[float]] = {name: [] for name, _, _ in modules}
    for _ in range(PEAK_ROUNDS):
        for name, module, arguments in modules:
            peaks[name].append(process.peak_mib_of(module, *arguments, threads=session.threads))
    figures = median_ratios(peaks)
    return {"mib": peaks, "median_mib": figures["median_s"], "ratio": figures["ratio"]}


def _beyond_stages(session: Session, length: Length) -> dict[str, float]:
    arguments = _ours(session, next(variants()), length)
    runs = [process.seconds_beyond_stages(*arguments, threads=session.threads) for _ in range(session.rounds)]
    return {
        "wall_s": statistics.median(wall for wall, _ in runs),
        "beyond_stages_s": statistics.median(beyond for _, beyond in runs),
        "beyond_stages_worst_s": max(beyond for _, beyond in runs),
    }


def _ours(session: Session, variant: Variant, length: Length) -> list[str]:
    words = ["--phonemes", symbols(length.tokens), "--speed", str(length.speed)]
    words += ["--threads", str(session.threads), "--no-cache"]  # a kept result would be no run
    return [*variant.arguments(), *words, "-o", str(WORK / "ours.wav")]


def _theirs(session: Session, length: Length) -> list[str]:
    phonemes, speed = symbols(length.tokens), str(length.speed)
    return [str(session.folder), phonemes, speed, str(session.threads), str(WORK / "theirs.wav")]

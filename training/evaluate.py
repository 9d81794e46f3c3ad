"""`python -m training.evaluate`: the default graph's voices on the held-out sentences, beside espeak-ng's own.

Everything is predicted by the graph: durations, F0, energy. espeak-ng says the same sentences in the voice that the
model's was trained on; its audio goes through the same measures, at the same 24 kHz.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kokoro_run
from runner.engine.options import RunOptions
from training import features, measures
from training.alignment import Alignment, align, frames_of, segments
from training.errors import TrainingError
from training.measures import Interval
from training.recogniser import Recogniser, words
from training.sentences import heldout
from training.speakers import SPEAKERS, Speaker
from training.spelling import SPELLINGS, vocabulary

_MARKERS = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Original:
    """A sentence as espeak-ng says it: its audio at 24 kHz, phonemes with their frames by spelling, F0 by slot."""

    text: str
    audio: NDArray[np.float32]
    aligned: Mapping[str, Alignment]
    f0: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Judged:
    """One sentence: counts of words and of their errors, and the measures of `training.measures`."""

    text: str
    heard: str
    words: int
    errors: int
    espeak_errors: int
    periodicity: float
    espeak_periodicity: float
    log_mel_distance: float
    duration_error_frames: float
    f0_error_hz: float
    voicing_errors: float
    clipped: float
    dc: float
    click: float
    espeak_click: float


def original(text: str, speaker: Speaker) -> Original:
    """`text` as `speaker` says it.

    Raises:
        TrainingError: espeak-ng's events and its phonemes of this text do not agree.
    """
    espeak = speaker.espeak()
    utterance = espeak.speak(text)
    frames = frames_of(utterance)
    parts = segments(text, utterance, espeak.phonemes(text))
    if not parts:
        raise TrainingError(f"{text!r}: espeak-ng's events do not fit its phonemes; leave the sentence out")
    audio = features.at_24_khz(utterance.samples, utterance.sample_rate, frames)
    found = features.pitch(audio, *speaker.f0_range_hz)
    aligned = {spelling: align(parts, frames, spelling, vocabulary()) for spelling in SPELLINGS}
    return Original(text, audio, aligned, features.repair(found, features.energy(audio), aligned["misaki"]))


def judge(
    said: Original, spelling: str, ports: kokoro_run.Result, recogniser: Recogniser, espeak_heard: Sequence[str]
) -> Judged:
    """The graph's `ports` for one sentence in a spelling; `espeak_heard` are the words heard in espeak-ng's audio."""
    aligned = said.aligned[spelling]
    audio, durations = ports["trim.audio"], ports["align.durations"][0]
    f0 = np.where(ports["f0n.f0"][0] > 10, ports["f0n.f0"][0], 0)  # as the harmonic source decides
    slots = measures.warp(durations, aligned.durations)
    reference = words(said.text)
    heard = recogniser(audio)
    f0_error, voicing_errors = measures.pitch_error(f0, said.f0, slots)
    return Judged(
        text=said.text,
        heard=" ".join(heard),
        words=len(reference),
        errors=measures.word_errors(reference, heard),
        espeak_errors=measures.word_errors(reference, espeak_heard),
        periodicity=float(measures.periodicity(audio, f0).mean()),
        espeak_periodicity=float(measures.periodicity(said.audio, said.f0).mean()),
        log_mel_distance=measures.log_mel_distance(audio, said.audio, slots),
        duration_error_frames=float(np.abs(durations - aligned.durations).mean()),
        f0_error_hz=f0_error,
        voicing_errors=voicing_errors,
        **measures.defects(audio)._asdict(),
        espeak_click=measures.defects(said.audio).click,
    )


@dataclasses.dataclass(frozen=True)
class Task:
    """A sentence to be judged in some spellings, in whatever process."""

    graph: str
    overlays: tuple[str, ...]
    voice: str
    said: Original
    spellings: tuple[str, ...]


def evaluate(task: Task) -> list[Judged]:
    """`judge` of each spelling."""
    pipeline, recogniser, said = _pipeline(task.graph, task.overlays), Recogniser(), task.said
    espeak_heard = recogniser(said.audio)
    judged = []
    for spelling in task.spellings:
        ports = pipeline.run({"phonemes": said.aligned[spelling].symbols, "voice": task.voice}, RunOptions(keep=True))
        judged.append(judge(said, spelling, ports, recogniser, espeak_heard))
    return judged


def originals(wanted: Sequence[tuple[str, Speaker]], processes: int) -> list[Original]:
    """`original` of each, spoken by an espeak-ng that has said nothing before: it carries state, its noise for one."""
    context = multiprocessing.get_context("forkserver")
    # what this module imports, and not itself, which may be the main one; else each process imports it for a second
    context.set_forkserver_preload(["runner", "training.features", "training.measures", "training.recogniser"])
    with context.Pool(processes, maxtasksperchild=1) as pool:
        return pool.starmap(original, wanted, chunksize=1)


@functools.cache
def _pipeline(graph: str, overlays: tuple[str, ...]) -> kokoro_run.Pipeline:
    return kokoro_run.Pipeline(kokoro_run.Graph.load(graph, overlays), threads=1)


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """The figures over all sentences; word error rates with their intervals."""

    def rate(errors: Sequence[int]) -> Interval:
        return measures.ratio(errors, [each.words for each in judged])

    def mean(name: str) -> float:
        return float(np.mean([getattr(each, name) for each in judged]))

    return {
        "sentences": len(judged),
        "words": sum(each.words for each in judged),
        "word error rate": rate([each.errors for each in judged]),
        "espeak-ng's": rate([each.espeak_errors for each in judged]),
        "difference": rate([each.errors - each.espeak_errors for each in judged]),
        "periodicity above 1 kHz": mean("periodicity"),
        "espeak-ng's periodicity": mean("espeak_periodicity"),
        "log-mel distance, nats": mean("log_mel_distance"),
        "duration error, frames a token": mean("duration_error_frames"),
        "F0 error, Hz": mean("f0_error_hz"),
        "voicing errors": mean("voicing_errors"),
        "clipped samples": mean("clipped"),
        "DC": mean("dc"),
        "greatest step between samples": max(each.click for each in judged),
        "espeak-ng's greatest step": max(each.espeak_click for each in judged),
    }


def table(summaries: dict[str, dict[str, Any]]) -> str:
    """A Markdown table, a column for each of `summaries`."""
    lines = [f"| | {' | '.join(summaries)} |", "| --- |" + " ---: |" * len(summaries)]
    lines += [
        f"| {name} | " + " | ".join(_cell(each[name]) for each in summaries.values()) + " |"
        for name in next(iter(summaries.values()))
    ]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 0.01 else f"{value:.3f}"
    return str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Judge the model's voices.")
    parser.add_argument("graph", nargs="?", default="default")
    parser.add_argument("-c", "--config", action="append", default=[], help="overlay of the graph; repeatable")
    parser.add_argument("--voices", default="low,high", help="VOICE or VOICE=SPEAKER, with commas (%(default)s)")
    parser.add_argument("--spelling", choices=SPELLINGS, action="append", help="default: both")
    parser.add_argument("--sentences", type=int, help="only the first of the held-out sentences")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at once (%(default)s)")
    parser.add_argument("--json", type=Path, help="every sentence's figures go here")
    parser.add_argument("--card", type=Path, help="a Markdown file whose part between its markers gets the table")
    given = parser.parse_args(arguments)
    try:
        found = _run(given)
    except (TrainingError, kokoro_run.KokoroError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    text = table({name: summary(judged) for name, judged in found.items()})
    sys.stdout.write(text)
    if given.json:
        rows = {name: [dataclasses.asdict(each) for each in judged] for name, judged in found.items()}
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if given.card:
        card = given.card.read_text(encoding="utf-8")
        given.card.write_text(_MARKERS.sub(lambda match: f"{match[1]}{text}{match[2]}", card), encoding="utf-8")
    return 0


def _run(given: argparse.Namespace) -> dict[str, list[Judged]]:
    overlays, spellings = tuple(given.config), tuple(given.spelling or SPELLINGS)
    _pipeline(given.graph, overlays).build()
    voices = [each.partition("=") for each in given.voices.split(",")]
    asked = [
        (voice, _speaker(speaker or voice), text)
        for voice, _, speaker in voices
        for text in heldout()[: given.sentences]
    ]
    said = originals([(text, speaker) for _, speaker, text in asked], given.processes)
    tasks = [
        Task(given.graph, overlays, voice, each, spellings) for (voice, _, _), each in zip(asked, said, strict=True)
    ]
    found: dict[str, list[Judged]] = {}
    # TVM has threads of its own: no forks of a process that has used it
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for task, judged in zip(tasks, pool.imap(evaluate, tasks), strict=True):
            for spelling, each in zip(spellings, judged, strict=True):
                found.setdefault(f"{task.voice}, {spelling}", []).append(each)
    return found


def _speaker(name: str) -> Speaker:
    if name not in SPEAKERS:
        raise TrainingError(f"no speaker is called '{name}'; there are {', '.join(SPEAKERS)}: give VOICE=SPEAKER")
    return SPEAKERS[name]


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks.text FILE`: how good and how fast text becomes phonemes; so does `make eval-text`.

FILE has a sentence a line: text, tab, the phonemes that another front end gave; lines that begin with # are comments.

words       equal to those of the file, of the whole graph, models included
speed       words a second of the stages in plain Python, paragraph by paragraph, no result kept
start       time and memory of `kokoro-run text` beside `kokoro-run default` on the same phonemes, interleaved, medians
--listen N  the real model speaks N sentences by our phonemes and by those of the file, and Whisper base listens
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from kokoro_run import Graph, Pipeline, RunError, RunOptions, Scope
from training.lexicon.measure import read_sentences, split_words

_ROUNDS = 9
_TOGETHER = 20  # sentences of a paragraph
_FRONT = ("normalize", "lexicon", "g2p")
_SPOKEN = "I read {} of them on Monday, Dr. Who."

Sentences = Sequence[tuple[str, str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text", description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--lang", default="en-us")
    parser.add_argument("--listen", type=int, default=0, metavar="N", help="sentences to speak and to listen to")
    parser.add_argument("-c", "--config", action="append", default=[], help="the model that speaks (kokoro-82m-int8)")
    given = parser.parse_args(arguments)
    sentences = read_sentences(given.file)
    table: dict[str, Any] = {"machine": machine.describe()["cpu"], "sentences": len(sentences)}
    pipeline = make_pipeline([f"params.lang={given.lang}"])
    ours = [find_phonemes(pipeline, text) for text, _ in sentences]
    table |= count_words(sentences, ours)
    table |= measure_speed(pipeline, [text for text, _ in sentences]) | measure_start(pipeline)
    if given.listen:
        table |= listen(sentences[: given.listen], ours, given.config or ["kokoro-82m-int8"])
    sys.stdout.write(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    return 0


def make_pipeline(sets: Sequence[str] = (), overlays: Sequence[str] = ()) -> Pipeline:
    """Make the pipeline of the graph `text`, and build what it lacks."""
    pipeline = Pipeline(Graph.load("text", overlays, sets))
    pipeline.build()
    return pipeline


def find_phonemes(pipeline: Pipeline, text: str) -> str:
    """Find the phonemes that the graph makes of a text."""
    return str(pipeline.run({"text": text}, RunOptions(scope=Scope(until="g2p"), keep=True))["g2p.phonemes"])


def count_words(sentences: Sentences, ours: Sequence[str]) -> dict[str, Any]:
    """Count the words, and those that are equal; list the most frequent of the others."""
    words, different = 0, Counter[str]()
    for (_, theirs), mine in zip(sentences, ours, strict=True):
        one, other = (split_words(each) for each in (mine, theirs))
        words += len(other)
        different.update(_list_differences(one, other))
    share = 100 * (1 - different.total() / words)
    return {"words": words, "equal_percent": round(share, 2), "different": different.most_common(60)}


def _list_differences(ours: list[str], theirs: list[str]) -> Iterator[str]:
    for kind, begin, end, first, last in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind != "equal":
            for at in range(max(end - begin, last - first)):
                mine, other = ("".join(words[at : at + 1]) for words in (ours[begin:end], theirs[first:last]))
                yield f"{mine} for {other}"


def measure_speed(pipeline: Pipeline, texts: Sequence[str]) -> dict[str, Any]:
    """Measure the words a second of each stage in plain Python, and of all of them."""
    paragraphs = [" ".join(texts[at : at + _TOGETHER]) for at in range(0, len(texts), _TOGETHER)]
    seconds, words = Counter[str](), 0
    for paragraph in paragraphs:
        result = pipeline.run({"text": paragraph}, RunOptions(scope=Scope(until="g2p"), keep=True))
        seconds.update({name: result.timings[name] for name in _FRONT})
        words += len(result["g2p.words"])
    return {
        "words_per_second": round(words / seconds.total()),
        "of_stages": {name: round(words / seconds[name]) for name in _FRONT},
    }


def measure_start(pipeline: Pipeline) -> dict[str, Any]:
    """Measure what text adds to a command that speaks a sentence which the cache does not have."""
    told: dict[str, list[tuple[float, float, float]]] = {"default": [], "text": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_ROUNDS + 1):
            text = _SPOKEN.format(number)
            given = {"default": ("--phonemes", find_phonemes(pipeline, text)), "text": ("--text", text)}
            for name, option in given.items():
                output = ("--cache-dir", f"{folder}/{name}", "-q", "-o", f"{folder}/a.wav")
                told[name].append(_time(["-m", "runner", name, *option, *output]))
    wall, cpu, memory = (
        statistics.median(text[at] - default[at] for default, text in list(zip(*told.values(), strict=True))[1:])
        for at in range(3)
    )
    return {"start_adds_ms": {"wall": round(1000 * wall), "cpu": round(1000 * cpu)}, "memory_adds_mb": round(memory, 1)}


def _time(command: Sequence[str]) -> tuple[float, float, float]:
    """Run a command of this interpreter: wall time [s], CPU time [s], its largest memory [MB]."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RunError(f"{' '.join(command)}: exit status {process.returncode}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def listen(sentences: Sentences, ours: Sequence[str], overlays: Sequence[str]) -> dict[str, Any]:
    """Let Whisper base write down the sentences, spoken by our phonemes and by the others; gives its errors."""
    from benchmarks.quality.recogniser import Recogniser  # noqa: PLC0415 - of the extra `eval`
    from benchmarks.quality.words import words  # noqa: PLC0415
    from training.measures import word_errors  # noqa: PLC0415

    pipeline = Pipeline(Graph.load("default", overlays))
    pipeline.build()
    recognise = Recogniser(os.cpu_count() or 1)
    wrong, total = {"ours": 0, "theirs": 0}, 0
    for (text, theirs), mine in zip(sentences, ours, strict=False):
        expected = words(text)
        total += len(expected)
        heard: dict[str, list[str]] = {}
        for name, phonemes in (("theirs", theirs), ("ours", mine)):
            if phonemes not in heard:
                parts = [part.audio for part in pipeline.stream(phonemes)]
                heard[phonemes] = recognise(np.concatenate(parts))
            wrong[name] += word_errors(expected, heard[phonemes])
    percent = {name: round(100 * count / total, 2) for name, count in wrong.items()}
    return {"listened": {"sentences": len(sentences), "words": total, "errors": wrong, "word_error_percent": percent}}


if __name__ == "__main__":
    sys.exit(main())

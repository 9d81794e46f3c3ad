"""`python -m benchmarks.quality` speaks, listens and writes the table of docs/quality.md; so does `make eval-kokoro`.

What has been spoken and measured is kept in build/eval, so that a run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.quality.listening import Listening
from benchmarks.quality.measured import Measured
from benchmarks.quality.model import Model
from benchmarks.quality.report import find_failures, write_tables
from benchmarks.quality.sentences import Sentence, mix, read_sentences
from benchmarks.quality.speaking import Recordings
from benchmarks.quality.systems import REFERENCE, SYSTEMS, System
from kokoro_run import KokoroError, RunError
from runner.files import atomic
from runner.files.errors import reading

ROOT = Path(__file__).parents[2]
_MARKERS = re.compile(r"(<!-- quality -->\n).*?(<!-- /quality -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, 1 if a bar is not kept, or 2 with a message."""
    given = _parse(arguments)
    try:
        return _run(given)
    except KokoroError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description="Measure the quality of speech.")
    parser.add_argument("-c", "--config", action="append", help="overlay with the model; repeatable (kokoro-82m-int8)")
    parser.add_argument("--systems", default=",".join(each.name for each in SYSTEMS), help="with commas (%(default)s)")
    parser.add_argument("--sentences", type=int, help="only so many, of all classes")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each system (%(default)s)")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "eval", help="where audio is kept (%(default)s)")
    parser.add_argument("--page", type=Path, help="a Markdown file whose part between its markers gets the tables")
    parser.add_argument("--measure-only", action="store_true", help="speak nothing: measure what has been spoken")
    return parser.parse_args(arguments)


def _run(given: argparse.Namespace) -> int:
    model = Model(tuple(given.config or ["kokoro-82m-int8"]), given.work)
    sentences = list(mix(read_sentences()))[: given.sentences]
    chosen, page = _choose(given.systems), _read_page(given.page) if given.page else ""
    absent = {system.name: why for system in chosen if (why := system.obstacle(model))}
    recordings = {each.name: Recordings(each, model, given.threads) for each in chosen if each.name not in absent}
    if not given.measure_only:
        for each in recordings.values():
            _speak(each, sentences)
    listening = Listening(given.work / "measured", given.threads)
    exact = recordings.get(REFERENCE.name) or Recordings(REFERENCE, model, given.threads)
    results = {name: list(listening.measure(each, exact, sentences)) for name, each in recordings.items()}
    text = _describe(model, absent, results)
    sys.stdout.write(text)
    _write_json(given.work / "results.json", results)
    if given.page:
        written = _MARKERS.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page)
        atomic.write(given.page, [written.encode()])
    failures = find_failures(results)
    sys.stderr.writelines(f"{fact}\n" for fact in failures)
    return 1 if failures else 0


def _choose(names: str) -> list[System]:
    known = {system.name: system for system in SYSTEMS}
    if unknown := [name for name in names.split(",") if name not in known]:
        raise RunError(f"--systems: unknown {', '.join(unknown)}, expected some of {', '.join(known)}")
    return [system for name, system in known.items() if name in names.split(",")]


def _speak(recordings: Recordings, sentences: Sequence[Sentence]) -> None:
    for number, sentence in enumerate(recordings.record(sentences), 1):
        sys.stderr.write(f"{recordings.system.title}: {number} {sentence.id}\n")


def _describe(model: Model, absent: dict[str, str], results: dict[str, list[Measured]]) -> str:
    where: dict[str, Any] = machine.describe()
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    features = ", ".join(where["vector_features"])
    head = f"Model `{model.spec.name}`, {where['cpu']} ({where['usable_cores']} cores; {features}), with {versions}."
    return f"{head}\n\n{write_tables({each.name: each.title for each in SYSTEMS}, results, absent)}"


def _write_json(path: Path, results: dict[str, list[Measured]]) -> None:
    rows = {name: [dataclasses.asdict(row) for row in found] for name, found in results.items()}
    atomic.write(path, [json.dumps(rows, indent=1, ensure_ascii=False).encode()])


def _read_page(path: Path) -> str:
    with reading(path):
        page = path.read_text(encoding="utf-8")
    if not _MARKERS.search(page):
        raise RunError(f"{path}: it has no part between <!-- quality --> and <!-- /quality -->; add the two lines")
    return page


if __name__ == "__main__":
    sys.exit(main())

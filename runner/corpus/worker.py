"""Makes shards, in a process of its own, with one pipeline for all of them.

    plan/<shard> --> rows, the longest first --> speak --> written below tmp --> rows/<shard> --> files to their places

What a killed worker leaves below tmp is removed by the next run.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.corpus.folder import CorpusFolder, Failure, MadeShard
from runner.corpus.layouts.layouts import LAYOUTS
from runner.corpus.recipe import digest_libraries
from runner.corpus.row import CorpusRow
from runner.corpus.row_speaker import RowSpeaker
from runner.errors import LineError
from runner.files import atomic
from runner.files.digest import file_sha256
from runner.files.errors import reading, writing
from runner.runtime.process import limit_blas_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.corpus.recipe import Recipe
    from runner.corpus.row_speaker import SpokenRow
    from runner.runtime.values import Array

TELL_S = 0.5  # between two answers of a worker
_SLOWEST = 5  # rows of a shard whose times are kept


@dataclass(frozen=True)
class Spoken:
    """What a worker has spoken of a shard so far.

    Attributes:
        shard: its name.
        rows: that were spoken.
        samples: of their audio.
    """

    shard: str
    rows: int
    samples: int


@dataclass(frozen=True)
class CorpusTask:
    """What a worker needs beside the name of a shard; it can be pickled.

    Attributes:
        recipe: of the corpus.
        digests: that entries tell of: `model`, `graph`.
        out: the folder of the corpus.
        working: the working folder, below which files of voices are named.
    """

    recipe: Recipe
    digests: Mapping[str, str]
    out: Path
    working: Path = field(default_factory=Path.cwd)


def prepare() -> None:
    """Prepare a worker for its first shard."""
    limit_blas_threads()


@lru_cache(maxsize=1)
def _load(recipe: Recipe) -> tuple[RowSpeaker, str]:
    speaker = RowSpeaker(recipe)
    return speaker, digest_libraries(speaker.pipeline.graph, recipe.build_dir)


def make_shard(task: CorpusTask, shard: str) -> Iterator[Spoken | MadeShard]:
    """Make a shard: tells what was spoken now and then, and what was made at the end.

    Raises:
        KokoroError: the graph cannot speak, or a file cannot be read or written.
    """
    start = time.perf_counter()
    folder = CorpusFolder(task.out)
    speaker, libraries = _load(task.recipe)
    rows = read_plan(folder, shard)
    temporary = folder.make_temporary(shard)
    try:
        entries, failed, times = [], list[Failure](), list[tuple[str, float]]()
        writer = LAYOUTS[task.recipe.layout].open_shard(temporary, shard, speaker.rate_hz, task.recipe.format)
        told, samples = start, 0
        for row in rows:
            began = time.perf_counter()
            try:
                spoken = speaker.speak(row)
            except LineError as error:
                failed.append(Failure(row.origin, row.id, error.fact))
                continue
            entry = _complete(spoken, row, speaker.digest(row), task.digests)
            writer.add(entry, spoken.audio)
            entries.append(entry)
            times.append((row.id, round(time.perf_counter() - began, 3)))
            samples += spoken.audio.size
            if time.perf_counter() - told > TELL_S:
                yield Spoken(shard, len(entries), samples)
                told = time.perf_counter()
        files = writer.close()
        sha256 = _write_rows(folder, shard, {name: file_sha256(temporary / name) for name in files}, entries)
        _move(files, temporary, folder.root)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    seconds = round(time.perf_counter() - start, 3)
    slowest = heapq.nlargest(_SLOWEST, times, key=lambda timed: timed[1])
    yield MadeShard(shard, len(entries), samples, seconds, libraries, sha256, tuple(slowest), tuple(failed))


def read_plan(folder: CorpusFolder, shard: str) -> list[CorpusRow]:
    """Read the rows of a shard, the longest first: memory that the first takes is enough for the others.

    Raises:
        RunError: it cannot be read.
    """
    path = folder.plan(shard)
    with reading(path):
        lines = path.read_bytes().splitlines()
    rows = [CorpusRow.from_json(json.loads(line)) for line in lines]
    return sorted(rows, key=lambda row: -len(row.text))


def _complete(spoken: SpokenRow, row: CorpusRow, digest: str, digests: Mapping[str, str]) -> dict[str, Any]:
    """Complete the entry of a row."""
    return {
        **spoken.entry,
        "model": digests["model"],
        "graph": digests["graph"],
        "row": digest,
        "given": {"is_phonemes": row.is_phonemes, "inputs": dict(row.inputs), "params": dict(row.params)},
        "audio_sha256": digest_audio(spoken.audio),
    }


def digest_audio(audio: Array) -> str:
    """Digest the samples of a row."""
    return hashlib.sha256(np.ascontiguousarray(audio, "<f4").tobytes()).hexdigest()


def _write_rows(folder: CorpusFolder, shard: str, files: dict[str, str], entries: list[dict[str, Any]]) -> str:
    """Write what is told of a shard; gives its sha256."""
    tables = [{"shard": shard, "files": files}, *entries]
    lines = [json.dumps(table, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n" for table in tables]
    path = folder.rows(shard)
    with writing(path):
        atomic.write(path, lines)
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _move(files: list[str], temporary: Path, out: Path) -> None:
    """Move files to their places."""
    for name in files:
        place = out / name
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary / name, place)  # noqa: PTH105 - as fast as can be, for millions of files

"""The program of a bundle: `DIR/run` speaks lines of phonemes, or texts, into a .wav file.

    arguments --options--> rows, parameters --> Speaker --> audio --> .wav

This module runs on a machine without this package, from the copy of it in the bundle: `own_code` finds what it imports.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runner.bundle.layout import CONFIG, GRAPH, LIBRARIES, VOICES
from runner.bundle.options import Arguments, read_arguments
from runner.bundle.wave_file import check_wave_path, write_wave
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.errors import KokoroError, RunError
from runner.files.errors import reading
from runner.graph.serialize import from_fields
from runner.runtime import process
from runner.speech.model import make_resolvers
from runner.speech.speaker import Speaker

if TYPE_CHECKING:
    from runner.batch.rows import Row
    from runner.graph.types import Graph
    from runner.runtime.values import Array


def main(path: str) -> None:
    """Run the bundle in the folder `path`; exits with 2 for a mistake of the user, 130 for an interrupt."""
    logging.basicConfig(format="warning: %(message)s")
    try:
        graph = read_graph(Path(path))
        _run(Path(path), graph, read_arguments(graph, sys.argv[1:]))
    except KokoroError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def read_graph(folder: Path) -> Graph:
    """Read the graph of the bundle in `folder`.

    Raises:
        RunError: it cannot be read, or is damaged.
    """
    path = folder / GRAPH
    with reading(path):
        text = path.read_bytes()
    try:
        graph = from_fields(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is damaged ({type(error).__name__}: {error}); copy the bundle again") from None
    if graph.model is None:
        raise RunError(f"{path} is damaged: it names no model; copy the bundle again")
    return replace(graph, model=replace(graph.model, config=folder / CONFIG, voices=folder / VOICES))


def _run(folder: Path, graph: Graph, given: Arguments) -> None:
    """Speak what is given, and say where it is."""
    check_wave_path(given.output)
    process.use_heap()
    pipeline = Pipeline(graph, folder / LIBRARIES, given.threads, resolvers=make_resolvers(graph))
    inputs = {} if given.voice_input is None else {given.voice_input: given.voice}
    speaker = Speaker(pipeline, pipeline.resolve_inputs(inputs), given.lines, RunOptions(given.params))
    with given.open_rows() as rows, closing(_speak(speaker, rows, given)) as parts:
        seconds = write_wave(given.output, speaker.rate_hz, parts)
    sys.stderr.write(f"{given.output}: {seconds:.2f} s of audio\n")


def _speak(speaker: Speaker, rows: Iterable[Row], given: Arguments) -> Generator[Array]:
    """Speak rows after all of them have been checked, with pauses between them."""
    total = 0
    for total, row in enumerate(rows, 1):  # noqa: B007
        if given.is_graph_input:
            speaker.check(row)
    speaker.sum_up()
    for number, row in enumerate(rows, 1):
        if number > 1:
            yield np.zeros(round(given.pause_s * speaker.rate_hz), np.float32)
        speech = speaker.begin(row, phonemes=not given.is_graph_input)
        final = max((at for at, piece in enumerate(speech.pieces) if piece.runs), default=0)
        for at in range(len(speech)):
            yield speech.finish(at, last=number == total and at == final).audio

"""The stage `letters`, built as any graph builds it, and run on words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.build.build import build
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
from stages.text.spelling import encode

Array = NDArray[Any]
Score = Callable[[Sequence[str], bool], Array]
"""`score(words, british)` -> scores [letters, chunks]."""
GRAPH = """
graph: 1
name: spelled
devices:
  host: cpu:0
dims:
  letters: {max: 4096}
inputs:
  ids: int64[1, letters]
  length: int64[1]
outputs:
  scores: letters.scores
stages:
  letters:
    module: build/{model}/{device}/letters.so
    entry: letters_forward
    source: stages.letters
    device: host
    inputs:
      letters: int64[1, letters] <- input.ids
      length: int64[1] <- input.length
    outputs:
      scores: float32[1, letters, 144]
"""


def build_letters(folder: Path) -> Pipeline:
    """Build the stage into `folder`."""
    path = folder / "spelled.yaml"
    path.write_text(GRAPH, "utf-8")
    graph = load_graph(str(path))
    build(graph, folder)
    return Pipeline(graph, folder)


def run_ids(pipeline: Pipeline, ids: Sequence[int], length: int | None = None) -> Array:
    """Run the stage on ids, of which the first `length` are valid; all by default."""
    given = {"ids": np.array([ids], np.int64), "length": np.array([len(ids) if length is None else length])}
    scores: Array = pipeline.run(given)["scores"][0]
    return scores


def score(pipeline: Pipeline, words: Sequence[str], *, british: bool = False) -> Array:
    """Run the stage on words: scores [letters, chunks]."""
    return run_ids(pipeline, encode(words, british=british))

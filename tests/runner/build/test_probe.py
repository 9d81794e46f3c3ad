"""Probes of a compiled stage: the outputs of its layers, and the first NaN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.build.build import build
from runner.build.probe import probe
from runner.engine.pipeline import Pipeline
from runner.errors import RunError
from runner.graph.load import load_graph
from tests.runner import small_model
from tests.runner.small_model import STAGE

WORD = "hɛˈloʊ"


def inputs(symbols: int = 4) -> dict[str, np.ndarray]:
    ids = np.arange(symbols)[None]
    return {"input_ids": ids, "length": np.array([symbols]), "text_mask": np.zeros((1, symbols), bool)}


def test_taps_of_the_ports_equal_the_outputs_of_the_library(tmp_path: Path) -> None:
    small_model.write(tmp_path, small_model.weights())
    graph = small_model.load(tmp_path)
    build(graph, tmp_path / "build")
    given = Pipeline(graph, tmp_path / "build").call_stage(STAGE, inputs())["t_en"]
    taps = {tap.name: tap for tap in probe(graph, STAGE, inputs())}
    assert {"embedding", "cnn.0.0", "lstm", "t_en"} <= taps.keys()
    assert taps["embedding"].shape == (4, 16)
    assert taps["t_en"].shape == given.shape
    assert taps["t_en"].largest == pytest.approx(float(np.abs(given).max()), rel=1e-6)
    assert taps["lstm"].mean == pytest.approx(float(given.mean()), rel=1e-5)
    assert all(tap.finite == 1 for tap in taps.values())


def test_layer_that_makes_a_nan_is_the_first_that_is_not_finite(tmp_path: Path) -> None:
    weights = small_model.weights()
    weights["text_encoder.lstm.weight_ih_l0"][:] = np.nan
    small_model.write(tmp_path, weights)
    taps = probe(small_model.load(tmp_path), STAGE, inputs())
    (first, *_) = (tap for tap in taps if tap.finite < 1)
    assert first.name == "lstm.product"
    assert 0 < first.finite < 1  # the other direction has weights of its own
    assert first.table()["finite"] == first.finite


def test_stage_that_is_not_compiled_here_cannot_be_probed(toy_graph: Path) -> None:
    graph = load_graph(str(toy_graph))
    given = {"input_ids": np.array([[0, 1]]), "text_mask": np.zeros((1, 2), bool)}
    with pytest.raises(RunError, match="it is not compiled from a source here"):
        probe(graph, "scaled", given)

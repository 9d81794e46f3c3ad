"""The comparison of two machines that `make test-arm64` prints, on ports whose distances are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runner.graph.load import load_graph
from tests.arm64.table import compare, format_table, list_faults

GRAPH = load_graph("default")
BERT, AUDIO = "bert.d_en", "decoder.audio"
HERE: dict[str, np.ndarray] = {
    "tokenize.length": np.array([3], np.int64),
    BERT: np.array([[[1.0, -4.0], [2.0, 0.5]]], np.float32),
    AUDIO: np.full((1, 600), 0.5, np.float32),
}


def moved(port: str, by: float) -> dict[str, np.ndarray]:
    """`HERE`, with the first value of a port moved."""
    array = HERE[port].astype(np.float64)
    array.flat[0] += by
    return {**HERE, port: array}


def test_equal_ports_are_called_so() -> None:
    distances = compare(GRAPH, HERE, HERE)
    audio = next(each for each in distances if each.port == AUDIO)
    assert list_faults(distances, audio) == []
    assert [line for line in format_table(distances, audio) if "equal" in line] == [
        "| `tokenize.length` | equal |",
        "| `bert.d_en` | equal |",
        "| `decoder.audio` | equal |",
        "| `decoder.audio`, same F0 | 0.0e+00, equal |",
    ]


@pytest.mark.parametrize(("by", "faults"), [(2e-5, []), (8e-5, ["bert.d_en: 2.0e-05, at most 1e-05"])])
def test_a_port_differs_by_a_share_of_its_largest_value(by: float, faults: list[str]) -> None:
    distances = compare(GRAPH, moved(BERT, by), HERE)
    audio = next(each for each in distances if each.port == AUDIO)
    assert f"| `bert.d_en` | {by / 4:.1e} |" in list(format_table(distances, audio))
    assert list_faults(distances, audio) == faults


@pytest.mark.parametrize(("by", "db"), [(1e-3, 81.8), (1e-4, 101.8)])
def test_audio_is_measured_with_the_same_pitch(by: float, db: float) -> None:
    """One of 600 equal samples is off: 10 log10(600 * 0.25 / by^2)."""
    [audio] = [each for each in compare(GRAPH, moved(AUDIO, by), HERE) if each.port == AUDIO]
    assert math.isclose(audio.snr_db, 10 * math.log10(600 * 0.25 / by**2), abs_tol=0.01)
    assert f"| `decoder.audio`, same F0 | {by / 0.5:.1e}, {db:.1f} dB |" in list(format_table([], audio))
    assert list_faults([], audio) == ([] if db > 100 else [f"audio: {db:.1f} dB, at least 100 dB"])


def test_a_port_that_one_machine_lacks_and_other_shapes_are_faults() -> None:
    shorter = {AUDIO: HERE[AUDIO][:, :599], BERT: HERE[BERT]}
    distances = compare(GRAPH, shorter, HERE)
    audio = next(each for each in distances if each.port == AUDIO)
    faults = list_faults(distances, audio)
    assert "tokenize.length: one machine has no such port" in faults
    assert any(fault.startswith("decoder.audio: ") for fault in faults)

"""Curves: which ports they are, and which of their values a part has."""

from __future__ import annotations

import numpy as np
import pytest

from runner.graph.load import load_graph
from runner.graph.types import Ref
from runner.speech.curves import cut_curves, find_curves

F0 = Ref("f0n", "f0")


def test_curves_of_a_graph_have_a_few_values_a_frame() -> None:
    assert find_curves(load_graph("default", [])) == {F0: 2, Ref("f0n", "n"): 2}  # and not the audio: 600 a frame


@pytest.mark.parametrize(
    ("shift", "samples", "start", "values"),
    [
        (0, 1200, 0, [0, 1, 2, 3]),
        (-250, 950, 50, [1, 2, 3]),  # a joint has cut off 250 samples in front
        (-300, 900, 0, [1, 2, 3]),
        (0, 901, 0, [0, 1, 2, 3]),  # behind, too
        (0, 900, 0, [0, 1, 2]),
        (700, 1900, 700, [0, 1, 2, 3]),  # or added silence
        (-5000, 0, 0, []),
    ],
)
def test_a_part_has_the_values_that_lie_in_its_audio(shift: int, samples: int, start: int, values: list[int]) -> None:
    array = np.arange(8, dtype=np.float32).reshape(1, 8)  # of two frames, and padding
    (curve,) = cut_curves({F0: array}, {F0: 2}, frames=2, hop=600, shift=shift, samples=samples)
    assert curve.values.tolist() == values
    assert (curve.name, curve.step) == ("f0", 300)
    if values:
        assert curve.start == start


def test_a_curve_that_is_not_at_hand_is_left_out() -> None:
    assert cut_curves({F0: None}, {F0: 2}, frames=2, hop=600, shift=0, samples=1200) == []

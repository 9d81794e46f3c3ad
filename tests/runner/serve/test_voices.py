"""Voices that requests name: those of the model, other names for them, and mixes of both."""

from __future__ import annotations

import numpy as np
import pytest

from runner.errors import WeightsError
from runner.graph.load import load_graph
from runner.serve.settings import VOICE_ALIASES
from runner.serve.voices import NamedVoices


@pytest.fixture(scope="module")
def voices() -> NamedVoices:
    """The voices of the default model, high and low, of which OpenAI's names mean none."""
    return NamedVoices(load_graph("text"), {**VOICE_ALIASES, "bright": ("none", "high")})


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("alloy", "low"),
        ("alloy+nova", "low+low"),
        ("alloy(2)+high", "low*2+high"),
        ("bright", "high"),
        ("bright+low*3", "high+low*3"),
        (" high ", "high"),
        (" alloy\n", "low"),
        ("bright + low", "high+low"),
    ],
)
def test_other_names_mean_voices_of_the_model(voices: NamedVoices, given: str, same: str) -> None:
    np.testing.assert_array_equal(voices.resolve(given), voices.resolve(same))


@pytest.mark.parametrize("given", ["brigth", "alloy+brigth", "", "  "])
def test_name_of_no_voice_is_refused(voices: NamedVoices, given: str) -> None:
    with pytest.raises(WeightsError):
        voices.resolve(given)

"""The distance of the spectra of two waveforms, and the ports at which it is measured."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runner.inspect.distance import measure
from runner.speech.spectral_distance import log_spectral_distance, spectral_metric
from stages.contract import parse_type

FRAMES = "float32[1, 2*frames]"


def test_half_the_amplitude_is_six_decibels_apart() -> None:
    noise = np.random.default_rng(0).standard_normal(24_000)
    assert log_spectral_distance(noise, noise / 2) == pytest.approx(20 * math.log10(2), abs=0.01)
    assert log_spectral_distance(noise, noise) == 0
    assert log_spectral_distance(np.zeros(10), np.zeros(10)) == 0


@pytest.mark.parametrize(
    ("type_", "is_audio"),
    [("float32[samples]", True), ("float32[1, 600*frames]", True), (FRAMES, False), ("int64[samples]", False)],
)
def test_spectra_are_compared_of_audio_alone(type_: str, is_audio: bool) -> None:
    array = np.ones((1, 600) if type_.startswith("float32[1") else (600,), type_.partition("[")[0])
    found = measure(
        "f0n.f0", parse_type(type_), array, array, times=["text", "frames"], metrics=[spectral_metric([600])]
    )
    assert ("lsd_db" in found.extra) == is_audio

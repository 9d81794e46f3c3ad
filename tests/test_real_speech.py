"""Kokoro itself says what it is given: built from its packages, heard by Whisper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("benchmarks.quality.recogniser", reason="the recogniser is not installed: `make test` installs it")

from benchmarks.quality.recogniser import transcribe, words
from runner.api import Pipeline
from runner.build.build import build
from runner.graph.load import load_graph
from stages.dims import SAMPLE_RATE_HZ
from tests.real_model import MODEL, SENTENCES, obstacle

SPEECH_RMS = (0.02, 0.2)  # of full scale
PAUSE_S = 0.1


@pytest.fixture(scope="module")
def kokoro(cache_folder: Path) -> Pipeline:
    """The default graph on the real weights, in the build folder that the parity tests have too."""
    if (why := obstacle()) is not None:
        pytest.skip(why)
    graph = load_graph("default", [MODEL])
    build(graph, cache_folder / "build")
    return Pipeline(graph, cache_folder / "build", threads=2)


@pytest.mark.parametrize(("text", "phonemes"), SENTENCES.items(), ids=[text.split()[0] for text in SENTENCES])
def test_every_word_of_a_sentence_is_heard(kokoro: Pipeline, text: str, phonemes: str) -> None:
    audio = kokoro.run({"phonemes": phonemes, "voice": "af_heart"})["audio"]
    assert transcribe(audio) == words(text)
    assert 2 < audio.size / SAMPLE_RATE_HZ < 5
    low, high = SPEECH_RMS
    assert low < np.sqrt(np.mean(np.square(audio))) < high
    assert np.abs(audio[: round(PAUSE_S * SAMPLE_RATE_HZ)]).max() < 0.1 * np.abs(audio).max()


def test_voices_say_the_same_words_in_another_voice(kokoro: Pipeline) -> None:
    text, phonemes = next(iter(SENTENCES.items()))
    one, other = (kokoro.run({"phonemes": phonemes, "voice": voice})["audio"] for voice in ("af_heart", "am_adam"))
    assert transcribe(other) == words(text)
    low, high = (_pitch_hz(audio) for audio in (other, one))
    assert low < 0.8 * high  # a man's voice and a woman's


def _pitch_hz(audio: np.ndarray) -> float:
    """The frequency whose period fits the whole utterance best, from 60 to 400 Hz."""
    spectrum = np.abs(np.fft.rfft(audio.astype(np.float64), 2 * audio.size)) ** 2
    likeness = np.fft.irfft(spectrum)
    periods = np.arange(SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 60)
    return float(SAMPLE_RATE_HZ / periods[np.argmax(likeness[periods])])

"""The shipped voices are understood: a recogniser's word error rate on held-out sentences, through the default graph.

In full, beside espeak-ng's own audio: `make eval-voice`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("jiwer", reason="the extra [train] is not installed")
pytest.importorskip("pocketsphinx", reason="the extra [train] is not installed")

import kokoro_run
from runner.engine.options import RunOptions
from runner.runtime import devices
from runner.runtime.threads import available_threads
from training import evaluate, measures
from training.errors import TrainingError
from training.recogniser import Recogniser, words
from training.sentences import heldout
from training.speakers import SPEAKERS
from training.spelling import SPELLINGS

_ROWS = [line.split("\t") for line in Path(__file__).with_name("heldout_phonemes.tsv").read_text("utf-8").splitlines()]
_TEXTS = [row[0] for row in _ROWS]
# Word errors on the twelve sentences, as shipped; a fault that costs words costs more than a tenth of them.
_WORDS = sum(len(words(text)) for text in _TEXTS)
_MOST = 0.11 + 0.10
Spoken = dict[tuple[str, str], list[kokoro_run.Result]]
Errors = Callable[[list[str], list[NDArray[np.float32]]], int]


@pytest.fixture(scope="module")
def build_root(cache_folder: Path) -> Path:
    return cache_folder / "build"


@pytest.fixture(scope="module")
def pipeline(build_root: Path) -> kokoro_run.Pipeline:
    made = kokoro_run.Pipeline(kokoro_run.Graph.load(), build_root)
    made.build()
    return made


@pytest.fixture(scope="module")
def errors() -> Iterator[Errors]:
    """Counts the words that a recogniser gets wrong; it computes for seconds a sentence, in a process a core."""
    with ProcessPoolExecutor(available_threads(), get_context("spawn")) as pool:

        def count(texts: list[str], audios: list[NDArray[np.float32]]) -> int:
            heard = zip(texts, pool.map(Recogniser(), audios), strict=True)
            return sum(measures.word_errors(words(text), found) for text, found in heard)

        yield count


@pytest.fixture(scope="module")
def spoken(pipeline: kokoro_run.Pipeline) -> Spoken:
    """Voice and spelling -> the ports of every sentence; the spellings take turns between the voices."""
    return {
        (voice, spelling): [
            pipeline.run({"phonemes": row[column], "voice": voice}, RunOptions(keep=True)) for row in _ROWS
        ]
        for voice, (column, spelling) in zip(SPEAKERS, enumerate(SPELLINGS, 1), strict=True)
    }


def test_the_sentences_are_held_out() -> None:
    assert list(heldout()[: len(_TEXTS)]) == _TEXTS


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_phonemes_are_what_espeak_says(spelling: str) -> None:
    column = 1 + SPELLINGS.index(spelling)
    try:
        for row in _ROWS:
            assert evaluate.original(row[0], SPEAKERS["low"]).aligned[spelling].symbols == row[column]
    except (TrainingError, ModuleNotFoundError) as error:
        pytest.skip(str(error))


def test_espeak_says_a_sentence_the_same_whatever_it_said_before() -> None:
    wanted = [(text, SPEAKERS["high"]) for text in _TEXTS[:2]]
    try:
        one, two = (evaluate.originals(order, processes=1) for order in (wanted, wanted[::-1]))
    except (TrainingError, ModuleNotFoundError) as error:
        pytest.skip(str(error))
    for first, second in zip(one, two[::-1], strict=True):
        np.testing.assert_array_equal(first.audio, second.audio)


def test_every_voice_and_spelling_is_understood(spoken: Spoken, errors: Errors) -> None:
    for said, results in spoken.items():
        found = errors(_TEXTS, [result["trim.audio"] for result in results])
        assert found <= _MOST * _WORDS, f"{said}: {found} of {_WORDS} words wrong"


@pytest.mark.skipif("avx512bf16" not in devices.cpu_features(), reason="this machine's CPU lacks avx512bf16")
def test_the_decoder_in_bfloat16_costs_no_words(spoken: Spoken, build_root: Path, errors: Errors) -> None:
    pipeline = kokoro_run.Pipeline(kokoro_run.Graph.load(overlays=["bf16"]), build_root)
    pipeline.build()
    voice, column = next(iter(SPEAKERS)), 1
    rounded = [pipeline.run({"phonemes": row[column], "voice": voice})["audio"] for row in _ROWS]
    exact = [result["trim.audio"] for result in spoken[voice, SPELLINGS[0]]]
    assert not np.array_equal(rounded[0], exact[0])
    # where the recogniser is in doubt, the last digit may turn a word either way
    assert abs(errors(_TEXTS, rounded) - errors(_TEXTS, exact)) <= 0.05 * _WORDS


def test_noise_as_loud_as_the_voice_is_noticed(spoken: Spoken, errors: Errors) -> None:
    rng, texts = np.random.default_rng(0), _TEXTS[:4]  # the recogniser searches long in noise
    for results in spoken.values():
        audios = [result["trim.audio"] for result in results[: len(texts)]]
        noisy = [audio + rng.normal(0, audio.std(), audio.shape).astype(np.float32) for audio in audios]
        assert errors(texts, noisy) > _MOST * sum(len(words(text)) for text in texts)


def test_the_voices_keep_their_pitch(spoken: Spoken) -> None:
    medians = {}
    for (voice, _), results in spoken.items():
        f0 = np.concatenate([result["f0n.f0"][0] for result in results])
        medians[voice] = np.median(f0[f0 > 10])
    assert 90 < medians["low"] < 115
    assert 170 < medians["high"] < 215


def test_voiced_speech_is_periodic_above_1_khz(spoken: Spoken) -> None:
    for (voice, _), results in spoken.items():
        found = [
            measures.periodicity(result["trim.audio"], np.where(result["f0n.f0"][0] > 10, result["f0n.f0"][0], 0))
            for result in results
        ]
        assert np.concatenate(found).mean() > 0.35, voice


def test_speech_is_not_clipped_and_has_no_dc(spoken: Spoken) -> None:
    for results in spoken.values():
        for result in results:
            found = measures.defects(result["trim.audio"])
            assert found.clipped < 1e-4
            assert abs(found.dc) < 5e-3

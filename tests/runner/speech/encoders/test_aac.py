"""AAC in ADTS: frames that say what they are, and an error where PyAV is not installed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from runner.errors import RunError
from runner.speech.encoders.formats import make_encoder
from tests.runner.speech.encoders.decoding import RATE_HZ, cut, decode_with_av, encode, make_audio


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_frames_carry_rate_and_size(rate_hz: int) -> None:
    data = encode(make_encoder("aac", rate_hz, None), cut(make_audio(10_000, rate_hz), 700))
    frames, at = 0, 0
    while at < len(data):
        head = int.from_bytes(data[at : at + 7], "big")
        assert (head >> 40, head >> 38 & 3, head >> 30 & 7) == (0xFFF1, 1, 1)
        at += head >> 13 & 0x1FFF
        frames += 1
    assert (at, frames) == (len(data), 1 + -(-10_000 // 1024))
    assert decode_with_av(data)[1] == rate_hz


def test_audio_begins_1024_samples_late() -> None:
    audio = np.cumsum(np.random.default_rng(4).normal(0, 0.01, 12_000)).astype(np.float32)
    audio = (audio - np.convolve(audio, np.ones(200) / 200, "same")).astype(np.float32)
    decoded, _ = decode_with_av(encode(make_encoder("aac", RATE_HZ, None), [audio]))
    match = np.correlate(decoded[1_024:9_024], audio[100:7_900], "valid")
    assert np.argmax(match) == 100


def test_encoder_names_the_extra_when_pyav_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    message = r"^aac: PyAV, whose encoder makes it, is not installed: pip install .*\[aac\]'$"
    with pytest.raises(RunError, match=message):
        make_encoder("aac", RATE_HZ, None)

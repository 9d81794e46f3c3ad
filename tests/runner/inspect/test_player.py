"""Players of audio: what the page holds is what the graph gave."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from runner.inspect.player import make_player

RAMP = (np.linspace(-1, 1, 480) * 0.999).astype(np.float32)


def decode(player: str) -> tuple[str, np.ndarray, int]:
    found = re.search(r'src="data:audio/(\w+);base64,([^"]+)"', player)
    assert found is not None
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(found[2])), dtype="float32")
    return found[1], samples, rate_hz


@pytest.mark.parametrize(("rate_hz", "kind"), [(24_000, "flac"), (8_000, "flac"), (1, "flac"), (700_000, "wav")])
def test_player_holds_the_samples_at_their_rate(rate_hz: int, kind: str) -> None:
    assert f"<span>audio: {480 / rate_hz:.2f} s at {rate_hz / 1000:g} kHz, peak 0.999</span>" in make_player(
        "audio", RAMP, rate_hz
    )
    found, samples, rate = decode(make_player("audio", RAMP.reshape(1, -1), rate_hz))
    assert (found, rate) == (kind, rate_hz)
    assert np.abs(samples - RAMP).max() <= 1 / 32768


def test_player_clips_samples_beyond_one_and_says_so() -> None:
    player = make_player("a&b", 2 * RAMP, 24_000)
    assert "<span>a&amp;b: 0.02 s at 24 kHz, peak 1.998, here clipped to 1</span>" in player
    assert np.abs(decode(player)[1] - np.clip(2 * RAMP, -1, 1)).max() <= 1 / 32768

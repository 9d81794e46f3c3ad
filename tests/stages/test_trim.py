from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stages.contract import StageError
from stages.trim import trim

ISTFTNET = json.loads(
    (Path(__file__).parents[2] / "configs" / "models" / "kokoro-82m" / "config.json").read_text("utf-8")
)["istftnet"]
AUDIO = np.arange(3000, dtype=np.float32)[None]


@pytest.mark.parametrize("frames", [1, 4, 5])
def test_trim_keeps_the_frames_of_the_utterance(frames: int) -> None:
    audio = trim(AUDIO, np.array([frames]), istftnet=ISTFTNET)["audio"]
    np.testing.assert_array_equal(audio, AUDIO[0, : 600 * frames])


def test_trim_follows_the_rates_of_the_model() -> None:
    audio = trim(AUDIO, np.array([3]), istftnet={**ISTFTNET, "upsample_rates": [4, 2]})["audio"]
    assert audio.shape == (240,)


@pytest.mark.parametrize("frames", [0, -1, 6])
def test_trim_refuses_frames_that_the_audio_does_not_hold(frames: int) -> None:
    with pytest.raises(StageError) as refusal:
        trim(AUDIO, np.array([frames]), istftnet=ISTFTNET)
    assert (
        str(refusal.value)
        == f"frame_count is {frames}, which is {600 * frames} samples, but the audio has 3000 samples"
    )

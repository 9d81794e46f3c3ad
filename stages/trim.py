"""The waveform without its padding.

    audio [1, 600*frames] --> first frame_count frames --> audio [samples]
                                       ^
    frame_count -----------------------+

Source: kokoro 0.9.4, model.py (KModel.forward: `audio.squeeze()`).
Differs: the reference never pads; here the frames axis may be longer than the utterance.

Raises:
    StageError: a frame_count that the audio does not hold.
"""

from collections.abc import Mapping

import numpy as np

from stages.contract import In, Out, StageError, stage
from stages.dims import frame_samples


@stage(
    config=("istftnet",),
    audio=(
        In("float32[1, 600*frames]", "waveform in [-1, 1] at 24 kHz"),
        Out("float32[samples]", "the utterance's waveform, in [-1, 1] at 24 kHz"),
    ),
    frame_count=In("int64[1]", "frames of the utterance"),
)
def trim(audio: np.ndarray, frame_count: np.ndarray, *, istftnet: Mapping[str, object]) -> dict[str, np.ndarray]:
    frames = int(frame_count[0])
    samples = frames * frame_samples(istftnet)
    if not 0 < samples <= audio.shape[1]:
        raise StageError(
            f"frame_count is {frames}, which is {samples} samples, but the audio has {audio.shape[1]} samples"
        )
    return {"audio": audio[0, :samples]}

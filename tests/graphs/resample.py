"""Audio at 24 kHz to audio at 16 kHz, by straight lines between samples."""

import numpy as np

from kokoro_run import In, Out, stage


@stage(
    audio=In("float32[samples]", "waveform at 24 kHz"),
    narrow=Out("float32[narrow_samples]", "waveform at 16 kHz"),
)
def resample(audio: np.ndarray) -> dict[str, np.ndarray]:
    at = np.arange(audio.size * 2 // 3) * 1.5
    return {"narrow": np.interp(at, np.arange(audio.size), audio).astype(np.float32)}

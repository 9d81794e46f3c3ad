"""Audio at another level."""

import decibel
import numpy as np

from kokoro_run import In, Out, stage


@stage(audio=(In("float32[samples]", "a waveform"), Out("float32[samples]", "the same, 6 dB quieter")))
def quieter(audio: np.ndarray) -> dict[str, np.ndarray]:
    return {"audio": audio * decibel.to_factor(-6)}


@stage(audio=(In("float32[samples]", "a waveform"), Out("float32[samples]", "the same, 6 dB louder")))
def louder(audio: np.ndarray) -> dict[str, np.ndarray]:
    return {"audio": audio * decibel.to_factor(6)}

"""A predicted opinion of speech, by the network of DNSMOS P.835, which comes in the package `speechmos` (extra `eval`).

    audio 24 kHz --resample--> 16 kHz --> pieces of 9.01 s, 1 s apart --network--> 3 scores --polynomials--> 1 to 5 each

Speech that is shorter than a piece is repeated. The network takes samples, so that no front end lies between; the
package's code, which wants librosa for another network, is not imported.

Source: Reddy et al., DNSMOS P.835: a non-intrusive perceptual objective speech quality metric (ICASSP 2022); pieces and
polynomials are those of the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.quality.measured import Opinion
from runner.graph.types import PackagesSpec, PartSpec
from runner.model.packages import find_parts

RATE_HZ = 16000
PIECE = int(9.01 * RATE_HZ)
# The network's scores are mapped to a listener's scale, each by its own polynomial.
_SPEECH = (-0.08397278, 1.22083953, 0.0052439)
_BACKGROUND = (-0.13166888, 1.60915514, -0.39604546)
_OVERALL = (-0.06766283, 1.11546468, 0.04602535)
_NETWORK = PartSpec("speechmos", "0.0.1.1", "speechmos/dnsmos_models/sig_bak_ovr.onnx")


class Listener:
    """`listener(audio)` is the opinion of float32 [samples] at 16 kHz."""

    def __init__(self, threads: int = 1) -> None:
        """Load the network.

        Raises:
            WeightsError: the package is not installed.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        (path,) = find_parts(PackagesSpec("eval", (_NETWORK,)), "the network of DNSMOS")
        self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, audio: NDArray[np.float32]) -> Opinion:
        """The mean over the pieces of the audio."""
        raw = [self._session.run(None, {"input_1": piece[None]})[0][0] for piece in cut(np.clip(audio, -1, 1))]
        return rate(np.array(raw))


def cut(audio: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield the pieces of speech at 16 kHz, of `PIECE` samples each."""
    while 0 < len(audio) < PIECE:
        audio = np.concatenate([audio, audio])
    for begin in range(0, len(audio) - PIECE + 1, RATE_HZ):
        yield audio[begin : begin + PIECE]


def rate(raw: NDArray[np.float32]) -> Opinion:
    """The opinion of the network's scores [pieces, 3]: of the voice, the background and both."""
    scores = [np.polyval(each, raw[:, at]).mean() for at, each in enumerate((_SPEECH, _BACKGROUND, _OVERALL))]
    return Opinion(*map(float, scores))

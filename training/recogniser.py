"""Words from speech by pocketsphinx, whose acoustic and language model (large vocabulary) come in its package.

It is no good judge of a voice, but an impartial and repeatable one: it hears espeak-ng's own audio the same way.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder
from scipy.signal import resample_poly

from training.alignment import SAMPLE_RATE

_RATE = 16000
_LEAD, _TAIL = 3200, 4800  # samples of near silence, on which it settles
_PEAK = 20000  # of int16: it expects samples of that scale, and hears nothing in [-1, 1]
# Its own beams lose words to the search: on forty other sentences espeak-ng's two voices scored 0.174 and 0.252 with
# them, 0.162 and 0.228 with these.
_SEARCH = {"beam": 1e-80, "wbeam": 1e-40, "pbeam": 1e-70, "maxwpf": -1}
_NOISE = 3.0  # of int16, standard deviation: digital silence upsets its noise estimate


class Recogniser:
    """`recogniser(audio)` is a list of lower-case words. It forgets between calls, so their order does not matter."""

    def __call__(self, audio: NDArray[np.float32]) -> list[str]:
        decoder = Decoder(samprate=_RATE, loglevel="FATAL", **_SEARCH)
        decoder.start_utt()
        decoder.process_raw(_prepared(audio).tobytes(), full_utt=True)
        decoder.end_utt()
        heard = decoder.hyp()
        return words(heard.hypstr) if heard else []


def words(text: str) -> list[str]:
    """The words of `text`, lower case, without punctuation."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def _prepared(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    slow = resample_poly(audio.astype(np.float64), _RATE // 8000, SAMPLE_RATE // 8000)
    peak = np.abs(slow).max()
    padded = np.pad(slow * (_PEAK / peak if peak > 0 else 1), (_LEAD, _TAIL))
    return (padded + np.random.default_rng(0).normal(0, _NOISE, len(padded))).astype(np.int16)

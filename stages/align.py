"""Tokens to frames: the duration of each token, and its features once for each of its frames.

    logits --> sigmoid, sum over bins --> / speed --> round, at least 1 --> durations --+--> frame_count
               (frames at speed 1)          ^                               |           |
    speed ----------------------------------+                             repeat ----> token of each frame
                                                                                          |
    d ------------------------------------------------------------------------------> gather --> en
    t_en ---------------------------------------------------------------------------> gather --> asr

The zeros at both ends are tokens like any other: they last at least a frame each.

Source: kokoro 0.9.4, model.py (KModel.forward_with_tokens).
Differs: sums in float64, so that durations are those of the reference in float64; a gather where the reference
multiplies by a one-hot matrix (the same numbers).

Raises:
    StageError: a speed outside 0.25 to 4; a length that does not fit the logits; logits that are not finite.
"""

from __future__ import annotations

import numpy as np

from stages.contract import In, Out, StageError, stage

SLOWEST, FASTEST = 0.25, 4.0


@stage(
    logits=In("float32[1, text, bins]", "one per frame a token may last"),
    d=In("float32[1, text, features]", "prosody features of each token"),
    t_en=In("float32[1, hidden, text]", "phoneme features of each token"),
    length=In("int64[1]", "tokens; what lies beyond is padding"),
    speed=In("float32[]", "1 is the voice's own pace, 2 takes half the time"),
    durations=Out("int64[1, text]", "frames of each token, 0 where padded"),
    frame_count=Out("int64[1]", "frames of the utterance"),
    en=Out("float32[1, features, frames]", "prosody features of each frame"),
    asr=Out("float32[1, hidden, frames]", "phoneme features of each frame"),
)
def align(
    logits: np.ndarray, d: np.ndarray, t_en: np.ndarray, length: np.ndarray, speed: np.ndarray
) -> dict[str, np.ndarray]:
    tokens = _valid_tokens(length, logits)
    durations = np.zeros(logits.shape[:2], np.int64)  # [1, text]
    durations[0, :tokens] = _round_durations(logits[0, :tokens], _read_pace(speed))
    token = np.repeat(np.arange(tokens), durations[0, :tokens])  # [frames]
    return {
        "durations": durations,
        "frame_count": np.array([token.size], np.int64),
        "en": np.take(d.transpose(0, 2, 1), token, axis=2),  # [1, features, frames]
        "asr": np.take(t_en, token, axis=2),  # [1, hidden, frames]
    }


def _round_durations(logits: np.ndarray, pace: float) -> np.ndarray:
    """Return the frames of each token: int64 [tokens] from logits [tokens, bins]."""
    if not np.isfinite(logits).all():
        raise StageError("logits are not finite; the duration stage has failed")
    # the sigmoid by tanh: exp(-x) overflows, and warns, for large negative logits
    expected = (0.5 + 0.5 * np.tanh(0.5 * logits.astype(np.float64))).sum(axis=-1)
    # np.rint rounds halves to even, as torch.round does.
    frames: np.ndarray = np.maximum(np.rint(expected / pace), 1).astype(np.int64)
    return frames


def _read_pace(speed: np.ndarray) -> float:
    # 1.2 in float32 is 1.2000000477, which may round a half the other way; its shortest decimal is what the user set
    pace = float(str(np.float32(speed)))
    if not SLOWEST <= pace <= FASTEST:  # also refuses nan
        raise StageError(
            f"speed is {pace:g}, expected a number from {SLOWEST:g} to {FASTEST:g}; 1 is the voice's own pace"
        )
    return pace


def _valid_tokens(length: np.ndarray, logits: np.ndarray) -> int:
    tokens = int(length[0])
    if not 1 <= tokens <= logits.shape[1]:
        raise StageError(f"length is {tokens}, but there are logits for {logits.shape[1]} tokens")
    return tokens

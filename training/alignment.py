"""Tokens and their durations in frames, from the phoneme events of an utterance.

A frame is 600 samples at 24 kHz (25 ms), and the model gives every token at least one. espeak's events say when each
phoneme begins; marks, spaces and punctuation take time from what they stand beside. The wanted boundaries b_i, in
frames, are moved as little as possible (least squares) so that b_{i+1} - b_i >= 1: with c_i = b_i - i this is isotonic
regression of c, rounded afterwards.

    | lead, 4 frames | phonemes, marks, spaces, punctuation | tail, 10 frames, 4 of them silence after a final mark |
      token 0                                                 token 0
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from training.espeak import Utterance, Word
from training.spelling import BOUNDARY_TOKEN, PUNCTUATION, SPACE, STRESS, spelled, tokens

SAMPLE_RATE = 24000
FRAME_SAMPLES = 600
LEAD_FRAMES = 4
TAIL_FRAMES = 10
_SILENCE_BEFORE_TAIL = 4  # frames of the tail that the last sound or mark may still claim
# espeak says these as part of the word before: one word event, and no space in what it prints.
_CLITICS = {"the": "ð", "a": "ɐ", "that": "ð", "this": "ð"}


class Alignment(NamedTuple):
    """One spelling of an utterance: its symbols, tokens (0 at both ends) and each token's frames."""

    symbols: str
    tokens: NDArray[np.int16]
    durations: NDArray[np.int16]


class Segment(NamedTuple):
    """A phoneme or a pause from `begin` to `end` (frames, lead included): IPA, stress mark or "", word, punctuation."""

    ipa: str
    stress: str
    begin: float
    end: float
    word: float
    mark: str
    last: bool


def frames_of(utterance: Utterance) -> int:
    """The frames of the whole utterance: lead, speech, tail."""
    speech = len(utterance.samples) * SAMPLE_RATE / utterance.sample_rate / FRAME_SAMPLES
    return LEAD_FRAMES + math.ceil(speech) + TAIL_FRAMES


def segments(text: str, utterance: Utterance, stressed: Sequence[str]) -> list[Segment] | None:
    """The phonemes and pauses of an utterance of `text`; None where its events and its phonemes do not agree.

    `stressed` are the phonemes of `text` with stress marks (`Espeak.phonemes`).
    """
    stresses = _stresses([phoneme.ipa for phoneme in utterance.phonemes if phoneme.ipa], stressed)
    if stresses is None:
        return None
    words = _words_apart(text, utterance)
    rate = SAMPLE_RATE / utterance.sample_rate / FRAME_SAMPLES
    begins = [LEAD_FRAMES + phoneme.sample * rate for phoneme in utterance.phonemes]
    begins.append(LEAD_FRAMES + len(utterance.samples) * rate)
    out: list[Segment] = []
    spoken = iter(stresses)
    for at, phoneme in enumerate(utterance.phonemes):
        end, last = begins[at + 1], at + 1 == len(utterance.phonemes)
        if phoneme.ipa:
            out.append(Segment(phoneme.ipa, next(spoken), begins[at], end, words[at], "", last))
        elif out and not out[-1].ipa:
            out[-1] = out[-1]._replace(end=end, last=last)
        elif out:  # a pause before the first phoneme is part of the lead
            out.append(Segment("", "", begins[at], end, words[at], "", last))
    return [
        segment._replace(mark=_mark(text, utterance.words, segment)) if not segment.ipa else segment for segment in out
    ]


def align(parts: Sequence[Segment], frames: int, spelling: str, vocab: Mapping[str, int]) -> Alignment:
    """The tokens of `parts` in a spelling and their durations, which sum to `frames`."""
    symbols, wanted = _boundaries(parts, spelling)
    ids = [BOUNDARY_TOKEN, *tokens(symbols, vocab), BOUNDARY_TOKEN]
    end = parts[-1].end + _SILENCE_BEFORE_TAIL
    begins = np.array([0.0, *wanted, end])
    index = np.arange(len(begins))
    moved = isotonic_regression(begins - index).x
    moved = np.clip(moved - moved[0], 0, frames - len(begins))  # the last token, too, keeps a frame
    starts = np.rint(moved).astype(np.int64) + index
    durations = np.diff(np.append(starts, frames))
    if durations.min() < 1:
        raise AssertionError(f"a duration below one frame in {symbols!r}")
    return Alignment(symbols, np.array(ids, np.int16), durations.astype(np.int16))


def _boundaries(parts: Sequence[Segment], spelling: str) -> tuple[str, list[float]]:
    """The symbols of `parts`, and where each would like to begin, in frames."""
    symbols: list[str] = []
    begins: list[float] = []
    word: float | None = None  # of the phoneme before, None after a pause
    for part in parts:
        begin = part.begin
        if not part.ipa:
            if part.mark:
                symbols.append(part.mark)
                begins.append(begin)
                begin = max(begin + 1, part.end - 1)
            if not part.last:
                symbols.append(SPACE)
                begins.append(begin)
            word = None
            continue
        # espeak prints a clitic with its word ("ɪnðə"): a half word is a new word for misaki only.
        number = part.word if spelling == "misaki" else math.floor(part.word)
        if word is not None and number != word:
            symbols.append(SPACE)
            begins.append(begin - 0.5)
            begin += 0.5
        word = number
        if part.stress:
            symbols.append(part.stress)
            begins.append(begin)
            begin = min(begin + 1, (begin + part.end) / 2)
        letters = spelled(part.ipa, spelling)
        symbols.extend(letters)
        begins.extend(begin + (part.end - begin) * at / len(letters) for at in range(len(letters)))
    return "".join(symbols), begins


def _stresses(names: Sequence[str], stressed: Sequence[str]) -> list[str] | None:
    """The stress mark of each phoneme event, or None where events and phonemes differ."""
    bare = [phoneme.strip(STRESS) for phoneme in stressed]
    marks = [phoneme[0] if phoneme[0] in STRESS else "" for phoneme, name in zip(stressed, bare, strict=True) if name]
    bare = [name for name in bare if name]
    return marks if list(names) == bare else None


def _words_apart(text: str, utterance: Utterance) -> list[float]:
    """The word of each phoneme event; a clitic that espeak joined to the word before is a half word further."""
    words: list[float] = [float(phoneme.word) for phoneme in utterance.phonemes]
    names = [phoneme.ipa for phoneme in utterance.phonemes]
    for number, word in enumerate(utterance.words):
        end = utterance.words[number + 1].start if number + 1 < len(utterance.words) else len(text)
        parts = re.findall(r"[a-z']+", text[word.start : end].lower())
        if len(parts) != 2 or parts[1] not in _CLITICS:
            continue
        found = [at for at, name in enumerate(names) if words[at] == number and name == _CLITICS[parts[1]]]
        if not found or found[-1] == 0 or words[found[-1] - 1] != number:
            continue
        for at in range(found[-1], len(words)):
            if words[at] == number:
                words[at] = number + 0.5
    return words


def _mark(text: str, words: Sequence[Word], pause: Segment) -> str:
    """The punctuation mark that `pause` stands for, "" for a pause without one."""
    if pause.last:
        # In a text of two sentences the positions near the end are unreliable: its last character is what it ends with.
        between = text.rstrip()[-1:]
    else:
        number = math.floor(pause.word)
        word = words[number]
        end = words[number + 1].start if number + 1 < len(words) else len(text)
        between = text[word.start + word.length : end]
    return next((character for character in between if character in PUNCTUATION), "")

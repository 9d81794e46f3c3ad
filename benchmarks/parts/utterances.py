"""Whole utterances, from phonemes (for the rivals, from their ids) to audio, from 1 s to 50 s."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from benchmarks.cases import symbols
from benchmarks.names import END_TO_END, FEWER_BITS, MAIN
from benchmarks.rivals import disagreement
from benchmarks.session import REFUSALS, Session
from benchmarks.utterance import speak
from stages.dims import SAMPLE_RATE_HZ

Array = NDArray[Any]

SECONDS = (1.0, 3.0, 5.0, 10.0, 50.0)
QUICK_SECONDS = (1.0, 3.0)
EVERYONE_S = (1.0, 5.0)  # all rivals here, the main ones elsewhere; nothing else on fewer threads
LONG_S, LONG_ROUNDS = 10.0, 3
HUGE_S = 50.0  # ours alone: a round of the rivals would take minutes
LOUDNESS = 0.1  # the noise differs from call to call


def measure(session: Session) -> list[dict[str, Any]]:
    """A row an utterance."""
    chosen = QUICK_SECONDS if session.quick else SECONDS if session.all_cores else EVERYONE_S
    return [_row(session, seconds) for seconds in chosen]


def _row(session: Session, seconds: float) -> dict[str, Any]:
    length = session.length(seconds)
    phonemes, speed = symbols(length.tokens), length.speed
    ours = {
        contender.variant.name: functools.partial(contender.speak, phonemes, session.pack, speed)
        for contender in session.ours
    }
    audio_s = session.ours[0].speak(phonemes, session.pack, speed).size / SAMPLE_RATE_HZ
    calls: dict[str, Callable[[], object]] = {**ours}
    if seconds < HUGE_S:
        calls |= _rivals(session, seconds, phonemes, speed)
    rounds = min(session.rounds, LONG_ROUNDS) if seconds >= LONG_S else session.rounds
    return {
        "seconds": seconds,
        "tokens": length.tokens,
        "speed": speed,
        "audio_s": audio_s,
        **session.compare(f"utterance of {seconds:g} s", calls, rounds),
    }


def _rivals(session: Session, seconds: float, phonemes: str, speed: float) -> dict[str, Callable[[], object]]:
    names = END_TO_END if session.all_cores and seconds in EVERYONE_S else MAIN
    ids, pack = session.reference.input_ids(phonemes), session.pack
    candidates: dict[str, Callable[[], Array]] = {
        rival.name: functools.partial(speak, rival, ids, pack, speed) for rival in session.rivals(names)
    }
    candidates |= {whole.name: functools.partial(whole.speak, ids, pack, speed) for whole in session.wholes(names)}
    truth: list[Array] = []
    return {name: call for name, call in candidates.items() if _speaks(session, f"{name}, {seconds:g} s", call, truth)}


def _speaks(session: Session, what: str, call: Callable[[], Array], truth: list[Array]) -> bool:
    """Whether a rival says what the first one says: as long, and as loud within the noise's share."""
    try:
        audio = call().reshape(1, -1)
    except REFUSALS as error:
        session.fail(what, error)
        return False
    truth.append(audio)
    if what.startswith(FEWER_BITS):
        return True  # their durations may differ
    if audio.size != truth[0].size:
        session.fail(what, f"not timed: {audio.size} samples, not {truth[0].size}")
        return False
    apart = disagreement("decoder", truth[:1], [audio])
    if apart > LOUDNESS:
        session.fail(what, f"not timed: its loudness is off by {apart:.2g}")
    return apart <= LOUDNESS

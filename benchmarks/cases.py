"""What is timed: each stage's inputs at several sizes, cut from one run of the reference."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.real_model import passage
from tests.reference import Reference

Array = NDArray[Any]
Ports = Mapping[str, Array]

TOKENS = (32, 128, 510)
FRAMES = (60, 200)
QUICK_TOKENS = (32,)
QUICK_FRAMES = (60,)
FRAME_RATE_HZ = 40
MIN_TOKENS = 4  # two symbols, and the zeros around them
NEAR = 1.1
MIN_SPEED_PERCENT = 25  # of the graph's parameter


@dataclass(frozen=True)
class Case:
    """One stage at one size, with its inputs under the names of the graph's ports."""

    stage: str
    size: int
    axis: str
    inputs: dict[str, Array]

    @property
    def label(self) -> str:
        return f"{self.stage}, {self.size} {self.axis}"


def symbols(tokens: int) -> str:
    """The phonemes of an utterance of `tokens` tokens: the begin of one passage of English, cut where it may."""
    return passage(tokens - 2)


@dataclass(frozen=True)
class Length:
    """An utterance of about `seconds`: how many tokens, at which speed (1 is the voice's own pace)."""

    seconds: float
    tokens: int
    speed: float


def length_for(seconds: float, frames: Callable[[int, float], int]) -> Length:
    """The utterance that lasts for `seconds` or a little longer.

    One token may add a second or take one away, so what comes out too long is sped up, and where the longest is too
    short, it is slowed down.

    frames: how many an utterance of so many tokens has at a speed.
    """
    wanted, most = seconds * FRAME_RATE_HZ, max(TOKENS)
    tokens, found = most, frames(most, 1.0)
    longest = found / FRAME_RATE_HZ
    if found >= wanted:
        lengths = range(MIN_TOKENS, most + 1)
        tokens = lengths[bisect.bisect_left(lengths, wanted, key=lambda tokens: frames(tokens, 1.0))]
        found = frames(tokens, 1.0)
        if wanted <= found <= NEAR * wanted:
            return Length(seconds, tokens, 1.0)
    for percent in range(round(100 * found / wanted), MIN_SPEED_PERCENT, -1):
        if frames(tokens, percent / 100) >= wanted:
            return Length(seconds, tokens, percent / 100)
    raise ValueError(f"this model speaks for {longest:g} s at most, {seconds:g} s are asked for")


def cases(reference: Reference, pack: Array, *, quick: bool) -> Iterator[Case]:
    """All cases; those over frames take the first frames of the longest utterance."""
    for tokens in QUICK_TOKENS if quick else TOKENS:
        ports = float32(reference.run(reference.input_ids(symbols(tokens)), pack, audio=False))
        mask, length = ports["text_mask"], ports["length"]
        yield Case("bert", tokens, "tokens", {name: ports[name] for name in ("input_ids", "attention_mask")})
        duration = {"d_en": ports["d_en"], "style": ports["style_prosody"], "length": length, "text_mask": mask}
        yield Case("duration", tokens, "tokens", duration)
        text = {"input_ids": ports["input_ids"], "length": length, "text_mask": mask}
        yield Case("text_encoder", tokens, "tokens", text)
    ports = float32(reference.run(reference.input_ids(symbols(max(TOKENS))), pack, audio=False))
    for frames in QUICK_FRAMES if quick else FRAMES:
        yield from _cases_over_frames(ports, frames)


def _cases_over_frames(ports: Ports, frames: int) -> Iterator[Case]:
    available = ports["en"].shape[-1]
    if frames > available:
        raise ValueError(f"the reference gave {available} frames, and {frames} are to be timed")
    count = np.array([frames], np.int64)
    f0n = {"en": ports["en"][:, :, :frames], "style": ports["style_prosody"], "frame_count": count}
    yield Case("f0n", frames, "frames", float32(f0n))
    decoder = {
        "asr": ports["asr"][:, :, :frames],
        "f0": ports["f0"][:, : 2 * frames],
        "n": ports["n"][:, : 2 * frames],
        "style": ports["style_decoder"],
        "frame_count": count,
        "seed": np.array(0, np.int64),
    }
    yield Case("decoder", frames, "frames", float32(decoder))


def pick(every: Iterable[Case], sizes: Mapping[str, int]) -> dict[str, Case]:
    """Of each stage in `sizes` the case of that size or, where there is none, the first."""
    found: dict[str, Case] = {}
    for case in every:
        if case.stage in sizes and (case.stage not in found or case.size == sizes[case.stage]):
            found[case.stage] = case
    return found


def float32(ports: Ports) -> dict[str, Array]:
    """Contiguous copies; floating-point ones as float32, which is what every contender computes in."""
    return {
        name: np.array(value, np.float32 if value.dtype.kind == "f" else value.dtype, order="C")
        for name, value in ports.items()
    }

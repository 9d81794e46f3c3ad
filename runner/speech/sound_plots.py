"""Draws the sound of an utterance as one figure of SVG: rows below one another, on one axis of time.

waveform | spectrogram | F0 and energy | symbols | alignment: which stretch of time each token has
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from runner.inspect.plots import draw_curve, find_ticks
from runner.speech.spectrogram import draw_spectrogram, find_top
from stages.dims import HALF_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runner.runtime.values import Array

_SECOND, _LEAST_WIDTH = 340, 1050  # of the axis of time [px]
_LEFT, _RIGHT, _BOTTOM, _GAP = 66, 64, 40, 12  # around and between the rows [px]
_TICK_GAP, _TICK_HEIGHT = 80, 20  # least distance of ticks [px]
_TOKEN_HEIGHT, _LEAST_STAIR, _MOST_STAIR = 10, 60, 380  # of the alignment [px]
_VOICED_HZ = 10  # the source has harmonics above this only, as in the reference
_LEAST_FENCE = 0.25  # of the median pitch: of a voice that is nearly monotonous
_SPACE = "␣"


@dataclass(frozen=True)
class Sound:
    """The values of one utterance; None where the graph has no such port.

    Attributes:
        audio: [samples].
        rate_hz: its sample rate.
        durations: frames of each token, without padding.
        symbols: a label for each token.
        f0_hz, energy: a value each half-frame.
        frame_s: seconds of a frame.
    """

    audio: Array | None
    rate_hz: int
    durations: Array | None
    symbols: Sequence[str]
    f0_hz: Array | None
    energy: Array | None
    frame_s: float

    @property
    def seconds(self) -> float:
        """The length of the axis of time."""
        lengths = [0.0 if self.audio is None else self.audio.size / self.rate_hz]
        lengths.append(0.0 if self.durations is None else float(self.durations.sum()) * self.frame_s)
        contours = [
            contour.size * self.frame_s / HALF_FRAMES for contour in (self.f0_hz, self.energy) if contour is not None
        ]
        return max(*lengths, *contours)

    def tokens(self) -> Iterator[tuple[float, float, str]]:
        """When each token begins and ends [s], and its label."""
        if self.durations is not None:
            edges = (np.concatenate([[0], np.cumsum(self.durations)]) * self.frame_s).tolist()
            yield from zip(edges[:-1], edges[1:], self.symbols, strict=True)


def find_f0_range(f0_hz: Array) -> tuple[float, float] | None:
    """Find the range of pitch for the axis of F0; None if no frame is voiced.

    Between voiced and unvoiced frames F0 passes values that are no pitch. A frame beside an unvoiced one counts only if
    all are; one beyond Tukey's outer fences, three times the distance of the quartiles away from them, does not count.
    """
    voiced = f0_hz > _VOICED_HZ
    around = np.pad(voiced, 1, mode="edge")
    inner = voiced & around[:-2] & around[2:]
    pitch = f0_hz[inner if inner.any() else voiced]
    if not pitch.size:
        return None
    low, middle, high = np.percentile(pitch, (25, 50, 75))
    fence = max(3 * (high - low), _LEAST_FENCE * middle)
    pitch = pitch[(pitch >= low - fence) & (pitch <= high + fence)]
    margin = max(0.08 * float(np.ptp(pitch)), 5.0)
    return float(pitch.min()) - margin, float(pitch.max()) + margin


def draw_sound(given: Sound) -> str | None:
    """Draw the rows whose values are known; None if none of them is."""
    if not given.seconds:
        return None
    figure = _Figure(given)
    if given.audio is not None:
        figure.add("waveform", 84, figure.draw_waveform)
        figure.add("spectrogram", 190, figure.draw_spectrogram)
    if given.f0_hz is not None or given.energy is not None:
        figure.add("F0 and energy", 150, figure.draw_contours)
    if given.durations is not None:
        stair = min(max(_TOKEN_HEIGHT * len(given.durations), _LEAST_STAIR), _MOST_STAIR)
        figure.add("symbols", 26, figure.draw_symbols)
        figure.add("alignment", stair, figure.draw_alignment)
    return figure.finish()


class _Figure:
    """A figure that grows downwards; positions within a row are from the row's upper left corner."""

    def __init__(self, given: Sound) -> None:
        self._given = given
        self._scale = max(_SECOND, _LEAST_WIDTH / given.seconds)  # px a second
        self._width = given.seconds * self._scale
        self._names: list[str] = []
        self._rows: list[str] = []
        self._y = 6

    def add(self, name: str, height: int, draw: Callable[[int], str]) -> None:
        """Add a row of `height`, for which `draw` is called."""
        self._names.append(name)
        frame = f'<rect class="frame" width="{self._width:.1f}" height="{height}"/>'
        self._rows.append(f'<g transform="translate({_LEFT} {self._y})">{draw(height)}{frame}</g>')
        self._y += height + _GAP

    def finish(self) -> str:
        """Give the figure, with its axis of time."""
        bottom = self._y - _GAP
        grid = "".join(
            f'<path class="grid" d="M{x:.1f} 6V{bottom}"/>'
            f'<text class="faint" x="{x:.1f}" y="{bottom + 16}">{tick:g}</text>'
            for tick in find_ticks(0, self._given.seconds, max(int(self._width / _TICK_GAP), 1))
            for x in [_LEFT + tick * self._scale]
        )
        title = f'<text class="faint" x="{_LEFT + self._width / 2:.1f}" y="{bottom + 34}">time [s]</text>'
        width, label = _LEFT + self._width + _RIGHT, ", ".join(self._names)
        return (
            f'<svg class="sound" viewBox="0 0 {width:.0f} {bottom + _BOTTOM}" style="width:{width:.0f}px" role="img" '
            f'aria-label="{label}">{self._draw_bands(bottom)}{grid}{"".join(self._rows)}{title}</svg>'
        )

    def draw_waveform(self, height: int) -> str:
        audio = self._audio()
        top = float(np.abs(audio).max()) * 1.06 or 1.0
        curve = self._draw_curve(audio, audio.size / self._given.rate_hz, height, -top, top)
        return self._draw_axis(height, -top, top, "amplitude") + curve

    def draw_spectrogram(self, height: int) -> str:
        audio, rate_hz = self._audio(), self._given.rate_hz
        width, top_khz = audio.size / rate_hz * self._scale, find_top(rate_hz) / 1000
        return (
            f'<image width="{width:.1f}" height="{height}" preserveAspectRatio="none" '
            f'href="{draw_spectrogram(audio, rate_hz)}"/>'
            f"{self._draw_axis(height, 0, top_khz, 'kHz')}"
        )

    def draw_contours(self, height: int) -> str:
        f0_hz, energy, parts = self._given.f0_hz, self._given.energy, []
        if energy is not None:
            margin = 0.06 * float(np.ptp(energy)) or 1.0
            ends = float(energy.min()) - margin, float(energy.max()) + margin
            parts.append(self._draw_axis(height, *ends, "energy (log)", right=True))
            parts.append(f'<g class="energy">{self._draw_contour(energy, height, *ends)}</g>')
        if f0_hz is not None:
            found = find_f0_range(f0_hz)
            if found is None:
                parts.append(f'<text class="f0" x="{self._width / 2:.1f}" y="{height / 2}">no frame is voiced</text>')
            else:
                voiced = np.where(f0_hz > _VOICED_HZ, f0_hz, np.nan)
                parts.append(self._draw_axis(height, *found, "F0 [Hz]"))
                parts.append(f'<g class="f0">{self._draw_contour(voiced, height, *found)}</g>')
        return "".join(parts)

    def draw_symbols(self, height: int) -> str:
        return "".join(
            f'<text x="{(start + end) / 2 * self._scale:.1f}" y="{height - 8}">'
            f"{escape(symbol)}{_tell(start, end, symbol)}</text>"
            for start, end, symbol in self._given.tokens()
        )

    def draw_alignment(self, height: int) -> str:
        tokens = list(self._given.tokens())
        step = height / len(tokens)
        return "".join(
            f'<rect class="token" x="{start * self._scale:.1f}" y="{number * step:.1f}" '
            f'width="{(end - start) * self._scale:.1f}" height="{step:.1f}">{_tell(start, end, symbol)}</rect>'
            f'<text class="label" x="{start * self._scale - 3:.1f}" y="{(number + 0.5) * step + 3:.1f}">'
            f"{escape(symbol)}</text>"
            for number, (start, end, symbol) in enumerate(tokens)
        )

    def _audio(self) -> Array:
        assert self._given.audio is not None
        return self._given.audio

    def _draw_bands(self, bottom: int) -> str:
        """Shade the background of every second token."""
        return "".join(
            f'<rect class="band" x="{_LEFT + start * self._scale:.1f}" y="6" '
            f'width="{(end - start) * self._scale:.1f}" height="{bottom - 6}"/>'
            for start, end, _ in list(self._given.tokens())[1::2]
        )

    def _draw_contour(self, values: Array, height: int, low: float, high: float) -> str:
        return self._draw_curve(values, values.size * self._given.frame_s / HALF_FRAMES, height, low, high)

    def _draw_curve(self, values: Array, seconds: float, height: int, low: float, high: float) -> str:
        """Draw values that are evenly spread over `seconds`; what is beyond the row is not seen."""
        width = seconds * self._scale
        return f'<svg width="{width:.1f}" height="{height}">{draw_curve(values, width, height, low, high)}</svg>'

    def _draw_axis(self, height: int, low: float, high: float, title: str, *, right: bool = False) -> str:
        """Draw ticks and the title of a vertical axis, on the left or on the right."""
        side, x, turned = ("right", self._width + 6, self._width + 50) if right else ("left", -6, -48)
        ticks = "".join(
            f'<text class="tick {side}" x="{x:.1f}" y="{(high - tick) / (high - low) * height + 4:.1f}">{tick:g}</text>'
            for tick in find_ticks(low, high, height // _TICK_HEIGHT)
        )
        place = f"translate({turned:.1f} {height / 2}) rotate(-90)"
        return f'{ticks}<text class="title {side}" transform="{place}">{title}</text>'


def _tell(start: float, end: float, symbol: str) -> str:
    """Describe a token under the mouse."""
    return f"<title>{escape(_SPACE if symbol == ' ' else symbol)}: {start:.3f} s to {end:.3f} s</title>"

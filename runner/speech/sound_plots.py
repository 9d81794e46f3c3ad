"""Draws the sound of an utterance with matplotlib, which is an extra: `pip install 'kokoro-run[report]'`.

waveform | spectrogram | F0 and energy over the symbols      one picture, one axis of time
alignment: which frames each token has                       another
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from stages.dims import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.runtime.values import Array

_INK, _ACCENT, _WARM, _COOL = "#1f2430", "#3056d3", "#e8590c", "#2b8a6b"
_INCHES_PER_SECOND, _LEAST_INCHES, _MOST_INCHES = 3.2, 11.0, 120.0
_DPI, _SEEN_DPI = 150, 106  # of the file and of a plain screen
_WINDOW, _HOP = 1024, 128  # of the spectrogram [samples]
_RANGE_DB = 80.0
_TOP_HZ = 10_000
_VOICED_HZ = 10  # the source has harmonics above this only, as in the reference
_SPACE = "␣"
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib and has the letters of the IPA
    "font.size": 9,
    "axes.edgecolor": "#c3c8d4",
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Picture:
    """A PNG.

    Attributes:
        uri: the picture as a data URI.
        alt: names the rows of the picture.
        width: at which it is to be seen [CSS px].
    """

    uri: str
    alt: str
    width: int


@dataclass(frozen=True)
class Sound:
    """The values of one utterance; None where the graph has no such port.

    Attributes:
        audio: [samples].
        durations: frames of each token, without padding.
        symbols: a label for each token.
        f0_hz, energy: a value each half-frame.
        frame_s: seconds of a frame.
    """

    audio: Array | None
    durations: Array | None
    symbols: Sequence[str]
    f0_hz: Array | None
    energy: Array | None
    frame_s: float

    @property
    def seconds(self) -> float:
        """The length of the axis of time."""
        lengths = [0.0 if self.audio is None else self.audio.size / SAMPLE_RATE_HZ]
        lengths.append(0.0 if self.durations is None else float(self.durations.sum()) * self.frame_s)
        return max(lengths)

    def edges(self) -> Array:
        """The times at which the tokens begin, and at which the last one ends [s]."""
        assert self.durations is not None
        edges: Array = np.concatenate([[0], np.cumsum(self.durations)]) * self.frame_s
        return edges


def draw_sound(given: Sound) -> Picture | None:
    """Draw waveform, spectrogram, F0 with energy, and symbols, as far as they are known; None if none of them is."""
    rows: list[tuple[str, float]] = []
    rows += [("waveform", 1.0), ("spectrogram", 2.0)] if given.audio is not None else []
    rows += [("F0 and energy", 1.7)] if given.f0_hz is not None or given.energy is not None else []
    rows += [("symbols", 0.32)] if given.durations is not None else []
    if not rows:
        return None
    draw = {"waveform": _waveform, "spectrogram": _spectrogram, "F0 and energy": _contours, "symbols": _symbols}
    with mpl.rc_context(_STYLE):
        figure = _figure(given, 1.5 * sum(height for _, height in rows) + 0.7)
        axes = figure.subplots(len(rows), sharex=True, height_ratios=[height for _, height in rows], squeeze=False)
        for (name, _), axis in zip(rows, axes[:, 0], strict=True):
            draw[name](axis, given)
        axes[-1, 0].set_xlim(0, given.seconds)
        axes[-1, 0].set_xlabel("time [s]")
        return _picture(figure, ", ".join(name for name, _ in rows))


def draw_alignment(given: Sound) -> Picture | None:
    """Draw the time of each token; None if the durations are not known."""
    if given.durations is None:
        return None
    edges, count = given.edges(), len(given.durations)
    with mpl.rc_context(_STYLE):
        figure = _figure(given, min(1.2 + 0.115 * count, 12))
        axis = figure.subplots()
        for token, (start, end) in enumerate(pairwise(edges)):
            axis.broken_barh([(start, end - start)], (token - 0.5, 1), facecolor=_ACCENT if token % 2 else "#7d97ea")
        axis.set_ylim(count - 0.5, -0.5)
        axis.set_xlim(0, edges[-1])
        labels = [_SPACE if symbol == " " else symbol for symbol in given.symbols]
        axis.set_yticks(range(count), labels, fontsize=7 if count < 90 else 4)
        axis.grid(axis="x", color="#e6e9f0", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.set_xlabel("time [s]")
        axis.set_ylabel("token")
        return _picture(figure, "alignment")


def _figure(given: Sound, height: float) -> Figure:
    width = min(max(given.seconds * _INCHES_PER_SECOND, _LEAST_INCHES), _MOST_INCHES)
    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained")


def _picture(figure: Figure, alt: str) -> Picture:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(uri, alt, round(figure.get_figwidth() * _SEEN_DPI))


def _waveform(axis: Any, given: Sound) -> None:
    assert given.audio is not None
    _bands(axis, given)
    time = np.arange(given.audio.size) / SAMPLE_RATE_HZ
    axis.plot(time, given.audio, color=_ACCENT, linewidth=0.5)
    top = float(np.abs(given.audio).max()) * 1.1 or 1.0
    axis.set_ylim(-top, top)
    axis.set_ylabel("amplitude")


def _spectrogram(axis: Any, given: Sound) -> None:
    assert given.audio is not None
    padded = np.pad(given.audio.astype(np.float64), _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    decibels = 10 * np.log10(np.maximum(power, max(float(power.max()), 1e-30) * 10 ** (-_RANGE_DB / 10)))
    top = int(_TOP_HZ / SAMPLE_RATE_HZ * _WINDOW)
    extent = (0, given.audio.size / SAMPLE_RATE_HZ, 0, top * SAMPLE_RATE_HZ / _WINDOW / 1000)
    axis.imshow(
        decibels[:, :top].T, origin="lower", aspect="auto", extent=extent, cmap="magma", interpolation="bilinear"
    )
    axis.set_ylabel("frequency [kHz]")


def _contours(axis: Any, given: Sound) -> None:
    _bands(axis, given)
    handles = []
    if given.f0_hz is not None:
        voiced = np.where(given.f0_hz > _VOICED_HZ, given.f0_hz, np.nan)
        handles += axis.plot(_half_frames(given, voiced), voiced, color=_WARM, linewidth=1.6, label="F0 [Hz]")
        axis.set_ylabel("F0 [Hz]", color=_WARM)
    if given.energy is not None:
        other = axis.twinx()
        handles += other.plot(
            _half_frames(given, given.energy), given.energy, color=_COOL, linewidth=1.1, label="energy (log)"
        )
        other.set_ylabel("energy (log)", color=_COOL)
    axis.legend(handles=handles, loc="upper right", frameon=False, ncols=2, fontsize=8)


def _half_frames(given: Sound, values: Array) -> Array:
    times: Array = (np.arange(values.size) + 0.5) * given.frame_s / 2
    return times


def _symbols(axis: Any, given: Sound) -> None:
    _bands(axis, given)
    for start, end, symbol in _tokens(given):
        axis.text((start + end) / 2, 0.5, symbol, ha="center", va="center", fontsize=10)
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    axis.set_ylabel("symbol", rotation=0, ha="right", va="center")


def _bands(axis: Any, given: Sound) -> None:
    """Shade the background of every second token."""
    if given.durations is not None:
        for number, (start, end, _) in enumerate(_tokens(given)):
            axis.axvspan(start, end, color="#eef1f8" if number % 2 else "#ffffff", zorder=0, linewidth=0)


def _tokens(given: Sound) -> Iterator[tuple[float, float, str]]:
    edges = given.edges()
    for start, end, symbol in zip(edges[:-1], edges[1:], given.symbols, strict=True):
        yield float(start), float(end), symbol

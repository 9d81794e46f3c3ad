"""Computes the spectrogram of audio as a picture: a PNG of one byte a pixel, with a palette.

audio --STFT--> power [columns, bins] --pairs of bins, dB--> level of each pixel --palette--> PNG
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from runner.runtime.values import Array

_MOST_HZ = 10_000  # at the top
_WINDOW, _HOP = 1024, 128  # [samples]
_BINS = 2  # of the transform, a row of pixels
_BLOCK = 1024  # frames that are transformed at a time
_RANGE_DB = 80.0
_LEVELS = 64
_ANCHORS = (  # of matplotlib's colour map `magma`, evenly spaced
    (0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122), (229, 80, 100), (251, 135, 97),
    (254, 194, 135), (252, 253, 191),
)  # fmt: skip


def find_top(rate_hz: int) -> float:
    """The frequency at the top of the picture [Hz]."""
    return _count_rows(rate_hz) * _BINS * rate_hz / _WINDOW


def draw_spectrogram(audio: Array, rate_hz: int) -> str:
    """Draw the spectrogram of audio [samples] as a data URI; the picture is as long as the audio."""
    padded = np.pad(audio.astype(np.float32), _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    rows = _count_rows(rate_hz)
    power = np.concatenate([_find_power(frames[at : at + _BLOCK], rows) for at in range(0, len(frames), _BLOCK)])
    decibels = 10 * np.log10(np.maximum(power / max(float(power.max()), 1e-30), 10 ** (-_RANGE_DB / 10)))
    levels = ((decibels / _RANGE_DB + 1) * (_LEVELS - 1)).round().astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(_encode_png(levels.T[::-1], _palette())).decode("ascii")


def _find_power(frames: Array, rows: int) -> Array:
    """The power of each frame [frames, window] for each row of the picture, that of its loudest bin."""
    spectrum = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)[:, : rows * _BINS]
    power: Array = np.square(np.abs(spectrum)).reshape(-1, rows, _BINS).max(axis=2)
    return power


def _count_rows(rate_hz: int) -> int:
    return math.ceil(min(_MOST_HZ, rate_hz / 2) * _WINDOW / rate_hz / _BINS)


def _palette() -> Array:
    """The colour of each level: uint8[levels, 3]."""
    at = np.linspace(0, len(_ANCHORS) - 1, _LEVELS)
    channels = [np.interp(at, np.arange(len(_ANCHORS)), channel) for channel in zip(*_ANCHORS, strict=True)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def _encode_png(pixels: Array, palette: Array) -> bytes:
    """Encode `pixels`, uint8[rows, columns] of indices into `palette`."""
    rows, columns = pixels.shape
    lines = np.pad(pixels, ((0, 0), (1, 0))).tobytes()  # each line begins with the number of its filter: 0, none
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0),  # 8 bits, palette
        b"PLTE": palette.tobytes(),
        b"IDAT": zlib.compress(lines),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks.items()
    )

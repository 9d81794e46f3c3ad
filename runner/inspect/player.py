"""Makes players of audio for the report's page."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from runner.runtime.values import Array

_MOST_FLAC_HZ = 655_350


def make_player(name: str, audio: Array, rate_hz: int) -> str:
    """Make a player of the output `name`, whose samples the page holds as FLAC, of 16 bits.

    Every browser plays FLAC, and it is without loss: a fault that is heard is not the codec's.

    Args:
        audio: float32[samples] or float32[1, samples]; not empty.
    """
    file, samples = io.BytesIO(), audio.reshape(-1)
    format_ = "FLAC" if rate_hz <= _MOST_FLAC_HZ else "WAV"
    soundfile.write(file, samples, rate_hz, "PCM_16", format=format_)
    address = f"data:audio/{format_.lower()};base64," + base64.b64encode(file.getvalue()).decode("ascii")
    peak = float(np.abs(samples).max())
    facts = f"{name}: {samples.size / rate_hz:.2f} s at {rate_hz / 1000:g} kHz, peak {peak:.3f}"
    facts += ", here clipped to 1" if peak > 1 else ""
    return (
        f'<p class="player"><audio controls preload="metadata" src="{address}"></audio><span>{escape(facts)}</span></p>'
    )

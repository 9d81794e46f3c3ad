"""How far apart two arrays of one port are, and whether that is within a tolerance.

    max abs    largest |a - b|
    relative   max abs over the largest |b|
    RMS        root of the mean of (a - b)^2
    SNR        10 log10 of the energy of b over that of a - b [dB]; infinite where they are equal
    from       first index along the axis of time where |a - b| passes the tolerance's share of the largest |b|
    LSD        of audio: root mean square over frequency of the two log power spectra's difference, mean over time [dB]

Lengths may differ where a graph pads: what one array has beyond the other has to be padding, 0 or, of a mask, True.

Source of the LSD: Gray and Markel, Distance measures for speech processing (IEEE TASSP 24, 1976).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import RunError, suggest
from runner.runtime.values import spell
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from runner.graph.types import Graph
    from runner.runtime.values import Array
    from stages.contract import Type

_DIVERGED = 1e-4  # of the largest value, where no tolerance says otherwise
_WINDOW, _HOP = 1024, 256  # samples of the spectra that the log-spectral distance compares
_FLOOR = 1e-8  # of the greatest power: 80 dB below it nothing is heard, and a logarithm would count nothing else
_LIMIT = re.compile(r"(?:(?P<where>[^=]+)=)?(?P<limit>[^=]+?)(?P<unit>dB)?\Z")


@dataclass(frozen=True)
class Tolerance:
    """At most this share of the largest value or, in decibels, at least this signal-to-noise ratio."""

    limit: float
    decibels: bool = False

    @property
    def share(self) -> float:
        """Of the largest value, from which on two arrays are said to diverge."""
        return float(10 ** (-self.limit / 20)) if self.decibels else self.limit

    def holds(self, distance: Distance) -> bool:
        if distance.fault is not None:
            return False
        return distance.snr_db >= self.limit if self.decibels else distance.relative <= self.limit

    def __str__(self) -> str:
        return f"{self.limit:g} dB" if self.decibels else f"{self.limit:g}"


class Tolerances:
    """What `--tolerance` says: of one port, of all ports of a stage, or of all; the nearest to a port counts."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Read `1e-4`, `60dB`, `decoder=60dB`, `f0n.f0=1e-5`.

        Raises:
            RunError: one of them says something else.
        """
        self._given = dict(_tolerance(text) for text in texts)

    def __bool__(self) -> bool:
        return bool(self._given)

    def check(self, graph: Graph) -> None:
        """Refuse names that `graph` does not have.

        Raises:
            RunError: naming those it has.
        """
        ports = [f"{spec.name}.{port}" for spec in graph.stages.values() for port in spec.outputs]
        known = [*graph.stages, *ports]
        for name in self._given:
            if name and name not in known:
                raise RunError(f"--tolerance: no stage or port is called '{name}'{suggest(name, known)}")

    def of(self, port: str) -> Tolerance | None:
        names = (port, port.partition(".")[0], "")
        return next((self._given[name] for name in names if name in self._given), None)


def _tolerance(text: str) -> tuple[str, Tolerance]:
    match = _LIMIT.match(text)
    try:
        limit = float(match["limit"]) if match else math.nan
    except ValueError:
        limit = math.nan
    if match is None or not math.isfinite(limit) or limit < 0:
        raise RunError(
            f"--tolerance {text}: expected a share of the largest value (1e-4) or a signal-to-noise ratio (60dB), "
            "of one stage or port as in decoder=60dB"
        )
    return match["where"] or "", Tolerance(limit, match["unit"] is not None)


@dataclass(frozen=True)
class Distance:
    """How far the two arrays of a port are apart.

    Attributes:
        shapes: of the two, as types; None where one side has no such port.
        first: where they diverge: the dim and the index along it, as in ('frames', 31).
        lsd_db: of audio alone.
        fault: why they cannot be compared as a whole; figures are then of what both have.
    """

    port: str
    shapes: tuple[str | None, str | None]
    max_abs: float = math.nan
    relative: float = math.nan
    rms: float = math.nan
    snr_db: float = math.nan
    first: tuple[str, int] | None = None
    lsd_db: float | None = None
    fault: str | None = None

    def table(self) -> dict[str, Any]:
        """As JSON: a figure that is infinite, or that there is none of, is null."""
        numbers = {name: _finite(getattr(self, name)) for name in ("max_abs", "relative", "rms", "snr_db", "lsd_db")}
        first = self.first and {"dim": self.first[0], "index": self.first[1]}
        equal = self.fault is None and self.max_abs == 0
        return {
            "port": self.port, "a": self.shapes[0], "b": self.shapes[1], "equal": equal, **numbers, "first": first,
            "fault": self.fault,
        }  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def missing(port: str, shapes: tuple[str | None, str | None], fault: str) -> Distance:
    """The distance of a port that one side does not have."""
    return Distance(port, shapes, fault=fault)


def measure(
    port: str,
    type_: Type,
    a: Array,
    b: Array,
    *,
    times: Collection[str],
    frame_samples: int,
    tolerance: Tolerance | None = None,
) -> Distance:
    """The distance of `a` from `b`, which is what it should be.

    Args:
        type_: of the port.
        times: the dims that are lengths of an utterance, such as text and frames.
        frame_samples: by which a port is known for audio: float32[1, 600*frames].
        tolerance: says from where on they diverge.
    """
    shapes = (spell(a), spell(b))
    if a.ndim != b.ndim or not isinstance(type_, TensorType) or len(type_.dims) != a.ndim:
        return Distance(port, shapes, fault="they have other axes")
    fault = _unlike(a, b)
    common = tuple(slice(min(sizes)) for sizes in zip(a.shape, b.shape, strict=True))
    exact, got = b[common].astype(np.float64), a[common].astype(np.float64)
    if not exact.size:
        return Distance(port, shapes, 0.0, 0.0, 0.0, math.inf, fault=fault)
    error, top = np.abs(got - exact), float(np.abs(exact).max())
    largest = float(error.max())
    share = _DIVERGED if tolerance is None else tolerance.share
    found = Distance(
        port,
        shapes,
        max_abs=largest,
        relative=largest / top if top else (math.inf if largest else 0.0),
        rms=float(np.sqrt(np.mean(np.square(error)))),
        snr_db=_snr(exact, error),
        first=_first(type_, error > share * top, times),
        fault=fault,
    )
    if _is_audio(type_, frame_samples):
        found = replace(found, lsd_db=log_spectral_distance(got.reshape(-1), exact.reshape(-1)))
    return found


def _unlike(a: Array, b: Array) -> str | None:
    """Why arrays of other sizes are not one another's padding."""
    for axis, (one, other) in enumerate(zip(a.shape, b.shape, strict=True)):
        longer = a if one > other else b
        beyond = np.moveaxis(longer, axis, 0)[min(one, other) :]
        if beyond.size and not np.all(beyond == (longer.dtype == np.bool_)):
            return f"axis {axis} is {one} and {other}, and that is no padding"
    return None


def _snr(exact: Array, error: Array) -> float:
    noise, signal = float(np.sum(np.square(error))), float(np.sum(np.square(exact)))
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _first(type_: TensorType, apart: Array, times: Collection[str]) -> tuple[str, int] | None:
    """The first place along the axis of time, in units of its dim, where the arrays are apart."""
    axes = [axis for axis, dim in enumerate(type_.dims) if dim.name in times]
    if not axes or not apart.any():
        return None
    dim = type_.dims[axes[-1]]
    others = tuple(axis for axis in range(apart.ndim) if axis != axes[-1])
    return str(dim.name), int(np.argmax(apart.any(axis=others))) // dim.factor


def _is_audio(type_: TensorType, frame_samples: int) -> bool:
    last = type_.dims[-1] if type_.dims else None
    if last is None or not type_.dtype.startswith("float"):
        return False
    return last.name == "samples" or (last.name == "frames" and last.factor == frame_samples)


def log_spectral_distance(a: Array, b: Array) -> float:
    """Of two waveforms of one length [dB]; what lies 80 dB below the greatest power of either counts as that."""
    first, second = _power(a), _power(b)
    floor = max(float(first.max()), float(second.max())) * _FLOOR
    if floor == 0:
        return 0.0
    apart = 10 * np.log10(np.maximum(first, floor) / np.maximum(second, floor))
    return float(np.mean(np.sqrt(np.mean(np.square(apart), axis=1))))


def _power(audio: Array) -> Array:
    """Power spectra [time, frequency] under a Hann window."""
    padded = np.pad(audio, (0, max(_WINDOW - audio.size, -(audio.size - _WINDOW) % _HOP)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power: Array = np.square(np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)))
    return power


def worst(distances: Iterable[Distance]) -> Distance | None:
    """The one with the largest relative error, a fault before all."""
    return max(distances, key=lambda found: (found.fault is not None, found.relative), default=None)

"""Measures how far apart two arrays of one port are.

    max abs    largest |a - b|
    relative   max abs over the largest |b|
    RMS        root of the mean of (a - b)^2
    SNR        10 log10 of the energy of b over that of a - b [dB]; infinite where they are equal
    from       first index along the axis of time where |a - b| passes the tolerance's share of the largest |b|

Lengths may differ where a graph pads: what one array has beyond the other has to be padding, 0 or, of a mask, True.
A caller adds metrics for ports of certain types, such as the distance of two spectra for audio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.runtime.values import spell
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from runner.inspect.tolerance import Tolerance
    from runner.runtime.values import Array
    from stages.contract import Type

_SHOWN = 20  # characters of a text that are shown where it differs
_DIVERGED = 1e-4  # of the largest value, where no tolerance says otherwise


@dataclass(frozen=True)
class Metric:
    """A distance that is measured at ports of certain types only.

    Attributes:
        name: key of the figure in JSON.
        title: column of the figure in tables.
        applies: whether it is measured at a port of a type.
        measure: gives the figure for two float64 arrays of one shape.
    """

    name: str
    title: str
    applies: Callable[[TensorType], bool]
    measure: Callable[[Array, Array], float]


@dataclass(frozen=True)
class Distance:
    """The distance of the two arrays of a port.

    Attributes:
        shapes: of the two arrays, with their dtypes; None where one side has no such port.
        first: where they diverge: the dim and the index along it, as in ('frames', 31).
        extra: figures of the metrics that apply to the port, by the metric's name.
        fault: why they cannot be compared as a whole; the figures then cover what both have.
    """

    port: str
    shapes: tuple[str | None, str | None]
    max_abs: float = math.nan
    relative: float = math.nan
    rms: float = math.nan
    snr_db: float = math.nan
    first: tuple[str, int] | None = None
    extra: Mapping[str, float] = field(default_factory=dict)
    fault: str | None = None

    def table(self, metrics: Sequence[Metric] = ()) -> dict[str, Any]:
        """Give the distance as JSON; a figure that is infinite or missing is null."""
        numbers = {name: _finite(getattr(self, name)) for name in ("max_abs", "relative", "rms", "snr_db")}
        numbers |= {metric.name: _finite(self.extra.get(metric.name)) for metric in metrics}
        first = self.first and {"dim": self.first[0], "index": self.first[1]}
        equal = self.fault is None and self.max_abs == 0
        return {
            "port": self.port, "a": self.shapes[0], "b": self.shapes[1], "equal": equal, **numbers, "first": first,
            "fault": self.fault,
        }  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def measure(
    port: str,
    type_: Type,
    a: Array | str,
    b: Array | str,
    *,
    times: Collection[str],
    tolerance: Tolerance | None = None,
    metrics: Sequence[Metric] = (),
) -> Distance:
    """Measure the distance of `a` from `b`, which is what it should be.

    Args:
        type_: of the port.
        times: the dims along which time passes, such as text and frames.
        tolerance: decides where they diverge.
        metrics: to be measured too, where they apply to the type.
    """
    shapes = (spell(a), spell(b))
    if isinstance(a, str) or isinstance(b, str):
        return _compare_texts(port, shapes, a, b)
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
    return Distance(
        port,
        shapes,
        max_abs=largest,
        relative=largest / top if top else (math.inf if largest else 0.0),
        rms=float(np.sqrt(np.mean(np.square(error)))),
        snr_db=_snr(exact, error),
        first=_first(type_, error > share * top, times),
        extra={metric.name: metric.measure(got, exact) for metric in metrics if metric.applies(type_)},
        fault=fault,
    )


def _compare_texts(port: str, shapes: tuple[str, str], a: Array | str, b: Array | str) -> Distance:
    """Compare two texts: they are equal, or their first different character is told."""
    if not (isinstance(a, str) and isinstance(b, str)):
        return Distance(port, shapes, fault="one is a text, the other is not")
    if a == b:
        return Distance(port, shapes, 0.0, 0.0, 0.0, math.inf)
    pairs = enumerate(zip(a, b, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(a), len(b)))
    one, other = (ascii(text[at : at + _SHOWN]) for text in (a, b))
    return Distance(port, shapes, fault=f"the texts differ from character {at + 1} on: {one} against {other}")


def _unlike(a: Array, b: Array) -> str | None:
    """Say why arrays of different sizes do not differ by padding alone; None if they do."""
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
    """The first index along the axis of time, in units of its dim, where the arrays are apart."""
    axes = [axis for axis, dim in enumerate(type_.dims) if dim.name in times]
    if not axes or not apart.any():
        return None
    dim = type_.dims[axes[-1]]
    others = tuple(axis for axis in range(apart.ndim) if axis != axes[-1])
    return str(dim.name), int(np.argmax(apart.any(axis=others))) // dim.factor

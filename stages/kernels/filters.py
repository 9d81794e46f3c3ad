"""The choice of a form for the convolutions that may run by minimal filtering.

    measured on this CPU (`kokoro-run tune`)   >   measured for a CPU of LLVM's name (`filter_table`)   >   a rule

`python -m benchmarks.bench --only filters` measures the models' shapes and rewrites the rows of its CPU in
`filter_table`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from tvm.target import Target

from stages.kernels.candidates import Filtering
from stages.kernels.filter_table import CHOSEN
from stages.kernels.simd import Simd
from stages.kernels.winograd import TILES


class Form(NamedTuple):
    """F(m, r), and the tiles of a block, about (`Winograd.of` rounds them)."""

    m: int
    r: int
    tiles: int = TILES

    @property
    def filtering(self) -> Filtering:
        """The (m, r) of F(m, r)."""
        return self.m, self.r


Shape = tuple[int, int, int, int]
"""The inputs, outputs, taps and dilation of a convolution of stride 1."""

Forms = Mapping[Shape, Form | None]
"""The form of each shape that was measured; None is the direct sum."""

_MEASURED: ContextVar[Forms] = ContextVar("measured")


def make_forms(rows: Iterable[tuple[int, int, int, int, tuple[int, int, int] | None]]) -> Forms:
    """Make forms of rows: inputs, outputs, taps and dilation, then m, r and tiles or None."""
    return {(*shape,): None if form is None else Form(*form) for *shape, form in rows}


@contextmanager
def prefer_forms(forms: Forms) -> Iterator[None]:
    """Hold `forms` before those of `filter_table` and the rule, for what is made inside."""
    token = _MEASURED.set(forms)
    try:
        yield
    finally:
        _MEASURED.reset(token)


def choose(inputs: int, outputs: int, taps: int, dilation: int, target: Target | None = None) -> Form | None:
    """Return the form of a convolution of stride 1 on `target`, by default the current one; None for the direct sum."""
    shape, measured = (inputs, outputs, taps, dilation), _MEASURED.get({})
    if shape in measured:
        return measured[shape]
    rows = CHOSEN.get(cpu_name(target or Target.current(allow_none=False)), {})
    row = rows.get(shape, _rule(taps))
    return None if row is None else Form(*row)


def cpu_name(target: Target) -> str:
    """Return LLVM's name of the CPU and the lanes of its vectors, under which `filter_table` has its rows."""
    return f"{target.attrs.get('mcpu', 'generic')}, {Simd.of(target).lanes} lanes"


def _rule(taps: int) -> Filtering:
    """Return F(6, 3) for up to three taps, F(4, 7) for up to seven, F(5, 6) in chunks for more.

    On every CPU measured so far these are at least as fast as the direct sum.
    """
    return (6, 3) if taps <= 3 else (4, 7) if taps <= 7 else (5, 6)

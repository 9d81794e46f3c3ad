"""Which convolutions run by minimal filtering, and by which F(m, r): what was measured on this CPU, else a rule.

`python -m benchmarks.bench --only filters` measures the models' shapes and rewrites the rows of its CPU in
`filter_table`.
"""

from __future__ import annotations

from tvm.target import Target

from stages.kernels.filter_table import CHOSEN
from stages.kernels.simd import Simd
from stages.kernels.winograd import Filtering

# With n = m + r - 1 points at most ten: more lose digits fast (decision 0007).
CANDIDATES: dict[int, tuple[Filtering, ...]] = {
    3: ((2, 3), (4, 3), (6, 3), (8, 3)),
    7: ((5, 4), (4, 7)),
    11: ((5, 4), (5, 6)),
}
"""Taps -> what may be worth its while; the direct sum always may."""


def chosen(inputs: int, outputs: int, taps: int, dilation: int, target: Target | None = None) -> Filtering | None:
    """(m, r) for a convolution of stride 1 on `target`, by default the current one; None for the direct sum."""
    rows = CHOSEN.get(name_of(target or Target.current(allow_none=False)), {})
    return rows.get((inputs, outputs, taps, dilation), _usual(taps))


def name_of(target: Target) -> str:
    """LLVM's name of the CPU and the lanes of its vectors, under which `filter_table` has its rows."""
    return f"{target.attrs.get('mcpu', 'generic')}, {Simd.of(target).lanes} lanes"


def _usual(taps: int) -> Filtering:
    """F(6, 3) for three taps, F(4, 7) for up to seven, F(5, 6) in chunks for more: on every CPU seen so far at least as
    fast as the direct sum."""
    return (6, 3) if taps <= 3 else (4, 7) if taps <= 7 else (5, 6)

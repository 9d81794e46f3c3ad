"""The choice of F(m, r) for the convolutions that may run by minimal filtering: measured on this CPU, else by a rule.

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
"""The filterings that are measured for a number of taps, beside the direct sum."""


def choose(inputs: int, outputs: int, taps: int, dilation: int, target: Target | None = None) -> Filtering | None:
    """Return (m, r) for a convolution of stride 1 on `target`, by default the current one; None for the direct sum."""
    rows = CHOSEN.get(cpu_name(target or Target.current(allow_none=False)), {})
    return rows.get((inputs, outputs, taps, dilation), _rule(taps))


def cpu_name(target: Target) -> str:
    """Return LLVM's name of the CPU and the lanes of its vectors, under which `filter_table` has its rows."""
    return f"{target.attrs.get('mcpu', 'generic')}, {Simd.of(target).lanes} lanes"


def _rule(taps: int) -> Filtering:
    """Return F(6, 3) for up to three taps, F(4, 7) for up to seven, F(5, 6) in chunks for more.

    On every CPU measured so far these are at least as fast as the direct sum.
    """
    return (6, 3) if taps <= 3 else (4, 7) if taps <= 7 else (5, 6)

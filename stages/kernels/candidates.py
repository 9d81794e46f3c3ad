"""The filterings that a convolution may have, by its number of taps. Never imports TVM.

With n = m + r - 1 points at most ten: more lose digits fast (decision 0007).
"""

from __future__ import annotations

Filtering = tuple[int, int]
"""(m, r) of F(m, r)."""

CANDIDATES: dict[int, tuple[Filtering, ...]] = {
    3: ((2, 3), (4, 3), (6, 3), (8, 3)),
    7: ((5, 4), (4, 7)),
    11: ((5, 4), (5, 6)),
}
"""The filterings that are measured for a number of taps, beside the direct sum."""

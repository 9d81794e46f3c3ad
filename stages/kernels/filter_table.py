"""Written by `python -m benchmarks.bench --only filters`; see `filters`.

A CPU by LLVM's name, and its lanes -> (inputs, outputs, taps, dilation) -> (m, r) of F(m, r), None for the direct sum.
"""

from __future__ import annotations

CHOSEN: dict[str, dict[tuple[int, int, int, int], tuple[int, int] | None]] = {}

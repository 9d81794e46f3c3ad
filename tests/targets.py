"""TVM's targets for x86-64 by the name of a processor, on any machine that compiles.

Without a triple LLVM takes the name for a processor of the machine's own kind: on arm64 it knows no `haswell`.
"""

from __future__ import annotations

from typing import Any

_TRIPLE = "x86_64-unknown-linux-gnu"


def x86(cpu: str, **fields: Any) -> dict[str, Any]:
    """Make the fields of a target for an x86-64 processor."""
    return {"kind": "llvm", "mtriple": _TRIPLE, "mcpu": cpu, **fields}

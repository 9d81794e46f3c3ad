"""Which implementation of a computation a target gets, and which layout its parameters have there.

    kernels      loop nests written for a CPU's vector registers: for targets of LLVM
    operators    tensor expressions, thread loops and Relax operators: for every other target

The convolution kernels that multiply in bfloat16 (`kernels.bfloat16`) serve targets with `bf16` among their `keys`.
A target with `operators` among its `keys` gets the operators from LLVM too, which is slow and serves tests.

Every function reads the current target, which is set while a stage is exported.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tvm.target import Target

from stages.kernels import simd
from stages.kernels.bfloat16 import TILES, bf16_instructions

OPERATORS = "operators"

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def uses_kernels(target: Target | None = None) -> bool:
    """Return whether the kernels serve `target`, by default the current one."""
    target = target or Target.current(allow_none=False)
    return target.kind.name == "llvm" and OPERATORS not in target.keys


def by_target(kernel: Callable[Parameters, Result], operator: Callable[..., Any]) -> Callable[Parameters, Result]:
    """Return a function that calls `kernel` or `operator`, as the target of the call requires.

    Both have the same parameters; the result has the signature and the docstring of `kernel`.
    """

    @functools.wraps(kernel)
    def computation(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return (kernel if uses_kernels() else operator)(*args, **kwargs)

    return computation


def in_bf16() -> bool:
    """Return whether convolutions and matrix products multiply in bfloat16 where a layer allows it.

    Raises:
        ValueError: the target asks for bfloat16, and its CPU lacks the instructions.
    """
    return uses_kernels() and bf16_instructions() is not None


def filtering_pays() -> bool:
    """Return whether long convolutions run by minimal filtering, in float32.

    They do on a target that asks for bfloat16 too, unless AMX multiplies: AVX512-BF16 computes at most twice the
    products of FMA in the same time, and minimal filtering saves more products than that.
    """
    return uses_kernels() and bf16_instructions() != TILES


def padded(channels: int) -> int:
    """Return the number of channels that an activation has in memory: whole vectors for the kernels."""
    return simd.padded(channels) if uses_kernels() else channels


def panel(columns: int) -> int:
    """Return how many columns of a convolution's packed weights are neighbours: a register tile's, or all `columns`."""
    return simd.Simd.of().panel if uses_kernels() else columns

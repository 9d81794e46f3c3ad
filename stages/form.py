"""In which form a computation is compiled: the one place that decides.

    kernels      written by hand for a CPU's registers, where the target is LLVM's
    operators    tensor expressions, thread loops and Relax operators, for every other target

Among the kernels, those of `bfloat16` are taken where `bf16` is among the target's `keys`.
The target is the current one when a stage is exported. A device kind whose target has `operators` among its `keys`
gets the second form from LLVM too: for tests, since it is slow there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tvm.target import Target

from stages.kernels.bfloat16 import TILES, bf16_form
from stages.kernels.simd import Simd
from stages.kernels.simd import padded as padded_by_hand

OPERATORS = "operators"

Computation = TypeVar("Computation", bound=Callable[..., Any])


def by_hand(target: Target | None = None) -> bool:
    """Whether `target`, by default the current one, is served by the kernels."""
    target = target or Target.current(allow_none=False)
    return target.kind.name == "llvm" and OPERATORS not in target.keys


def either(kernel: Computation, operator: Callable[..., Any]) -> Computation:
    """The one of two functions of equal signature that suits the target of the call."""

    @functools.wraps(kernel)
    def form(*args: Any, **kwargs: Any) -> Any:
        return (kernel if by_hand() else operator)(*args, **kwargs)

    return cast("Computation", form)


def in_bf16() -> bool:
    """Whether the current target's convolutions and matrix products are in bfloat16, where a layer allows it.

    Raises:
        ValueError: they are to be, and the CPU lacks the instructions.
    """
    return by_hand() and bf16_form() is not None


def filtering_pays() -> bool:
    """Whether the current target's long convolutions are by minimal filtering, in float32.

    Where bfloat16 is wanted, too, unless AMX multiplies: AVX512-BF16 has twice the products of FMA at the most, minimal
    filtering saves more of them.
    """
    return by_hand() and bf16_form() != TILES


def padded(channels: int) -> int:
    """Channels of an activation as it lies in memory: whole vectors for the kernels."""
    return padded_by_hand(channels) if by_hand() else channels


def panel(columns: int) -> int:
    """Neighbouring columns of a convolution's packed weights: those of a register tile, or all `columns`."""
    return Simd.of().panel if by_hand() else columns

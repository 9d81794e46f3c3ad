"""Loops whose iterations are a GPU's threads; on a target without threads, plain loops.

The second kind serves tests: what runs on a CPU is the GPU's code but for these loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tvm.target import Target
from tvm.tirx.script import builder as T

from stages.kernels.simd import Expr, blocks, let, when

_BLOCK = 128  # threads of a block: no device has fewer


@contextmanager
def threads(count: Expr | int) -> Iterator[Expr]:
    """`count` independent iterations, one a thread."""
    if not has_threads():
        with T.parallel(count) as i:
            yield i
        return
    grid = T.thread_binding(blocks(count, _BLOCK), thread="blockIdx.x")
    with grid as block, T.thread_binding(_BLOCK, thread="threadIdx.x") as thread:
        i = let(T.Cast("int64", block) * _BLOCK + T.Cast("int64", thread))
        with when(i < count):
            yield i


@contextmanager
def teams(count: int) -> Iterator[Expr]:
    """`count` blocks of threads, each with memory of its own (`shared`)."""
    with T.thread_binding(count, thread="blockIdx.x") if has_threads() else T.serial(count) as i:
        yield i


@contextmanager
def members(count: int) -> Iterator[Expr]:
    """The `count` threads of a team; TVM puts a barrier between what some of them write and others read."""
    with T.thread_binding(count, thread="threadIdx.x") if has_threads() else T.serial(count) as i:
        yield i


def shared() -> str:
    """Scope of memory that the members of a team share."""
    return "shared" if has_threads() else "global"


def most_members() -> int:
    """Threads that a team may have at most."""
    target = Target.current(allow_none=False)
    return int(target.attrs["max_num_threads"]) if has_threads() else 1 << 31


def has_threads() -> bool:
    """Whether the current target is a GPU."""
    return "gpu" in Target.current(allow_none=False).keys

"""Loops whose iterations are a GPU's threads; on a target without threads, plain loops.

Plain loops serve tests: apart from them, a CPU runs the GPU's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tvm.target import Target
from tvm.tirx.script import builder as T

from stages.kernels.simd import Expr, Index, blocks, let, when

_BLOCK = 128  # threads of a block: every device allows as many


@contextmanager
def threads(count: Index) -> Iterator[Expr]:
    """Run `count` independent iterations, one a thread."""
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
def thread_blocks(count: int) -> Iterator[Expr]:
    """Run `count` blocks of threads, each with memory of its own (`shared_scope`)."""
    with T.thread_binding(count, thread="blockIdx.x") if has_threads() else T.serial(count) as i:
        yield i


@contextmanager
def block_threads(count: int) -> Iterator[Expr]:
    """Run the `count` threads of a block. TVM puts a barrier between writes of some and reads of others."""
    with T.thread_binding(count, thread="threadIdx.x") if has_threads() else T.serial(count) as i:
        yield i


def shared_scope() -> str:
    """Return the scope of memory that the threads of a block share."""
    return "shared" if has_threads() else "global"


def max_block_threads() -> int:
    """Return how many threads a block may have at most."""
    target = Target.current(allow_none=False)
    return int(target.attrs["max_num_threads"]) if has_threads() else 1 << 31


def has_threads() -> bool:
    """Return whether the current target is a GPU."""
    return "gpu" in Target.current(allow_none=False).keys

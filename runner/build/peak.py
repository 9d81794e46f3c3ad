"""Measures the limits of the processor and of the memory, which a kernel's speed is compared with.

    fma     each thread runs chains of fused multiply-adds in registers, as many as hide their latency; the sums are
            written once, at the end, so that the compiler cannot leave them out
    copy    each thread copies its part of an array that no cache holds

Both are kernels that are compiled for the CPU of this machine, so this module imports TVM's compiler.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import tirx
from tvm.target import codegen
from tvm.tirx.script import builder as T

from runner.build.targets import resolve_target
from runner.runtime.tensors import put
from runner.runtime.threads import use_threads
from stages.kernels.simd import Simd, arg, kernel, load, registers, splat, store

_STEPS = 4_000_000
_ROUNDS = 9
_COPIED = 2**24  # elements, 64 MiB: more than the largest caches of most processors, and there are two such arrays
_ROW = 1024  # elements that are copied in one turn of a loop


@dataclass(frozen=True)
class Peak:
    """The limits on a number of threads.

    Attributes:
        cpu: LLVM's name of the processor.
        gflops: float32 operations a second, in 10^9; a fused multiply-add is two.
        gbytes_s: bytes a second that a copy reads and writes, in 10^9.
    """

    cpu: str
    gflops: float
    gbytes_s: float


def measure_peak(threads: int) -> Peak:
    """Measure both, each the fastest of some rounds."""
    target = resolve_target({"kind": "llvm", "mcpu": "native"})
    simd = Simd.of(target)
    chains = 24 if simd.lanes == 16 else 12  # of 32 or 16 registers; two units with a latency of four need eight
    rows = _COPIED // (threads * _ROW)
    functions = {"fma": _multiply_add(simd, chains, threads), "copy": _copy(simd, threads, rows)}
    library = tvm.compile(tvm.IRModule(functions), target=target)
    use_threads(threads)
    fma = _fastest(library["fma"], (threads, chains * simd.lanes))
    copy = _fastest(library["copy"], (threads, rows, _ROW))
    operations, copied = 2 * threads * chains * simd.lanes * _STEPS, 2 * 4 * threads * rows * _ROW
    return Peak(str(codegen.llvm_get_system_cpu()), 1e-9 * operations / fma, 1e-9 * copied / copy)


def _fastest(function: Callable[..., object], shape: tuple[int, ...]) -> float:
    """Call a kernel with an array and one for its result; gives the shortest time [s]."""
    start = np.full(shape, 0.5, np.float32)
    given, out = (put(array) for array in (start, np.zeros_like(start)))
    seconds: list[float] = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        function(given, out)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _multiply_add(simd: Simd, chains: int, threads: int) -> tirx.PrimFunc:
    """x <- x * f + s, _STEPS times, in each lane of each chain."""
    lanes = simd.lanes
    with kernel("fma") as function:
        given, out = arg("given", (threads, chains * lanes)), arg("out", (threads, chains * lanes))
        with T.parallel(threads) as thread:
            sums = registers((chains * lanes,))
            for i in range(chains):
                store(sums, load(given, thread, i * lanes, lanes=lanes), i * lanes, lanes=lanes)
            with T.serial(_STEPS):
                for i in range(chains):
                    value: Any = load(sums, i * lanes, lanes=lanes)
                    store(sums, value * splat(0.999, lanes) + splat(0.001, lanes), i * lanes, lanes=lanes)
            for i in range(chains):
                store(out, load(sums, i * lanes, lanes=lanes), thread, i * lanes, lanes=lanes)
    return function.get()


def _copy(simd: Simd, threads: int, rows: int) -> tirx.PrimFunc:
    """out <- given, a row after the other, by vectors."""
    lanes = simd.lanes
    with kernel("copy") as function:
        given, out = arg("given", (threads, rows, _ROW)), arg("out", (threads, rows, _ROW))
        with T.parallel(threads) as thread, T.serial(rows) as row, T.serial(_ROW // lanes) as part:
            store(out, load(given, thread, row, part * lanes, lanes=lanes), thread, row, part * lanes, lanes=lanes)
    return function.get()

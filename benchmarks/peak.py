"""The processor's own limit: fused multiply-adds per second of a loop that touches no memory.

Each thread runs CHAINS independent chains of vector multiply-adds, as many as hide their latency, in registers. The
sums are written once, at the end, so that the compiler cannot leave them out.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import tvm
from tvm import tirx
from tvm.tirx.script import builder as T

from runner.build.targets import resolve_target
from runner.runtime.tensors import put
from runner.runtime.threads import use_threads
from stages.kernels.simd import Simd, arg, kernel, load, registers, splat, store

STEPS = 4_000_000
ROUNDS = 9


def peak_gflops(threads: int) -> float:
    """The fastest of ROUNDS measurements on `threads` threads [GFLOP/s, float32; an FMA is two operations]."""
    target = resolve_target({"kind": "llvm", "mcpu": "native"})
    simd = Simd.of(target)
    chains = 24 if simd.lanes == 16 else 12  # of 32 or 16 registers; two units with a latency of four need eight
    library = tvm.compile(tvm.IRModule({"fma": _loop(simd, chains, threads)}), target=target)
    width = chains * simd.lanes
    start = np.full((threads, width), 0.5, np.float32)
    given, out = (put(array) for array in (start, np.empty_like(start)))
    use_threads(threads)
    seconds: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        library["fma"](given, out)
        seconds.append(time.perf_counter() - began)
    return 2e-9 * threads * width * STEPS / min(seconds)


def _loop(simd: Simd, chains: int, threads: int) -> tirx.PrimFunc:
    """x <- x * f + s, STEPS times, in each lane of each chain."""
    lanes = simd.lanes
    with kernel("fma") as function:
        given, out = arg("given", (threads, chains * lanes)), arg("out", (threads, chains * lanes))
        with T.parallel(threads) as thread:
            sums = registers((chains * lanes,))
            for i in range(chains):
                store(sums, load(given, thread, i * lanes, lanes=lanes), i * lanes, lanes=lanes)
            with T.serial(STEPS):
                for i in range(chains):
                    value: Any = load(sums, i * lanes, lanes=lanes)
                    store(sums, value * splat(0.999, lanes) + splat(0.001, lanes), i * lanes, lanes=lanes)
            for i in range(chains):
                store(out, load(sums, i * lanes, lanes=lanes), thread, i * lanes, lanes=lanes)
    return function.get()

"""Fixtures for the tests of kernels: targets of three vector widths, a compiler, and a number of threads.

A test that takes `compile_kernel` runs once for each target that this machine can execute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tvm
from numpy.typing import NDArray
from tvm.target import Target

from runner.runtime import devices
from runner.runtime.threads import use_threads
from stages.kernels.simd import Simd
from tests.targets import x86

Array = NDArray[Any]
Arrays = list[Array]
CompiledKernel = Callable[..., Arrays]
CompileKernel = Callable[[Callable[[Simd], "tvm.tirx.PrimFunc"]], CompiledKernel]

TARGETS = {
    "avx512": x86("x86-64-v4", **{"opt-level": 3}),
    "avx2": x86("haswell", **{"opt-level": 3}),
    "generic": {"kind": "llvm", "opt-level": 3},
}
NEEDED_FEATURES = {"avx512": ["avx512f", "avx512vl", "avx512dq", "avx512bw"], "avx2": ["avx2", "fma"], "generic": []}
LANES = {"avx512": 16, "avx2": 8, "generic": 4}


@pytest.fixture(scope="session", params=list(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    """A CPU target of each vector width; skipped where this machine cannot run it."""
    lacking = devices.missing_features(NEEDED_FEATURES[request.param])
    if lacking:
        pytest.skip(f"this machine's CPU lacks {', '.join(lacking)}")
    chosen = Target(TARGETS[request.param])
    assert Simd.of(chosen).lanes == LANES[request.param]
    return chosen


@pytest.fixture(scope="session")
def compile_kernel(target: Target) -> CompileKernel:
    """`compile_kernel(lambda simd: name_kernel(..., simd))` gives `run(*inputs, outputs=[...], threads=1) -> outputs`.

    Inputs and outputs are copied to aligned tensors, in the kernel's order, and numbers are given as they are; a test
    gives what the outputs hold before.
    """

    def compile_kernel(make: Callable[[Simd], tvm.tirx.PrimFunc]) -> CompiledKernel:
        function = make(Simd.of(target))
        name = str(function.attrs["global_symbol"])
        library = tvm.compile(tvm.IRModule({name: function}), target=target)

        def run(*inputs: Array | int, outputs: Arrays, threads: int = 1) -> Arrays:
            use_threads(threads)
            given = [each if isinstance(each, int) else tvm.runtime.tensor(each) for each in inputs]
            results = [tvm.runtime.tensor(array) for array in outputs]
            library[name](*given, *results)
            return [tensor.numpy() for tensor in results]

        return run

    return compile_kernel

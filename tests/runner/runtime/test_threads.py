"""The number of threads that kernels run on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tvm
from tvm.script import tirx as T

from runner.errors import RunError
from runner.runtime.process import load_ffi
from runner.runtime.threads import use_threads


def test_use_threads_takes_effect_each_time() -> None:
    for count in (2, 1, 2):
        use_threads(count)
        assert load_ffi().get_global_func("runtime.NumThreads")() == count


def test_use_threads_refuses_none() -> None:
    with pytest.raises(RunError, match="threads: 0, but at least 1 is needed"):
        use_threads(0)


@T.prim_func  # type: ignore[untyped-decorator]
def note_threads(found: T.Buffer((2,), "uint64")) -> None:  # type: ignore[valid-type]
    for task in T.parallel(2):
        found[task] = T.call_extern("uint64", "pthread_self")


def test_each_thread_keeps_its_own_number_of_threads() -> None:
    target = tvm.target.Target({"kind": "llvm"})
    library = tvm.compile(tvm.IRModule({"note_threads": note_threads}), target=target)

    def count_threads() -> int:
        found = tvm.runtime.tensor(np.zeros(2, np.uint64))
        library["note_threads"](found)
        return len(set(found.numpy().tolist()))

    def two_beside_one() -> int:
        use_threads(2)
        with ThreadPoolExecutor(1, initializer=lambda: use_threads(1)) as other:
            assert other.submit(count_threads).result() == 1
        return count_threads()

    before = os.environ.get("TVM_NUM_THREADS")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(two_beside_one).result() == 2
    assert os.environ.get("TVM_NUM_THREADS") == before

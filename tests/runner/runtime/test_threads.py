"""The number of threads that kernels run on."""

from __future__ import annotations

import pytest

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

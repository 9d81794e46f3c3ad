"""Times of the kernels of a library: which calls are told of, with which arguments, and how often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError
from runner.runtime.kernel_times import KernelTimer
from runner.runtime.library import Library
from tests.runner.runtime.test_library import weights

TEXT = 5
INPUTS = [np.arange(TEXT)[None], np.zeros((1, TEXT), bool)]


@pytest.fixture
def library(toy_library: Path) -> Library:
    return Library(toy_library, "scaled_forward", weights=weights(2.0))


def test_every_kernel_has_its_arguments_and_a_time_for_each_round(library: Library) -> None:
    calls, whole = KernelTimer(library, ["w"]).time(INPUTS, 3)
    assert calls
    assert not [call.kernel for call in calls if call.kernel.startswith("vm.") or call.kernel[-1].isdigit()]
    assert {len(call.seconds) for call in calls} == {len(whole)} == {3}
    assert all(second > 0 for call in calls for second in (*call.seconds, *whole))
    arguments = [argument for call in calls for argument in call.arguments]
    assert {(argument.shape, argument.bytes) for argument in arguments} >= {
        ((1, TEXT), 8 * TEXT),
        ((1, TEXT), 4 * TEXT),
    }
    assert {argument.weight for argument in arguments} == {None, "w"}


def test_watched_calls_leave_the_results_as_they_are(library: Library) -> None:
    before = library(INPUTS)
    KernelTimer(library, ["w"]).time(INPUTS, 1)
    for was, now in zip(before, library(INPUTS), strict=True):
        np.testing.assert_array_equal(was, now)


def test_inputs_that_the_library_refuses_are_an_error(library: Library) -> None:
    with pytest.raises(RunError, match=r"scaled_forward of .* failed"):
        KernelTimer(library, ["w"]).time([INPUTS[0].astype(np.float32), INPUTS[1]], 1)

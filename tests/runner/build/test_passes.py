"""The order of the stores of a shape function; that of TVM changes from process to process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tvm
import tvm_ffi
from tvm import tirx
from tvm.target import Target

from runner.build import passes
from runner.build.export import export
from stages.dims import ModelDims
from tests.runner import small_model

ANY_CPU = {"kind": "llvm", "mcpu": "generic"}


def function_of(*stores: tuple[int, Callable[[Any], Any]]) -> tirx.PrimFunc:
    """Make a function that stores a value computed from a heap into each slot of it."""
    heap = tirx.decl_buffer((4,), "int64", name="heap")
    body = [tirx.BufferStore(heap, value(heap), [slot]) for slot, value in stores]
    return tirx.PrimFunc([heap], tirx.SeqStmt(body))


INDEPENDENT = function_of((3, lambda heap: heap[0] * 2), (1, lambda heap: heap[0] + 5), (2, lambda heap: heap[0]))
DEPENDENT = function_of((2, lambda heap: heap[0]), (1, lambda heap: heap[2]))


def sorted_function(name: str, function: tirx.PrimFunc) -> tirx.PrimFunc:
    return passes.sort_shape_stores(tvm.IRModule({name: function}))[name]


def slots(function: tirx.PrimFunc) -> list[int]:
    """List the slots that a function stores to, in its order."""
    return [int(store.indices[0]) for store in function.body.seq]


def test_stores_of_a_shape_function_are_sorted_by_slot() -> None:
    before = {int(store.indices[0]): store for store in INDEPENDENT.body.seq}
    after = sorted_function("shape_func1", INDEPENDENT)
    assert slots(after) == [1, 2, 3]
    assert all(tvm_ffi.structural_equal(store, before[int(store.indices[0])]) for store in after.body.seq)


def test_stores_that_read_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="shape_func: the order of its stores matters"):
        sorted_function("shape_func", DEPENDENT)


def test_kernels_keep_the_order_of_their_stores() -> None:
    assert slots(sorted_function("scale", INDEPENDENT)) == [3, 1, 2]


@pytest.mark.parametrize("stage", ["bert", "duration", "f0n", "text_encoder", "decoder"])
def test_every_shape_function_of_a_stage_stores_in_the_order_of_its_slots(stage: str) -> None:
    target = Target(ANY_CPU)
    module, _, _ = export(f"stages.{stage}", f"{stage}_forward", ModelDims.from_config(small_model.sizes()), target)
    with target:
        lowered: tvm.IRModule = passes.pipeline(target)(module)
    found = [f for name, f in lowered.functions.items() if name.name_hint.startswith("shape_func")]
    assert found != []
    for function in found:
        assert slots(function) == sorted(slots(function))

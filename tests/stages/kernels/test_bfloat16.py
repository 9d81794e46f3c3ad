"""Cases that can break products in bfloat16: rounding that is not to the nearest; pairs of channels the wrong way
round; an odd or partial last pair, with NaN behind it; tiles of 32 rows and their halves; taps, strides, dilation and
phases through a tile's pointers; another thread or capacity. Both kinds of instructions, each where the processor has
them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import tvm
from tvm.target import Target, codegen
from tvm.tirx import PrimFunc

from runner.runtime import amx, devices
from runner.runtime.threads import use_threads
from stages.kernels.bfloat16 import AMX, BF16, PAIRS, TILES, bf16_conv1d_kernel, bf16_instructions, pack_words
from stages.kernels.convolution import Conv
from stages.kernels.simd import Simd
from stages.layers.packing import pack_columns
from tests.stages.kernels.conftest import Array, Arrays
from tests.stages.kernels.test_conv1d import CASES as EXACT_CASES
from tests.stages.kernels.test_conv1d import (
    Case,
    Convolution,
    Operands,
    apply_prologue,
    assert_same_for_any_capacity_and_threads,
    compute_in_float64,
    make_operands,
    pack,
)
from tests.targets import x86

# Around half a tile (7 and 16 rows), a tile (14 and 32) and a block (112 and 128) of either kind of instructions.
EDGES = (1, 7, 8, 14, 15, 16, 17, 32, 33, 112, 113, 128, 129, 150, 270)
CASES = EXACT_CASES | {
    "matrix product": Case(Conv(64, 50), lengths=EDGES),
    "odd inputs": Case(Conv(33, 32, 3, padding=1, statistics=True), lengths=EDGES),
    "inputs of one vector and a half": Case(Conv(56, 64, 5, dilation=2, padding=4, norm=True, leaky=0.1)),
}
FEATURES = {PAIRS: (PAIRS,), TILES: (PAIRS, *AMX)}


def round_to_bfloat16(values: Array) -> Array:
    """Round to the nearest bfloat16, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    low, high = bits & 0xFFFF, bits >> 16
    up = (low > 0x8000) | ((low == 0x8000) & (high & 1 == 1))
    return ((high + up) << 16).astype(np.uint32).view(np.float32)


@pytest.fixture(scope="module", params=[PAIRS, TILES])
def instructions(request: pytest.FixtureRequest) -> str:
    lacking = devices.missing_features(FEATURES[request.param])
    if lacking:
        pytest.skip(f"this machine's CPU lacks {', '.join(lacking)}")
    if request.param == TILES and amx.request_permission():
        pytest.skip(f"this system does not let a process use AMX: {amx.request_permission()}")
    return str(request.param)


@pytest.fixture(scope="module")
def bf16_target(instructions: str) -> Target:
    added = [f"+{feature}" for feature in FEATURES[instructions]]
    target = Target(x86("x86-64-v4", keys=[BF16, "cpu"], mattr=added, **{"opt-level": 3}))
    assert bf16_instructions(target) == instructions
    return target


class Bf16Convolution(Convolution):
    """A convolution in bfloat16, compiled for one kind of instructions."""

    def __init__(self, case: Case, target: Target, instructions: str) -> None:
        self.case, self.simd, self.instructions = case, Simd.of(target), instructions
        self.block = 128 if instructions == TILES else self.simd.block
        library = tvm.compile(tvm.IRModule({"conv1d": self.emit(self.simd)}), target=target)

        def run(*inputs: Array | int, outputs: Arrays, threads: int = 1) -> Arrays:
            use_threads(threads)
            given = [each if isinstance(each, int) else tvm.runtime.tensor(each) for each in inputs]
            results = [tvm.runtime.tensor(array) for array in outputs]
            library["conv1d"](*given, *results)
            return [tensor.numpy() for tensor in results]

        self._run = run

    def emit(self, simd: Simd) -> PrimFunc:
        return bf16_conv1d_kernel(self.case.conv, self.case.rows_in, self.case.rows_out, simd, self.instructions)

    def weights(self, operands: Operands) -> list[Array]:
        weight, bias = pack(self.case.conv, operands, self.simd.panel)
        return [pack_words(weight), bias]


@pytest.fixture(scope="module")
def convolutions(bf16_target: Target, instructions: str) -> Callable[[str], Bf16Convolution]:
    """Compile a case by name, once."""
    return functools.cache(lambda name: Bf16Convolution(CASES[name], bf16_target, instructions))


@pytest.fixture(params=list(CASES))
def convolution(request: pytest.FixtureRequest, convolutions: Callable[[str], Bf16Convolution]) -> Bf16Convolution:
    return convolutions(request.param)


def test_conv_equals_the_formula_of_rounded_operands(convolution: Bf16Convolution) -> None:
    """The input of the product is rounded behind the prologue, whose own last bits decide a rounding here and there."""
    case = convolution.case
    plain = Case(case.conv, case.rows_in, case.rows_out)
    for length in case.lengths:
        operands = make_operands(case, length)
        inputs = apply_prologue(case.conv, operands)
        rounded = operands._replace(
            x=round_to_bfloat16(inputs.astype(np.float32)), weight=round_to_bfloat16(operands.weight)
        )
        without_prologue = plain._replace(conv=_without_prologue(case.conv))
        expected = compute_in_float64(without_prologue, rounded)
        # half a unit in the last place, 2^-9 of the input, wherever a rounding went the other way: of one input of
        # thousands, times a weight below 4
        slack = (
            0.0
            if without_prologue.conv == case.conv
            else 4 * 2.0**-8 * np.abs(inputs).max() / np.sqrt(case.conv.inputs)
        )
        np.testing.assert_allclose(convolution(operands)[0], expected, rtol=3e-6, atol=2e-5 + slack)


def test_conv_is_the_same_for_any_capacity_and_number_of_threads(convolution: Bf16Convolution) -> None:
    assert_same_for_any_capacity_and_threads(convolution)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.conv.statistics])
def test_statistics_are_those_of_the_blocks(convolutions: Callable[[str], Bf16Convolution], name: str) -> None:
    convolution = convolutions(name)
    for length in convolution.case.lengths:
        y, (means, squares) = convolution(make_operands(convolution.case, length))
        blocks = np.split(y.astype(np.float64), range(convolution.block, len(y), convolution.block))
        np.testing.assert_allclose(means, [block.mean(0) for block in blocks], rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(squares, [block.var(0) * len(block) for block in blocks], rtol=1e-4, atol=1e-4)


def test_rows_of_equal_input_are_equal_wherever_they_lie(convolutions: Callable[[str], Bf16Convolution]) -> None:
    product = convolutions("matrix product")
    for length in EDGES:
        operands = make_operands(product.case, length)
        y = product(operands._replace(x=np.tile(operands.x[:1], (length, 1))))[0]
        np.testing.assert_array_equal(y, np.tile(y[:1], (length, 1)))


def test_words_hold_two_neighbours_rounded_to_the_nearest() -> None:
    values = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -3.0, 2.0**-130], np.float32)  # two ties, ...
    columns = pack_columns(np.tile(values[None, :, None], (32, 1, 1)), 32)
    words = pack_words(columns)[0, 0, :, 0].view(np.uint32)
    halves = np.stack([words & 0xFFFF, words >> 16], axis=1).reshape(-1)[:6]
    np.testing.assert_array_equal((halves << 16).astype(np.uint32).view(np.float32), [*round_to_bfloat16(values), 0])
    np.testing.assert_array_equal(round_to_bfloat16(values)[:3], [1, 1 + 2**-6, 1 + 2**-7])


def test_a_weight_that_is_no_number_stays_so() -> None:
    columns = pack_columns(np.full((32, 2, 1), np.uint32(0xFFFFFFFF).view(np.float32)), 32)
    assert np.isnan((pack_words(columns).view(np.uint32) << 16).view(np.float32))[:, :, 0].all()


def test_target_without_the_instructions_is_refused() -> None:
    with pytest.raises(ValueError, match="bfloat16 needs avx512bf16, which this target lacks"):
        bf16_instructions(Target(x86("haswell", keys=[BF16, "cpu"])))
    assert bf16_instructions(Target({"kind": "llvm", "mcpu": codegen.llvm_get_system_cpu()})) is None


def _without_prologue(conv: Conv) -> Conv:
    return Conv(**{**vars(conv), "norm": False, "leaky": None, "snake": False})

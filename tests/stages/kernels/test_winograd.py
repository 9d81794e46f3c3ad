"""Cases that can break minimal filtering: its matrices; signals shorter than a tile, a dilation or the filter; lengths
around a tile, a register tile and a block, whose last tiles are partly or wholly outside; taps that do not fill a
chunk; sub-sequences that end at different rows; the prologue at the edges; NaN past the valid rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
from tvm.target import Target
from tvm.tirx import PrimFunc

from stages.kernels.candidates import CANDIDATES
from stages.kernels.convolution import Conv
from stages.kernels.rows import Rows
from stages.kernels.simd import Simd, padded
from stages.kernels.toom_cook import matrices
from stages.kernels.winograd import Winograd, winograd_kernel, winograd_numbers
from tests.stages.kernels.conftest import Array, CompileKernel
from tests.stages.kernels.test_conv1d import (
    Case,
    Convolution,
    Operands,
    assert_same_for_any_capacity_and_threads,
    compute_in_float64,
    make_operands,
)

EDGES = (1, 2, 5, 6, 7, 12, 83, 84, 85, 167, 168, 169, 337, 430)
SOME = (1, 7, 85, 337)
FILTERINGS = {
    "three taps": (6, 3),
    "three taps, dilated": (6, 3),
    "three taps, tiles of 2": (2, 3),
    "three taps, tiles of 4": (4, 3),
    "three taps, tiles of 8": (8, 3),
    "seven taps": (4, 7),
    "seven taps in chunks": (5, 4),
    "eleven taps": (5, 6),
    "eleven taps in three chunks": (5, 4),
}
CASES = {
    "three taps": Case(Conv(24, 40, 3, padding=1, statistics=True), lengths=EDGES),
    "three taps, dilated": Case(Conv(22, 32, 3, dilation=5, padding=5, norm=True, snake=True), lengths=EDGES),
    "three taps, tiles of 2": Case(Conv(24, 32, 3, padding=1), lengths=SOME),
    "three taps, tiles of 4": Case(Conv(24, 32, 3, padding=1), lengths=SOME),
    "three taps, tiles of 8": Case(Conv(24, 32, 3, padding=1), lengths=SOME),
    "seven taps in chunks": Case(Conv(24, 32, 7, padding=3), lengths=SOME),
    "eleven taps in three chunks": Case(Conv(24, 32, 11, padding=5), lengths=SOME),
    "seven taps": Case(
        Conv(40, 22, 7, dilation=3, padding=9, norm=True, snake=True, residuals=1, statistics=True),
        Rows(20),
        Rows(20),
        (1, 2, 8, 9, 11, 22),
    ),
    "eleven taps": Case(
        Conv(32, 32, 11, dilation=5, padding=25, norm=True, leaky=0.2, residuals=2, gain=1 / 3),
        Rows(120, 1),
        Rows(120, 1),
        (1, 3, 4),
    ),
}


class Filtering(Convolution):
    """A convolution by minimal filtering, compiled for one target."""

    def __init__(self, case: Case, winograd: Winograd, simd: Simd, compile_kernel: CompileKernel) -> None:
        self.winograd = winograd
        super().__init__(case, simd, compile_kernel)
        self.block = winograd.block

    def emit(self, simd: Simd) -> PrimFunc:
        return winograd_kernel(self.case.conv, self.winograd, self.case.rows_in, simd)

    def numbers(self) -> dict[str, int]:
        return winograd_numbers(self.case.conv, self.winograd)

    def weights(self, operands: Operands) -> list[Array]:
        winograd, conv, panel = self.winograd, self.case.conv, self.simd.panel
        width = padded(conv.outputs)
        filters = np.zeros((width, conv.inputs, winograd.chunks * winograd.r))
        filters[: conv.outputs, :, : conv.taps] = operands.weight
        g = np.array(matrices(winograd.m, winograd.r)[1])
        products = filters.reshape(width, conv.inputs, winograd.chunks, winograd.r) @ g.T  # [o, i, chunk, n]
        packed = products.reshape(-1, panel, conv.inputs, winograd.chunks, winograd.n).transpose(0, 3, 4, 2, 1)
        bias = np.zeros(width, np.float32)
        bias[: conv.outputs] = operands.bias
        return [np.ascontiguousarray(packed, np.float32), bias]


@pytest.fixture(scope="module")
def filterings(compile_kernel: CompileKernel, target: Target) -> Callable[[str], Filtering]:
    """Compile a case by name, once."""
    simd = Simd.of(target)

    def compile_case(name: str) -> Filtering:
        conv = CASES[name].conv
        return Filtering(
            CASES[name], Winograd.of(FILTERINGS[name], conv.taps, conv.dilation, simd), simd, compile_kernel
        )

    return functools.cache(compile_case)


@pytest.fixture(params=list(CASES))
def filtering(request: pytest.FixtureRequest, filterings: Callable[[str], Filtering]) -> Filtering:
    return filterings(request.param)


def test_every_filtering_that_may_be_chosen_has_a_case() -> None:
    tried = {(CASES[name].conv.taps, filtering) for name, filtering in FILTERINGS.items()}
    assert tried == {(taps, filtering) for taps, filterings in CANDIDATES.items() for filtering in filterings}


@pytest.mark.parametrize(("m", "r"), sorted(set(FILTERINGS.values())))
def test_matrices_filter_exactly(m: int, r: int) -> None:
    at, g, bt = (np.array(matrix) for matrix in matrices(m, r))
    rng = np.random.default_rng(m)
    x, w = rng.standard_normal(m + r - 1), rng.standard_normal(r)
    expected = [x[i : i + r] @ w for i in range(m)]
    np.testing.assert_allclose(at @ ((g @ w) * (bt @ x)), expected, atol=1e-13)
    assert np.abs(bt).max() == 1


@pytest.mark.parametrize("simd", [Simd(16, 14), Simd(8, 6), Simd(4, 6)])
@pytest.mark.parametrize("dilation", [1, 2, 3, 5, 7])
def test_blocks_hold_whole_register_tiles_of_every_sub_sequence(simd: Simd, dilation: int) -> None:
    tiles = Winograd.of((4, 7), 7, dilation, simd).tiles
    assert tiles % dilation == 0
    assert tiles % simd.tile_rows == 0


def test_convolutions_that_differ_in_what_calls_tell_share_a_kernel() -> None:
    simd, rows = Simd(8, 6), Rows(20)

    def kernel(conv: Conv) -> PrimFunc:
        return winograd_kernel(conv, Winograd.of((6, 3), conv.taps, conv.dilation, simd), rows, simd)

    plain = kernel(Conv(32, 32, 3, padding=1))
    assert kernel(Conv(32, 32, 3, padding=5, dilation=5)) is plain
    assert kernel(Conv(32, 32, 3, padding=1, statistics=True)) is plain
    assert kernel(Conv(32, 32, 3, padding=1, residuals=2, gain=1 / 3)) is plain
    assert kernel(Conv(32, 32, 3, padding=1, snake=True)) is not plain
    assert kernel(Conv(32, 32, 5, padding=2)) is not plain


def test_filtering_equals_the_formula_in_float64(filtering: Filtering) -> None:
    for length in filtering.case.lengths:
        operands = make_operands(filtering.case, length)
        expected = compute_in_float64(filtering.case, operands)
        # products of the points 2 and 1/2 lose up to two bits more than the direct sum
        np.testing.assert_allclose(filtering(operands)[0], expected, rtol=5e-6, atol=4e-5, err_msg=f"length {length}")


def test_filtering_is_the_same_for_any_capacity_and_number_of_threads(filtering: Filtering) -> None:
    assert_same_for_any_capacity_and_threads(filtering)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.conv.statistics])
def test_statistics_are_those_of_the_blocks(filterings: Callable[[str], Filtering], name: str) -> None:
    filtering = filterings(name)
    for length in filtering.case.lengths:
        y, (means, squares) = filtering(make_operands(filtering.case, length))
        blocks = np.split(y.astype(np.float64), range(filtering.block, len(y), filtering.block))
        np.testing.assert_allclose(means, [block.mean(0) for block in blocks], rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(squares, [block.var(0) * len(block) for block in blocks], rtol=1e-4, atol=1e-4)

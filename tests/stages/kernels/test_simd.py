"""Cases that can break the vocabulary: a target that is mistaken for another, so that a register tile spills or no
instruction exists for it; a padded width or a block that does not hold whole tiles; a count of blocks at either side of
a multiple.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tvm import tirx
from tvm.target import Target
from tvm.tirx.script import builder as T

from stages.kernels.simd import (
    CHANNELS,
    VECS,
    Simd,
    arg,
    blocks,
    kernel,
    let,
    load,
    otherwise,
    padded,
    registers,
    size,
    span,
    splat,
    store,
    when,
)
from tests.stages.kernels.conftest import CompileKernel
from tests.targets import x86

REGISTERS = {16: 32, 8: 16, 4: 16}  # lanes -> vector registers


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (x86("znver4"), Simd(16, 14)),
        (x86("x86-64-v4"), Simd(16, 14)),
        (x86("skylake-avx512", mattr=["-avx512f"]), Simd(8, 6)),
        (x86("haswell"), Simd(8, 6)),
        (x86("haswell", mattr=["-fma"]), Simd(4, 6)),
        (x86("sandybridge"), Simd(4, 6)),
        (x86("x86-64"), Simd(4, 6)),
        ({"kind": "llvm", "mtriple": "aarch64-linux-gnu"}, Simd(4, 6)),
        ({"kind": "llvm", "mtriple": "arm64-apple-darwin", "mcpu": "apple-m1"}, Simd(4, 6)),
    ],
    ids=str,
)
def test_registers_follow_the_target(fields: dict[str, object], expected: Simd) -> None:
    assert Simd.of(Target(fields)) == expected


def test_registers_are_those_of_the_current_target() -> None:
    with Target(x86("haswell")):
        assert Simd.of().lanes == 8


@pytest.mark.parametrize("simd", [Simd(16, 14), Simd(8, 6), Simd(4, 6)])
def test_tile_fits_the_registers_and_divides_width_and_block(simd: Simd) -> None:
    assert simd.tile_rows * VECS + VECS + 1 <= REGISTERS[simd.lanes]  # accumulators, a row of weights, a value
    assert simd.block % simd.tile_rows == 0
    assert simd.tile_rows % 2 == 0  # half a tile is computed too
    assert CHANNELS % simd.panel == 0


@pytest.mark.parametrize(("channels", "width"), [(1, 32), (31, 32), (32, 32), (33, 64), (514, 544)])
def test_padded_width_holds_whole_vectors(channels: int, width: int) -> None:
    assert padded(channels) == width


@pytest.mark.parametrize(("rows", "count"), [(0, 0), (1, 1), (96, 1), (97, 2), (192, 2)])
def test_blocks_hold_every_row(rows: int, count: int) -> None:
    assert blocks(rows, 96) == count


def test_span_of_one_lane_is_the_index_itself() -> None:
    assert span(7, 1) == 7


def alternating(simd: Simd) -> tirx.PrimFunc:
    """x [n, 2 * lanes] -> y: rows with an even number doubled, others negated, through a register."""
    lanes = simd.lanes
    two: Any = splat(2.0, lanes)
    zero: Any = splat(0.0, lanes)
    with kernel("alternating") as function:
        n = size("n")
        x, y = arg("x", (n, 2 * lanes)), arg("y", (n, 2 * lanes))
        with T.serial(n) as i, T.serial(2) as v:
            c = let(v * lanes)
            value = registers((lanes,))
            with T.If(tirx.truncmod(i, 2) == 0):
                with T.Then():
                    store(value, two * load(x, i, c, lanes=lanes), 0, lanes=lanes)
                with otherwise():
                    store(value, zero - load(x, i, c, lanes=lanes), 0, lanes=lanes)
            with when(i < n):
                store(y, load(value, 0, lanes=lanes), i, c, lanes=lanes)
    return function.get()


def test_vectors_and_branches_do_what_they_say(compile_kernel: CompileKernel, target: Target) -> None:
    x = np.random.default_rng(0).standard_normal((5, 2 * Simd.of(target).lanes)).astype(np.float32)
    [y] = compile_kernel(alternating)(x, outputs=[np.zeros_like(x)])
    np.testing.assert_array_equal(y, x * np.array([[2], [-1], [2], [-1], [2]], np.float32))


def test_kernels_carry_their_name(target: Target) -> None:
    assert alternating(Simd.of(target)).attrs["global_symbol"] == "alternating"

"""Cases that can break the scan: a single step (no state before it), steps of either parity (the groups are read to and
fro), several groups or one, hidden units that the target's lanes do not divide, rows past the valid length (capacity
above it, garbage there) that the backward direction must not start from, saturated gates, and more threads than one.
"""

from __future__ import annotations

import numpy as np
import pytest

from stages.kernels.lstm_scan import gate_order, lstm_scan_kernel, unit_tile
from stages.kernels.simd import Simd, padded
from stages.layers.lstm import pack_recurrent
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel

HIDDEN = [6, 8, 24, 128]  # lanes of 2; one narrow group; three groups of 8; two wide ones
STEPS = [1, 2, 7]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def scan_in_float64(products: Array, w_hh: Array) -> Array:
    """Run one direction of an LSTM; products [steps, 4*H] and w_hh [4*H, H] are in PyTorch's order."""
    hidden = w_hh.shape[1]
    h, c = np.zeros(hidden), np.zeros(hidden)
    states = []
    for product in products.astype(np.float64):
        i, f, g, o = np.split(product + w_hh.astype(np.float64) @ h, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


class Case:
    """Random weights and input products of one size, in PyTorch's order."""

    def __init__(self, hidden: int, steps: int, scale: float = 1.0) -> None:
        random = np.random.default_rng(hidden * 1000 + steps)
        self.hidden, self.steps = hidden, steps
        self.w_hh = (random.standard_normal((2, 4 * hidden, hidden)) / np.sqrt(hidden)).astype(np.float32)
        self.products = (scale * random.standard_normal((2, steps, 4 * hidden))).astype(np.float32)

    def expected(self) -> Array:
        forward = scan_in_float64(self.products[0], self.w_hh[0])
        backward = scan_in_float64(self.products[1][::-1], self.w_hh[1])[::-1]
        return np.concatenate([forward, backward], axis=1)

    def run(self, scan: CompiledKernel, simd: Simd, capacity: int | None = None, threads: int = 1) -> Array:
        capacity = capacity or self.steps
        xw = np.full((capacity, padded(8 * self.hidden)), np.nan, np.float32)
        group = int(np.prod(unit_tile(self.hidden, simd)))
        order = gate_order(self.hidden, group)
        columns = [direction[:, order] for direction in self.products]
        xw[: self.steps, : 8 * self.hidden] = np.concatenate(columns, axis=1)
        weights = pack_recurrent(list(self.w_hh), group)
        length = np.array([self.steps], np.int64)
        out = np.full((capacity, padded(2 * self.hidden)), np.nan, np.float32)
        return scan(xw, weights, length, outputs=[out], threads=threads)[0][: self.steps, : 2 * self.hidden]


@pytest.fixture(scope="module", params=HIDDEN)
def hidden(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def simd(target: object) -> Simd:
    return Simd.of(target)


@pytest.fixture(scope="module")
def scan(compile_kernel: CompileKernel, hidden: int) -> CompiledKernel:
    return compile_kernel(lambda simd: lstm_scan_kernel(hidden, simd))


@pytest.mark.parametrize("steps", STEPS)
def test_scan_equals_the_recurrence(scan: CompiledKernel, simd: Simd, hidden: int, steps: int) -> None:
    case = Case(hidden, steps)
    np.testing.assert_allclose(case.run(scan, simd), case.expected(), rtol=0, atol=2e-6)


def test_scan_saturates_without_nan(scan: CompiledKernel, simd: Simd, hidden: int) -> None:
    case = Case(hidden, 7, scale=60.0)
    np.testing.assert_allclose(case.run(scan, simd), case.expected(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("capacity", [8, 40])
def test_scan_does_not_see_rows_past_the_length(scan: CompiledKernel, simd: Simd, hidden: int, capacity: int) -> None:
    case = Case(hidden, 7)
    np.testing.assert_array_equal(case.run(scan, simd, capacity), case.run(scan, simd))


def test_scan_gives_the_same_bits_on_two_threads(scan: CompiledKernel, simd: Simd, hidden: int) -> None:
    case = Case(hidden, 7)
    np.testing.assert_array_equal(case.run(scan, simd, threads=2), case.run(scan, simd, threads=1))


@pytest.mark.parametrize("lanes", [16, 8, 4])
@pytest.mark.parametrize("units", [5, 8, 24, 40, 64, 256])
def test_gate_order_names_every_row_once(units: int, lanes: int) -> None:
    simd = Simd(lanes=lanes, tile_rows=6)
    group = int(np.prod(unit_tile(units, simd)))
    order = gate_order(units, group)
    assert sorted(order) == list(range(4 * units))
    assert order[: 2 * group] == [*range(group), *range(units, units + group)]

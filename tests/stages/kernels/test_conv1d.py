"""Cases that can break a convolution: one row; rows that are no multiple of a tile, half a tile or a task's block;
channel counts that no vector divides, and those whose rows would all lie in one set of a cache; inputs read where they
lie; strides; dilation and padding beyond the signal; phases, also of taps that are no multiple of the stride, whose
first and last rows fall outside; each prologue and epilogue, and the order they are applied in; statistics of the last,
shorter block; a signal of one row whatever the length; NaN past the valid rows and in the padding channels of every
input.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from tvm.target import Target
from tvm.tirx import PrimFunc

from stages.kernels.conv1d import conv1d_kernel
from stages.kernels.convolution import Conv
from stages.kernels.register_tile import pitch_of
from stages.kernels.rows import Rows
from stages.kernels.simd import Simd, padded
from stages.layers.packing import pack_columns
from tests.stages.kernels.conftest import Array, CompiledKernel, CompileKernel


class Case(NamedTuple):
    """A convolution, the rows of its input and output for a length, and lengths that meet its edges."""

    conv: Conv
    rows_in: Rows = Rows()
    rows_out: Rows = Rows()
    lengths: tuple[int, ...] = (1, 3, 37)


# Lengths around half a tile (3 and 7 rows), a tile (6 and 14), a block (96 and 112) of either register file.
EDGES = (1, 3, 4, 6, 7, 8, 13, 14, 15, 96, 97, 112, 113, 119, 120, 230)
CASES = {
    "matrix product": Case(Conv(22, 50), lengths=EDGES),
    "residual, gain, gelu": Case(Conv(20, 33, residuals=1, gain=0.5, gelu=True)),
    "matrix product, rows of 4 kB": Case(Conv(1024, 40), lengths=EDGES),
    "one tap, with a prologue": Case(Conv(40, 24, leaky=0.1), lengths=EDGES),
    "one row": Case(Conv(24, 96), Rows(0, 1), Rows(0, 1)),
    "one channel, stride 2": Case(Conv(1, 1, 3, stride=2, padding=1), Rows(2), Rows(1), EDGES),
    "stride 6": Case(Conv(22, 40, 12, stride=6, padding=3), Rows(120, 1), Rows(20), (1, 2, 7)),
    "wide, statistics": Case(Conv(514, 64, 3, padding=1, statistics=True), lengths=(1, 97, 113, 230)),
    "dilation beyond the signal": Case(Conv(24, 32, 11, dilation=5, padding=25), lengths=(1, 2, 30, 120)),
    "padding beyond the taps": Case(Conv(5, 7, 3, padding=5), Rows(), Rows(1, 8), (1, 20)),
    "norm and leaky": Case(
        Conv(40, 22, 3, padding=1, norm=True, leaky=0.2, statistics=True), lengths=(1, 15, 100, 225)
    ),
    "norm and snake": Case(
        Conv(32, 32, 7, dilation=3, padding=9, norm=True, snake=True, residuals=1, statistics=True),
        Rows(20),
        Rows(20),
        (1, 5, 6, 12),
    ),
    "shared": Case(
        Conv(32, 32, 7, dilation=3, padding=9, norm=True, snake=True, residuals=1, statistics=True, shared=True),
        Rows(20),
        Rows(20),
        (1, 5, 6, 12),
    ),
    "shared, two residuals": Case(
        Conv(24, 24, 3, padding=1, residuals=2, gain=1 / 3, shared=True), Rows(120, 1), Rows(120, 1), (1, 2)
    ),
    "shared, of two widths": Case(
        Conv(24, 40, 11, dilation=5, padding=25, gain=0.5, statistics=True, shared=True), lengths=(1, 2, 30, 120)
    ),
    "mean of branches": Case(
        Conv(24, 24, 3, padding=1, norm=True, snake=True, residuals=2, gain=1 / 3), Rows(120, 1), Rows(120, 1), (1, 2)
    ),
    "phases": Case(Conv(64, 32, 2, padding=1, phases=10, shift=5, leaky=0.1), Rows(2), Rows(20), (1, 7, 56, 57)),
    "phases, odd taps": Case(
        Conv(22, 40, 3, padding=2, phases=3, shift=2, leaky=0.1), Rows(1), Rows(3), (1, 2, 14, 96)
    ),
}


class Operands(NamedTuple):
    """The arguments of a kernel, without padding."""

    length: int
    x: Array
    weight: Array  # [columns, inputs, taps], the columns of a phase one after the other
    bias: Array
    norm: Array
    alpha: Array
    residuals: list[Array]


def make_operands(case: Case, length: int) -> Operands:
    conv, rng = case.conv, np.random.default_rng(length)
    columns = conv.phases * conv.outputs

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(np.float32)

    return Operands(
        length,
        normal(case.rows_in.of(length), conv.inputs) + 1,
        normal(columns, conv.inputs, conv.taps) / np.float32(np.sqrt(conv.inputs * conv.taps)),
        normal(columns),
        normal(3, conv.inputs),
        rng.uniform(0.5, 2, conv.inputs).astype(np.float32),
        [normal(case.rows_out.of(length), conv.outputs) for _ in range(conv.residuals)],
    )


def compute_in_float64(case: Case, operands: Operands) -> Array:
    """Compute the formula of the kernel's docstring."""
    conv = case.conv
    x = apply_prologue(conv, operands)
    rows = case.rows_out.of(operands.length)
    positions = len(x) + conv.taps - 1 if conv.phases > 1 else rows
    columns = np.tile(operands.bias.astype(np.float64), (positions, 1))
    for k in range(conv.taps):
        sources = np.arange(positions) * conv.stride - conv.padding + k * conv.dilation
        inside = (sources >= 0) & (sources < len(x))
        columns[inside] += x[sources[inside]] @ operands.weight[:, :, k].T.astype(np.float64)
    y = columns.reshape(positions * conv.phases, conv.outputs)[conv.shift : conv.shift + rows]
    y = conv.gain * sum(operands.residuals, start=y)
    return y if not conv.gelu else 0.5 * y * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))


def apply_prologue(conv: Conv, operands: Operands) -> Array:
    x = operands.x.astype(np.float64)
    if conv.norm:
        mean, scale, shift = operands.norm.astype(np.float64)
        x = (x - mean) * scale + shift
    if conv.leaky is not None:
        x = np.where(x > 0, x, conv.leaky * x)
    if conv.snake:
        alpha = operands.alpha.astype(np.float64)
        x = x + np.sin(alpha * x) ** 2 / alpha
    return x


def surround_with_nan(values: Array, rows: int) -> Array:
    """Put `values` into a buffer of `rows` rows, with NaN around them."""
    out = np.full((rows, padded(values.shape[1])), np.nan, np.float32)
    out[: len(values), : values.shape[1]] = values
    return out


def pack(conv: Conv, operands: Operands, panel: int) -> list[Array]:
    """Pack weight and bias into the layout that the kernel reads."""
    weight = np.zeros((conv.phases, padded(conv.outputs), conv.inputs, conv.taps), np.float32)
    weight[:, : conv.outputs] = operands.weight.reshape(conv.phases, conv.outputs, conv.inputs, conv.taps)
    bias = np.zeros((conv.phases, padded(conv.outputs)), np.float32)
    bias[:, : conv.outputs] = operands.bias.reshape(conv.phases, conv.outputs)
    return [pack_columns(weight.reshape(-1, conv.inputs, conv.taps), panel), bias.reshape(-1)]


class Convolution:
    """One case, compiled for one target."""

    def __init__(self, case: Case, simd: Simd, compile_kernel: CompileKernel) -> None:
        self.case, self.simd, self.block = case, simd, simd.block
        self._run: CompiledKernel = compile_kernel(self.emit)

    def emit(self, simd: Simd) -> PrimFunc:
        return conv1d_kernel(self.case.conv, self.case.rows_in, self.case.rows_out, simd)

    def weights(self, operands: Operands) -> list[Array]:
        """Pack weight and bias into the layout that the kernel reads."""
        return pack(self.case.conv, operands, self.simd.panel)

    def numbers(self) -> dict[str, int] | None:
        """Return what each call tells a shared kernel; None for one that is built for the case alone."""
        return self.case.conv.numbers if self.case.conv.shared else None

    def __call__(self, operands: Operands, spare: int = 0, threads: int = 1) -> list[Array]:
        """Return the valid part of y, and of the statistics if any.

        `spare` tokens or frames more have room in the buffers.
        """
        case, conv, capacity, numbers = self.case, self.case.conv, operands.length + spare, self.numbers()
        rows, built = case.rows_out.of(capacity), conv.share() if numbers else conv
        inputs: list[Array | int] = [np.array([operands.length], np.int64)]
        inputs += [surround_with_nan(operands.x, case.rows_in.of(capacity))]
        inputs += self.weights(operands)
        inputs += [surround_with_nan(operands.norm, 3)] * conv.norm
        inputs += [surround_with_nan(np.stack([operands.alpha, 1 / operands.alpha]), 2)] * conv.snake
        inputs += [surround_with_nan(residual, rows) for residual in operands.residuals]
        y = np.full((rows, padded(conv.outputs)), np.nan, np.float32)
        inputs += [y] * (built.residuals - conv.residuals)  # unused
        inputs += (numbers or {}).values()
        partials = np.full((2, -(-rows // self.block), padded(conv.outputs)), np.nan, np.float32)
        outputs = self._run(*inputs, outputs=[y, *[partials] * built.statistics], threads=threads)[
            : 1 + conv.statistics
        ]
        valid = case.rows_out.of(operands.length)
        limits = (valid, -(-valid // self.block))
        return [out[..., :limit, : conv.outputs] for out, limit in zip(outputs, limits, strict=False)]


@pytest.fixture(scope="module")
def convolutions(compile_kernel: CompileKernel, target: Target) -> Callable[[str], Convolution]:
    """Compile a case by name, once."""
    return functools.cache(lambda name: Convolution(CASES[name], Simd.of(target), compile_kernel))


@pytest.fixture(params=list(CASES))
def convolution(request: pytest.FixtureRequest, convolutions: Callable[[str], Convolution]) -> Convolution:
    return convolutions(request.param)


def assert_same_for_any_capacity_and_threads(convolution: Convolution) -> None:
    for length in convolution.case.lengths:
        operands = make_operands(convolution.case, length)
        exact = convolution(operands)
        for other in (convolution(operands, spare=3), convolution(operands, spare=150, threads=2)):
            for one, two in zip(exact, other, strict=True):
                np.testing.assert_array_equal(two, one, err_msg=f"length {length}")


def test_conv_equals_the_formula_in_float64(convolution: Convolution) -> None:
    for length in convolution.case.lengths:
        operands = make_operands(convolution.case, length)
        expected = compute_in_float64(convolution.case, operands)
        # float32 sums of up to 1542 products that come to a few units
        np.testing.assert_allclose(convolution(operands)[0], expected, rtol=2e-6, atol=1e-5, err_msg=f"length {length}")


def test_conv_is_the_same_for_any_capacity_and_number_of_threads(convolution: Convolution) -> None:
    assert_same_for_any_capacity_and_threads(convolution)


def test_conv_gives_equal_rows_for_equal_input_wherever_they_lie(convolutions: Callable[[str], Convolution]) -> None:
    """Tiles, half tiles and their remainders add in one order."""
    product = convolutions("matrix product")
    for length in EDGES:
        operands = make_operands(product.case, length)
        y = product(operands._replace(x=np.tile(operands.x[:1], (length, 1))))[0]
        np.testing.assert_array_equal(y, np.tile(y[:1], (length, 1)))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.conv.statistics])
def test_statistics_are_those_of_the_blocks(convolutions: Callable[[str], Convolution], name: str) -> None:
    convolution = convolutions(name)
    for length in convolution.case.lengths:
        operands = make_operands(convolution.case, length)
        # a sum of squares less the square of a sum would have no digit left beside a mean of 1000
        y, (means, squares) = convolution(operands._replace(bias=operands.bias + 1000))
        blocks = np.split(y.astype(np.float64), range(convolution.block, len(y), convolution.block))
        np.testing.assert_allclose(means, [block.mean(0) for block in blocks], rtol=2e-6)
        expected = [block.var(0) * len(block) for block in blocks]
        np.testing.assert_allclose(squares, expected, rtol=1e-4, atol=1e-4)


def test_rows_that_see_padding_alone_are_the_bias(convolutions: Callable[[str], Convolution]) -> None:
    convolution = convolutions("padding beyond the taps")
    operands = make_operands(convolution.case, 1)
    y = convolution(operands)[0]
    np.testing.assert_array_equal(y[[0, 1, 2, -3, -2, -1]], np.tile(operands.bias, (6, 1)))


def test_convolutions_that_differ_in_what_calls_tell_share_a_kernel() -> None:
    def build(conv: Conv, scale: int = 20) -> PrimFunc:
        return conv1d_kernel(conv, Rows(scale), Rows(scale), Simd(8, 6))

    plain = Conv(32, 32, 3, padding=1, shared=True)
    assert build(replace(plain, padding=5, dilation=5)) is build(plain)
    assert build(replace(plain, statistics=True)) is build(plain)
    assert build(replace(plain, residuals=2, gain=1 / 3)) is build(plain)
    assert build(replace(plain, snake=True)) is not build(plain)
    assert build(replace(plain, dilation=2, padding=2, shared=False)) is not build(replace(plain, shared=False))
    assert build(plain, scale=120) is not build(plain)


@pytest.mark.parametrize("other", [{"padding": 2}, {"stride": 2}, {"phases": 2}])
def test_convolutions_with_other_padding_or_a_stride_share_no_kernel(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="only convolutions of stride 1"):
        replace(Conv(32, 32, 3, padding=1), **other).share()


@pytest.mark.parametrize("rows", [Rows(0, 1), Rows(1), Rows(2), Rows(20), Rows(120, 1)])
@pytest.mark.parametrize("simd", [Simd(16, 14), Simd(8, 6), Simd(4, 6)])
def test_groups_divide_the_panels(rows: Rows, simd: Simd) -> None:
    for outputs in (1, 32, 50, 96, 2048):
        panels = padded(outputs) // simd.panel
        assert panels % Conv(1, outputs).groups(rows, simd) == 0


@pytest.mark.parametrize("elements", [1, 16, 17, 32, 512, 1024, 1090, 2048])
def test_rows_of_scratch_are_an_odd_number_of_cache_lines_apart(elements: int) -> None:
    assert pitch_of(elements) >= elements
    assert pitch_of(elements) % 32 == 16

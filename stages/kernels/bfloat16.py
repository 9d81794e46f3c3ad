"""Products of a convolution in bfloat16, by one of two kinds of instructions.

    TILES   AMX: 32 rows x 32 columns from four tile registers, 32 channels an instruction
    PAIRS   AVX512-BF16: the register tile of conv1d, two channels an instruction

Two neighbouring channels lie in one 32-bit word, since TVM rewrites vectors of bfloat16 into float32. The instructions
come from functions in LLVM's language, which are imported with the kernel and inlined.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VDPBF16PS and TDPBF16PS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.relax.frontend import nn
from tvm.target import Target
from tvm.target.codegen import llvm_cpu_has_features
from tvm.tirx.script import builder as T

from stages.kernels.conv1d import conv1d_kernel
from stages.kernels.convolution import Conv, ConvBuffers, ConvTensors, call_convolution
from stages.kernels.register_tile import pitch_of, register_tile
from stages.kernels.rows import Partials, Rows
from stages.kernels.simd import (
    CHANNELS,
    VECS,
    Expr,
    Index,
    Simd,
    let,
    load,
    padded,
    splat,
    store,
)

BF16 = "bf16"  # a target with this key asks for bfloat16 wherever a layer allows it
PAIRS, TILES = "avx512bf16", "amx-bf16"  # LLVM's names of the features
AMX = ("amx-tile", TILES)
_LANES = 16  # of AVX-512's registers, and rows of a tile register
_WORD = 4  # bytes

# vcvtne2ps2bf16: the first operand becomes the upper half.
_ROUND = """
declare <32 x bfloat> @llvm.x86.avx512bf16.cvtne2ps2bf16.512(<16 x float>, <16 x float>)
define linkonce_odr <16 x i32> @kokoro_round_bf16(<16 x float> %low, <16 x float> %high) alwaysinline {
  %r = call <32 x bfloat> @llvm.x86.avx512bf16.cvtne2ps2bf16.512(<16 x float> %high, <16 x float> %low)
  %words = bitcast <32 x bfloat> %r to <16 x i32>
  ret <16 x i32> %words
}
"""
_DOT = """
declare <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float>, <32 x bfloat>, <32 x bfloat>)
define linkonce_odr <16 x float> @kokoro_dot_bf16(<16 x float> %sum, <16 x i32> %x, <16 x i32> %w) alwaysinline {
  %xb = bitcast <16 x i32> %x to <32 x bfloat>
  %wb = bitcast <16 x i32> %w to <32 x bfloat>
  %r = call <16 x float> @llvm.x86.avx512bf16.dpbf16ps.512(<16 x float> %sum, <32 x bfloat> %xb, <32 x bfloat> %wb)
  ret <16 x float> %r
}
"""


def bf16_instructions(target: Target | None = None) -> str | None:
    """Return PAIRS or TILES where `target`, by default the current one, asks for bfloat16, else None.

    Raises:
        ValueError: the target asks for bfloat16, and its CPU has neither kind of instructions.
    """
    target = target or Target.current(allow_none=False)
    if BF16 not in target.keys:
        return None
    if llvm_cpu_has_features(PAIRS, target):
        return TILES if llvm_cpu_has_features(TILES, target) else PAIRS
    raise ValueError(f"bfloat16 needs {PAIRS}, which this target lacks")


@dataclass(frozen=True)
class _Bf16Products:
    """The common part of both kinds of instructions: rows of scratch as words of two channels."""

    simd: Simd

    def weights(self, conv: Conv, panel: int) -> tuple[tuple[int, ...], str]:
        return (conv.columns // panel, conv.taps, padded(conv.inputs) // 2, panel), "int32"

    def reads_in_place(self, conv: Conv) -> bool:
        return False  # signals between kernels are float32, products take words

    def pitch(self, conv: Conv) -> int:
        """Return how many words lie from one row of scratch to the next."""
        raise NotImplementedError

    def allocate_scratch(self, conv: Conv, rows: int) -> tirx.Buffer:
        return T.alloc_buffer((rows * self.pitch(conv),), "int32")

    def fill_row(self, conv: Conv, scratch: tirx.Buffer, row: Expr, value: Callable[[Index], Expr]) -> None:
        whole = conv.inputs // CHANNELS
        with T.serial(whole) as v:
            self._store_words(
                scratch,
                let(row * self.pitch(conv) + v * _LANES),
                value(let(v * CHANNELS)),
                value(let(v * CHANNELS + _LANES)),
            )
        if whole * CHANNELS < conv.inputs:
            low, high = (self._load_valid(conv, value, whole * CHANNELS + at) for at in (0, _LANES))
            self._store_words(scratch, let(row * self.pitch(conv) + whole * _LANES), low, high)

    def _store_words(self, scratch: tirx.Buffer, word: Expr, low: Expr, high: Expr) -> None:
        words = T.call_extern("int32x16", "kokoro_round_bf16", let(low), let(high))
        store(scratch, words, word, lanes=_LANES)

    def _load_valid(self, conv: Conv, value: Callable[[Index], Expr], first: int) -> Expr:
        """Load channels from `first` on, and zeros from the last input on: the padding may hold NaN."""
        zero = splat(0.0, _LANES)
        if first >= conv.inputs:
            return zero
        found = value(tirx.const(first, "int64"))
        if first + _LANES <= conv.inputs:
            return found
        inside = T.ramp(tirx.const(0, "int32"), 1, _LANES) < splat(conv.inputs - first, _LANES, "int32")
        return T.Select(inside, found, zero)


@dataclass(frozen=True)
class Pairs(_Bf16Products):
    """The register tile of conv1d, with `vdpbf16ps` in place of the multiply-add."""

    @property
    def tile_rows(self) -> int:
        return self.simd.tile_rows

    @property
    def block(self) -> int:
        return self.simd.block

    def pitch(self, conv: Conv) -> int:
        return pitch_of(padded(conv.inputs) // 2)

    def multiply(
        self,
        conv: Conv,
        buffers: ConvBuffers,
        scratch: tirx.Buffer,
        column: Expr,
        row: Expr,
        height: int,
        finished: tirx.Buffer,
    ) -> None:
        def add(x: Expr, w: Expr, sum_: Expr) -> Expr:
            return T.call_extern("float32x16", "kokoro_dot_bf16", sum_, x, w)

        depth = padded(conv.inputs) // 2
        register_tile(conv, buffers, scratch, column, row, height, finished, self.simd, depth, add)


@dataclass(frozen=True)
class Tiles(_Bf16Products):
    """Two tile registers of rows by two of columns; each tile is configured as 16 rows of 64 bytes."""

    @property
    def tile_rows(self) -> int:
        return 2 * _LANES

    @property
    def block(self) -> int:
        return 4 * self.tile_rows

    def pitch(self, conv: Conv) -> int:
        return padded(conv.inputs) // 2

    def multiply(
        self,
        conv: Conv,
        buffers: ConvBuffers,
        scratch: tirx.Buffer,
        column: Expr,
        row: Expr,
        height: int,
        finished: tirx.Buffer,
    ) -> None:
        pitch = self.pitch(conv) * _WORD
        first = let(row * conv.stride * self.pitch(conv))
        T.evaluate(
            T.call_extern(
                "int32",
                f"kokoro_amx_{height // _LANES}",
                T.address_of(scratch[first]),
                tirx.const(pitch * conv.stride, "int64"),
                tirx.const(pitch, "int64") * conv.dilation,
                tirx.const(conv.taps, "int64"),
                tirx.const(padded(conv.inputs) // CHANNELS, "int64"),
                T.address_of(buffers.weight[column, 0, 0, 0]),
                T.address_of(finished[0, 0]),
            )
        )
        with T.serial(height) as i:
            for j in range(VECS):
                bias = load(buffers.bias, column * self.simd.panel + j * _LANES, lanes=_LANES)
                store(finished, load(finished, i, j * _LANES, lanes=_LANES) + bias, i, j * _LANES, lanes=_LANES)


# Palette 1; eight tile registers of 16 rows of 64 bytes.
_SHAPE = bytes([1]) + bytes(15) + bytes([64, 0] * 8) + bytes(16) + bytes([16] * 8) + bytes(8)
_ESCAPED = "".join(rf"\{byte:02X}" for byte in _SHAPE)
_AMX = f"""
@kokoro_amx_shape = linkonce_odr constant [64 x i8] c"{_ESCAPED}"
declare void @llvm.x86.ldtilecfg(ptr)
declare void @llvm.x86.tilerelease()
declare void @llvm.x86.tilezero(i8)
declare void @llvm.x86.tileloadd64(i8, ptr, i64)
declare void @llvm.x86.tilestored64(i8, ptr, i64)
declare void @llvm.x86.tdpbf16ps(i8, i8, i8)
"""


def _amx(tiles: int) -> str:
    """Return kokoro_amx_N in LLVM's language, for N tiles of rows.

    c [16 * N, 32] float32 = sum over taps and steps of a [16 * N rows, 32 channels] by b [32 channels, 32 columns];
    `pitch` and `tap` are the bytes between a's rows and between its taps.
    """
    row_tiles, column_tiles, lines = range(tiles), range(2), "\n  ".join
    zero = [f"call void @llvm.x86.tilezero(i8 {2 * r + c})" for r in row_tiles for c in column_tiles]
    read = [f"call void @llvm.x86.tileloadd64(i8 {4 + r}, ptr %a{r}, i64 %pitch)" for r in row_tiles]
    read += [f"call void @llvm.x86.tileloadd64(i8 {6 + c}, ptr %b{c}, i64 128)" for c in column_tiles]
    sums = [
        f"call void @llvm.x86.tdpbf16ps(i8 {2 * r + c}, i8 {4 + r}, i8 {6 + c})"
        for r in row_tiles
        for c in column_tiles
    ]
    places = [
        line
        for r in row_tiles
        for c in column_tiles
        for line in (
            f"%c{r}{c} = getelementptr i8, ptr %c, i64 {r * 16 * 128 + c * 64}",
            f"call void @llvm.x86.tilestored64(i8 {2 * r + c}, ptr %c{r}{c}, i64 128)",
        )
    ]
    return f"""
define linkonce_odr i32 @kokoro_amx_{tiles}(ptr %a, i64 %pitch, i64 %tap, i64 %taps, i64 %steps, ptr %b, ptr %c) {{
entry:
  call void @llvm.x86.ldtilecfg(ptr @kokoro_amx_shape)
  {lines(zero)}
  %lower = shl i64 %pitch, 4
  br label %over_taps
over_taps:
  %k = phi i64 [ 0, %entry ], [ %k1, %next_tap ]
  %bk = phi ptr [ %b, %entry ], [ %bn, %next_tap ]
  %offset = mul i64 %k, %tap
  %ak = getelementptr i8, ptr %a, i64 %offset
  br label %over_steps
over_steps:
  %s = phi i64 [ 0, %over_taps ], [ %s1, %over_steps ]
  %a0 = phi ptr [ %ak, %over_taps ], [ %an, %over_steps ]
  %b0 = phi ptr [ %bk, %over_taps ], [ %bn, %over_steps ]
  %a1 = getelementptr i8, ptr %a0, i64 %lower
  %b1 = getelementptr i8, ptr %b0, i64 64
  {lines(read)}
  {lines(sums)}
  %an = getelementptr i8, ptr %a0, i64 64
  %bn = getelementptr i8, ptr %b0, i64 2048
  %s1 = add i64 %s, 1
  %more_steps = icmp ult i64 %s1, %steps
  br i1 %more_steps, label %over_steps, label %next_tap
next_tap:
  %k1 = add i64 %k, 1
  %more_taps = icmp ult i64 %k1, %taps
  br i1 %more_taps, label %over_taps, label %finish
finish:
  {lines(places)}
  call void @llvm.x86.tilerelease()
  ret i32 0
}}
"""


_IMPORTED = {PAIRS: _ROUND + _DOT, TILES: _ROUND + _AMX + _amx(1) + _amx(2)}


@functools.cache
def bf16_conv1d_kernel(conv: Conv, rows_in: Rows, rows_out: Rows, simd: Simd, instructions: str) -> tirx.PrimFunc:
    """Build the loop nest of `bf16_conv1d` with one kind of instructions.

    Arguments: those of `conv1d_kernel`, but weight is int32 [columns / panel, taps, padded(inputs) / 2, panel].
    """
    function = conv1d_kernel(conv, rows_in, rows_out, simd, _products_of(simd, instructions))
    imported = tirx.AttrStmt(tirx.const(0, "int32"), "pragma_import_llvm", _IMPORTED[instructions], function.body)
    return function.with_body(imported)


def _products_of(simd: Simd, instructions: str) -> Pairs | Tiles:
    return Tiles(simd) if instructions == TILES else Pairs(simd)


def bf16_conv1d(
    *, conv: Conv, tensors: ConvTensors, rows_in: Rows, rows_out: Rows, capacity: Index
) -> tuple[nn.Tensor, Partials | None]:
    """Compute a convolution as `conv1d` does, from inputs and weights rounded to bfloat16.

    Computes:
        The formula of `conv1d`, with p(x) and w rounded to bfloat16.
    Arguments:
        conv: sizes, prologue and epilogue of the convolution.
        tensors: those of `conv1d`, but weight is int32 [columns / panel, taps, padded(inputs) / 2, panel], words of two
            channels.
        rows_in: rows of x for a length.
        rows_out: rows of y and of each residual for a length.
        capacity: tokens or frames that the buffers hold.
    Returns:
        y float32 and its partial statistics, as `conv1d`; blocks of statistics have 128 rows with AMX.
    Needs:
        A target with `bf16_instructions`. Weights packed by `pack_words`.
    Numerics:
        Rounding is to the nearest, ties to even; the hardware takes subnormal numbers as zero. Nothing else is rounded:
        products are summed in float32, over taps, then channels, in the same order for every row. The last bits differ
        between the two kinds of instructions.
    Variants:
        kernel: TILES where the CPU has AMX, else PAIRS.
        operator: none.
    Source:
        Decision 0012.
    """
    simd, instructions = Simd.of(), bf16_instructions()
    assert instructions is not None
    function = bf16_conv1d_kernel(conv, rows_in, rows_out, simd, instructions)
    block = _products_of(simd, instructions).block
    return call_convolution(function, "bf16_conv1d", conv, tensors, rows_out.of(capacity), block)


def pack_words(packed: NDArray[np.float32]) -> NDArray[np.int32]:
    """Pack [columns / panel, taps, inputs, panel] into the words of two channels that the kernel reads."""
    inputs = packed.shape[2]
    whole = np.pad(packed, [(0, 0), (0, 0), (0, padded(inputs) - inputs), (0, 0)])
    bits = np.ascontiguousarray(whole).view(np.uint32)
    halves = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16  # to the nearest, ties to even
    halves = np.where(np.isnan(whole), np.uint32(0x7FC0), halves)  # a carry would make it a number
    words: NDArray[np.uint32] = halves[:, :, 0::2] | (halves[:, :, 1::2] << 16)
    return words.view(np.int32)

"""Convolution over time, and with one tap the matrix product: one pass over memory.

    y[t, o] = gain * (bias[o] + sum_{k, i} p(x[t * stride - padding + k * dilation, i]) w[o, i, k] + residuals[t, o])

`p` is applied while a block of rows is copied into cache-resident scratch, and is 0 past the valid rows; a product
without `p` reads its input where it lies:

    norm    (x - mean[i]) * scale[i] + shift[i]     (AdaIN; `norm` is [3, padded(inputs)])
    leaky   max(x, slope * x)
    snake   x + sin^2(alpha[i] * x) / alpha[i]      (`alpha` is [2, padded(inputs)]: alpha and its inverse)

In the epilogue come bias, up to two residuals, `gain`, GELU, and the partial statistics of the next instance norm.

With `phases` = s > 1 it is a transposed convolution of stride s: row q of a convolution over the input gives the
output rows q * s + phase - shift, one block of padded(outputs) columns a phase.

The register tile is tile_rows x VECS accumulators over [taps, inputs]; weights are packed [column panel, tap, input,
panel], so the inner loop streams them. Tasks are blocks of rows times groups of column panels. Sums run over taps,
then inputs, in float32: the same order for every row.

Source: the register tile is that of BLIS (Van Zee & van de Geijn 2015) with time as rows; a dilated tap is just
another row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tvm import tirx
from tvm.relax.frontend import nn
from tvm.tirx.script import builder as T

from stages.kernels import vector_math
from stages.kernels.simd import (
    VECS,
    Expr,
    Index,
    Simd,
    arg,
    blocks,
    call,
    kernel,
    let,
    load,
    padded,
    registers,
    size,
    splat,
    store,
    when,
)

_LINE = 16  # elements of a cache line
_ALIASING = 1024  # inputs, or a multiple: all rows of the input then lie in one set of a first-level cache


def pitch_of(elements: int) -> int:
    """Elements from one row of scratch to the next: an odd number of cache lines.

    A register tile reads a line of each of its rows at once, and these should lie in different sets of the first-level
    cache: with all in one, a product of 1024 inputs loses a fifth of its speed on Zen 4. Scratch has one axis, since
    from two TVM would take the columns that nobody reads.
    """
    lines = -(-elements // _LINE)
    return (lines | 1) * _LINE


@dataclass(frozen=True)
class Rows:
    """Valid rows of a buffer: scale * length + extra, `length` being the utterance's tokens or frames."""

    scale: int = 1
    extra: int = 0

    def of(self, length: Index) -> Index:
        return length * self.scale + self.extra


@dataclass(frozen=True)
class Conv:
    """What is known of a convolution when it is compiled. `leaky` is the slope of the prologue's leaky ReLU."""

    inputs: int
    outputs: int
    taps: int = 1
    dilation: int = 1
    stride: int = 1
    padding: int = 0
    phases: int = 1
    shift: int = 0
    norm: bool = False
    leaky: float | None = None
    snake: bool = False
    residuals: int = 0
    gain: float = 1.0
    gelu: bool = False
    statistics: bool = False

    @property
    def plain(self) -> bool:
        """Whether each output row is the product of the input row of its number, as it is."""
        moved = self.taps > 1 or self.stride > 1 or self.padding > 0 or self.phases > 1
        return not (moved or self.norm or self.snake or self.leaky is not None)

    @property
    def columns(self) -> int:
        """Columns of the packed weights: padded outputs, for each phase."""
        return self.phases * padded(self.outputs)

    def groups(self, rows: Rows, simd: Simd) -> int:
        """Groups of column panels that are tasks of their own: several where a short utterance has few blocks of
        rows."""
        panels = self.columns // simd.panel
        wanted = max(1, 16 // rows.scale) if rows.scale else 2
        return max(g for g in range(1, panels + 1) if panels % g == 0 and g <= wanted)


class Products(Protocol):
    """How a register tile's sums of products are made: `float32` below, or in `kernels.bfloat16`.

    tile_rows: rows of the tile; what is left of a block is done in tiles of half of them. block: rows that one task
    computes, whole tiles.
    """

    @property
    def tile_rows(self) -> int: ...

    @property
    def block(self) -> int: ...

    def weights(self, conv: Conv, panel: int) -> tuple[tuple[int, ...], str]:
        """Shape and dtype of the packed weights."""

    def in_place(self, conv: Conv) -> bool:
        """Whether the input is multiplied where it lies; only the rows that fill no tile then go through scratch."""

    def scratch(self, conv: Conv, rows: int) -> tirx.Buffer:
        """Input rows in the layout in which they are multiplied."""

    def put(self, conv: Conv, scratch: tirx.Buffer, row: Expr, value: Callable[[Index], Expr]) -> None:
        """Fill one row of scratch; `value(c)` are `lanes` channels from c on."""

    def sums(
        self,
        conv: Conv,
        given: Operands,
        scratch: tirx.Buffer,
        column: Expr,
        row: Expr,
        height: int,
        finished: tirx.Buffer,
    ) -> None:
        """finished[:height] = bias + the sums over taps and inputs of `height` rows by one column panel."""


@dataclass(frozen=True)
class Float32:
    """Fused multiply-adds in vector registers: tile_rows x VECS accumulators."""

    simd: Simd

    @property
    def tile_rows(self) -> int:
        return self.simd.tile_rows

    @property
    def block(self) -> int:
        return self.simd.block

    def weights(self, conv: Conv, panel: int) -> tuple[tuple[int, ...], str]:
        return (conv.columns // panel, conv.taps, conv.inputs, panel), "float32"

    def in_place(self, conv: Conv) -> bool:
        return conv.plain and padded(conv.inputs) % _ALIASING != 0

    def scratch(self, conv: Conv, rows: int) -> tirx.Buffer:
        return T.alloc_buffer((rows * pitch_of(conv.inputs),))

    def put(self, conv: Conv, scratch: tirx.Buffer, row: Expr, value: Callable[[Index], Expr]) -> None:
        lanes = self.simd.lanes
        with T.serial(-(-conv.inputs // lanes)) as v:
            c = let(v * lanes)
            store(scratch, value(c), row * pitch_of(conv.inputs) + c, lanes=lanes)

    def sums(
        self,
        conv: Conv,
        given: Operands,
        scratch: tirx.Buffer,
        column: Expr,
        row: Expr,
        height: int,
        finished: tirx.Buffer,
    ) -> None:
        register_tile(
            conv, given, scratch, column, row, height, finished, self.simd, conv.inputs, lambda x, w, sum_: sum_ + x * w
        )


def register_tile(
    conv: Conv,
    given: Operands,
    source: tirx.Buffer,
    column: Expr,
    row: Expr,
    height: int,
    finished: tirx.Buffer,
    simd: Simd,
    depth: int,
    add: Callable[[Expr, Expr, Expr], Expr],
) -> None:
    """`Products.sums` in vector registers.

    depth: elements of a row of `source`, each of which is spread over a vector. add(x, w, sum): the new sum.
    """
    lanes = simd.lanes
    sums = registers((height * VECS * lanes,))
    for j in range(VECS):
        start = let(load(given.bias, column * simd.panel + j * lanes, lanes=lanes))
        for i in range(height):
            store(sums, start, (i * VECS + j) * lanes, lanes=lanes)
    with T.serial(conv.taps) as k, T.serial(depth) as c:
        weights = [let(load(given.weight, column, k, c, j * lanes, lanes=lanes)) for j in range(VECS)]
        for i in range(height):
            value = let(splat(_element(source, (row + i) * conv.stride + k * conv.dilation, c, depth), lanes))
            for j in range(VECS):
                at = (i * VECS + j) * lanes
                store(sums, add(value, weights[j], load(sums, at, lanes=lanes)), at, lanes=lanes)
    for i in range(height):
        for j in range(VECS):
            store(finished, load(sums, (i * VECS + j) * lanes, lanes=lanes), i, j * lanes, lanes=lanes)


def _element(source: tirx.Buffer, row: Expr, c: Expr, depth: int) -> Expr:
    """Element c of a row of the input, which has two axes, or of scratch."""
    return source[row, c] if len(source.shape) == 2 else source[row * pitch_of(depth) + c]


def conv1d_kernel(
    conv: Conv, rows_in: Rows, rows_out: Rows, simd: Simd, products: Products | None = None
) -> tirx.PrimFunc:
    """Loop nest of `conv`, its products in float32 if not told otherwise.

    Arguments: length int64[1], x [n, padded(inputs)], weight [columns / panel, taps, inputs, panel], bias [columns],
    then norm, alpha and the residuals as `conv` says, y [m, padded(outputs)], and with statistics partials [2, blocks,
    padded(outputs)] (mean and sum of squared deviations of each block of `products.block` rows).
    """
    products = products or Float32(simd)
    lanes, block, panel, tile_rows = simd.lanes, products.block, simd.panel, products.tile_rows
    width = padded(conv.outputs)
    groups = conv.groups(rows_in, simd)
    panels = conv.columns // panel // groups
    reach = (conv.taps - 1) * conv.dilation + 1  # input rows that an output row sees
    half, in_place = tile_rows // 2, products.in_place(conv)
    with kernel("conv1d") as function:
        given = operands(conv, *products.weights(conv, panel))
        valid_in, valid_out = let(rows_in.of(given.length[0])), let(rows_out.of(given.length[0]))
        # a transposed convolution runs over input positions, one more than there are inputs
        positions = let(valid_in + (conv.taps - 1)) if conv.phases > 1 else valid_out
        count = let(blocks(positions, block))
        with T.parallel(count * groups) as task:
            group, first = let(tirx.truncdiv(task, count)), let(tirx.truncmod(task, count) * block)
            here = let(T.min(positions - first, block))
            whole = let(tirx.truncdiv(here, tile_rows))
            tiled = let(whole * tile_rows)
            halves = let(blocks(here - tiled, half))
            scratch = products.scratch(conv, tile_rows if in_place else (block - 1) * conv.stride + reach)
            finished = T.alloc_buffer((tile_rows, panel))
            if in_place:
                _fill(conv, given, products, scratch, let(first + tiled), let(halves * half), valid_in, lanes)
            else:
                used = let((tiled + halves * half - 1) * conv.stride + reach)
                _fill(conv, given, products, scratch, first, used, valid_in, lanes)

            def tile(column: Expr, row: Expr, height: int, source: tirx.Buffer, at: Expr) -> None:
                """`height` rows of one column panel, from `at` of `source` on: sum, then finish row by row."""
                products.sums(conv, given, source, column, at, height, finished)
                if conv.phases == 1:
                    base, out_column = let(first + row), let(column * panel)
                else:
                    phase = let(tirx.truncdiv(column * panel, width))
                    base, out_column = (
                        let((first + row) * conv.phases + phase - conv.shift),
                        let(tirx.truncmod(column * panel, width)),
                    )
                with T.serial(height) as i:
                    out = let(base + i * conv.phases)
                    with when(tirx.all(out >= 0, out < valid_out)), T.serial(VECS) as j:
                        place = let(out_column + j * lanes)
                        value = let(load(finished, i, j * lanes, lanes=lanes))
                        value = epilogue(conv, value, given.residuals, out, place, lanes)
                        store(given.y, value, out, place, lanes=lanes)

            with T.serial(panels) as p:
                column = let(group * panels + p)
                with T.serial(whole) as t:
                    row = let(t * tile_rows)
                    tile(column, row, tile_rows, *((given.x, let(first + row)) if in_place else (scratch, row)))
                with T.serial(halves) as t:
                    row, at = let(tiled + t * half), let(t * half)
                    tile(column, row, half, scratch, at if in_place else row)
                if given.partials is not None:
                    for j in range(VECS):
                        block_moments(given.partials, given.y, first, here, column * panel + j * lanes, block, lanes)
    return function.get()


@dataclass(frozen=True)
class Operands:
    """Arguments of a convolution's kernel, in this order; those that `conv` does without are absent."""

    length: tirx.Buffer
    x: tirx.Buffer
    weight: tirx.Buffer
    bias: tirx.Buffer
    norm: tirx.Buffer | None
    alpha: tirx.Buffer | None
    residuals: list[tirx.Buffer]
    y: tirx.Buffer
    partials: tirx.Buffer | None


def operands(conv: Conv, weight: tuple[int, ...], dtype: str = "float32") -> Operands:
    """Declare the arguments of the kernel under construction; `weight` and `dtype` are those of the packed weights."""
    n, m, b = size("n"), size("m"), size("b")
    width = padded(conv.outputs)
    return Operands(
        length=arg("length", (1,), "int64"),
        x=arg("x", (n, padded(conv.inputs))),
        weight=arg("weight", weight, dtype),
        bias=arg("bias", (conv.columns,)),
        norm=arg("norm", (3, padded(conv.inputs))) if conv.norm else None,
        alpha=arg("alpha", (2, padded(conv.inputs))) if conv.snake else None,
        residuals=[arg(f"residual{i}", (m, width)) for i in range(conv.residuals)],
        y=arg("y", (m, width)),
        partials=arg("partials", (2, b, width)) if conv.statistics else None,
    )


def prologue(
    conv: Conv, value: Expr, norm: tirx.Buffer | None, alpha: tirx.Buffer | None, c: Index, lanes: int
) -> Expr:
    """`p` of channels c, c + 1, ... of one row."""
    if norm is not None:
        mean, scale, shift = (load(norm, i, c, lanes=lanes) for i in range(3))
        value = let((value - mean) * scale + shift)
    if conv.leaky is not None:
        value = vector_math.leaky_relu(value, conv.leaky, lanes)
    if alpha is not None:
        square = vector_math.sin_squared(value * load(alpha, 0, c, lanes=lanes), lanes)
        value = let(value + load(alpha, 1, c, lanes=lanes) * square)
    return value


def epilogue(conv: Conv, value: Expr, residuals: Sequence[tirx.Buffer], row: Expr, channel: Expr, lanes: int) -> Expr:
    """Residuals, gain and GELU on a finished sum."""
    for residual in residuals:
        value = let(value + load(residual, row, channel, lanes=lanes))
    if conv.gain != 1.0:
        value = let(value * splat(conv.gain, lanes))
    return vector_math.gelu(value, lanes) if conv.gelu else value


def _fill(
    conv: Conv,
    given: Operands,
    products: Products,
    scratch: tirx.Buffer,
    first: Expr,
    used: Expr,
    valid: Expr,
    lanes: int,
) -> None:
    """Copy the rows that a block reads into scratch, the prologue applied; zeros outside the valid rows."""
    with T.serial(used) as r:
        source = let(first * conv.stride + r - conv.padding)

        def value(c: Index) -> Expr:
            return prologue(conv, let(load(given.x, source, c, lanes=lanes)), given.norm, given.alpha, c, lanes)

        with T.If(tirx.all(source >= 0, source < valid)):
            with T.Then():
                products.put(conv, scratch, r, value)
            with T.Else():
                products.put(conv, scratch, r, lambda _: splat(0.0, lanes))


def block_moments(
    partials: tirx.Buffer, y: tirx.Buffer, first: Expr, rows: Expr, channel: Expr, block: int, lanes: int
) -> None:
    """partials[:, first / block, channel:channel + lanes] = mean and sum of squared deviations of rows first:first +
    rows of y."""
    total = registers((lanes,))
    store(total, splat(0.0, lanes), 0, lanes=lanes)
    with T.serial(rows) as r:
        store(total, load(total, 0, lanes=lanes) + load(y, first + r, channel, lanes=lanes), 0, lanes=lanes)
    mean = let(load(total, 0, lanes=lanes) / splat(T.Cast("float32", rows), lanes))
    store(total, splat(0.0, lanes), 0, lanes=lanes)
    with T.serial(rows) as r:
        deviation = let(load(y, first + r, channel, lanes=lanes) - mean)
        store(total, load(total, 0, lanes=lanes) + deviation * deviation, 0, lanes=lanes)
    store(partials, mean, 0, tirx.truncdiv(first, block), channel, lanes=lanes)
    store(partials, load(total, 0, lanes=lanes), 1, tirx.truncdiv(first, block), channel, lanes=lanes)


@dataclass(frozen=True)
class Partials:
    """Statistics of a buffer's blocks of `block` rows: data [2, blocks, padded(channels)] (see instance_norm)."""

    data: nn.Tensor
    block: int


@dataclass(frozen=True)
class Arguments:
    """Tensors of one call, in the order of `Operands`."""

    length: nn.Tensor
    x: nn.Tensor
    weight: nn.Tensor
    bias: nn.Tensor
    norm: nn.Tensor | None = None
    alpha: nn.Tensor | None = None
    residuals: Sequence[nn.Tensor] = ()


def conv1d(
    conv: Conv, given: Arguments, *, rows_in: Rows, rows_out: Rows, capacity: Index
) -> tuple[nn.Tensor, Partials | None]:
    """y [rows_out(capacity), padded(outputs)], and its partial statistics where `conv.statistics`."""
    simd = Simd.of()
    function = conv1d_kernel(conv, rows_in, rows_out, simd)
    return call_convolution(function, "conv1d", conv, given, rows_out.of(capacity), simd.block)


def call_convolution(
    function: tirx.PrimFunc, name: str, conv: Conv, given: Arguments, rows: Index, block: int
) -> tuple[nn.Tensor, Partials | None]:
    """Call a convolution's kernel for `rows` output rows, whose statistics it takes by `block` rows."""
    width = padded(conv.outputs)
    args = [given.length, given.x, given.weight, given.bias]
    args += [tensor for tensor in (given.norm, given.alpha, *given.residuals) if tensor is not None]
    y = nn.Tensor.placeholder((rows, width), "float32")
    if not conv.statistics:
        return call(function, name, args, out=y), None
    partials = nn.Tensor.placeholder((2, blocks(rows, block), width), "float32")
    first, second = call(function, name, args, out=[y, partials])
    return first, Partials(second, block)

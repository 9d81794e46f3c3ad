"""The vocabulary of the kernels: explicit vectors, emitted by plain Python.

A kernel is a Python function that emits TIR with the IR builder. `load` and `store` move one vector register, `when`
is a branch, `Simd` describes the target's registers. A register tile is `tile_rows` x `VECS` accumulators, chosen so
that accumulators, one row of weights and one broadcast value fit into the register file:

    AVX-512   16 lanes, 32 registers:  14 x 2 accumulators
    AVX2       8 lanes, 16 registers:   6 x 2
    other      4 lanes, 16 registers:   6 x 2   (SSE, NEON)
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from tvm import ir, tirx
from tvm.relax.frontend import nn
from tvm.script.ir_builder import IRBuilder
from tvm.target import Target
from tvm.target.codegen import llvm_cpu_has_features
from tvm.tirx.script import builder as T

CHANNELS = 32  # channel counts are padded to a multiple of this; a multiple of every target's VECS * lanes
VECS = 2  # vectors in a row of the register tile

Expr = tirx.Expr
Index = Expr | int
Out = TypeVar("Out", nn.Tensor, list[nn.Tensor])


@dataclass(frozen=True)
class Simd:
    """Vector registers of a CPU target.

    lanes: float32 values of one vector; tile_rows: rows of the register tile.
    """

    lanes: int
    tile_rows: int

    @property
    def panel(self) -> int:
        """The output channels of one register tile."""
        return VECS * self.lanes

    @property
    def block(self) -> int:
        """The rows that one task computes, and over which the partial statistics of a norm run."""
        return 8 * self.tile_rows if self.lanes == 16 else 16 * self.tile_rows

    @staticmethod
    def of(target: Target | None = None) -> Simd:
        """Return the registers of `target`, by default the current one."""
        return _registers_of(str(target or Target.current(allow_none=False)))


@functools.cache
def _registers_of(spec: str) -> Simd:
    """Return the registers of the target that `spec` describes; LLVM takes half a millisecond for each feature."""
    target = Target(spec)
    arch = str(target.attrs.get("mtriple", "x86_64"))
    x86 = arch.startswith(("x86_64", "i686", "amd64"))
    if x86 and llvm_cpu_has_features("avx512f", target):
        return Simd(lanes=16, tile_rows=14)
    if x86 and llvm_cpu_has_features(["avx2", "fma"], target):
        return Simd(lanes=8, tile_rows=6)
    return Simd(lanes=4, tile_rows=6)


def padded(channels: int) -> int:
    """Return the number of channels that an activation has in memory."""
    return -(-channels // CHANNELS) * CHANNELS


@contextmanager
def kernel(name: str) -> Iterator[IRBuilder]:
    """Hold a PrimFunc under construction; `builder.get()` after the block returns it."""
    with IRBuilder() as builder, T.prim_func(s_tir=True):
        T.func_name(name)
        T.func_attr({"tirx.noalias": True, "global_symbol": name})
        yield builder


def arg(name: str, shape: Sequence[Index], dtype: str = "float32") -> tirx.Buffer:
    """Declare the next argument, a buffer. Arrays handed to a library are 64-byte aligned (runner.runtime.values)."""
    return T.match_buffer(T.arg(name, T.handle()), shape, dtype)


def size(name: str) -> tirx.Var:
    """Make a symbolic extent, bound by the buffer that it is a dimension of."""
    return tirx.Var(name, "int64")


def number(name: str) -> tirx.Var:
    """Declare the next argument, an int64: each call of the kernel gives its own."""
    return T.arg(name, tirx.Var(name, "int64"))


def let(value: Expr) -> tirx.Var:
    """Bind a value to a variable, so that it is computed once."""
    return T.Bind(value)


def opaque(value: Expr) -> tirx.Var:
    """Bind an int64 of at least 0 whose definition TVM's passes do not see; LLVM does.

    They would put the definition in the place of each use, and take a fifth of a second to simplify that.
    """
    return let(T.call_llvm_intrin("int64", "llvm.smax", value, tirx.const(0, "int64")))


@contextmanager
def when(condition: Expr) -> Iterator[None]:
    """Run the statements inside only where `condition` holds."""
    with T.If(condition), T.Then():
        yield


@contextmanager
def otherwise() -> Iterator[None]:
    """Hold the other branch of an enclosing `T.If`."""
    with T.Else():
        yield


def span(start: Index, lanes: int) -> Index:
    """Return the index of `lanes` neighbours."""
    return T.ramp(start, 1, lanes) if lanes > 1 else start


def load(buffer: tirx.Buffer, *index: Index, lanes: int) -> Expr:
    """Load `lanes` neighbours along the last axis."""
    return buffer[(*index[:-1], span(index[-1], lanes))]


def store(buffer: tirx.Buffer, value: Expr, *index: Index, lanes: int) -> None:
    """Write `lanes` neighbours along the last axis."""
    T.buffer_store(buffer, value, [*index[:-1], span(index[-1], lanes)])


def splat(value: Expr | float, lanes: int, dtype: str = "float32") -> Expr:
    """Put one value into every lane."""
    scalar = value if isinstance(value, ir.Expr) else tirx.const(value, dtype)
    return T.broadcast(scalar, lanes) if lanes > 1 else scalar


def registers(shape: Sequence[int], dtype: str = "float32") -> tirx.Buffer:
    """Allocate values that stay in vector registers; they are indexed by constants only."""
    return T.alloc_buffer(shape, dtype, scope="local")


def blocks(rows: Expr | int, block: int) -> Expr:
    """Return the number of tasks of `block` rows."""
    return tirx.truncdiv(rows + (block - 1), block) if isinstance(rows, ir.Expr) else -(-rows // block)


def call(function: tirx.PrimFunc, name: str, args: Sequence[nn.Tensor | int], out: Out) -> Out:
    """Call a kernel from an `nn.Module`; calls of equal functions share one.

    The symbol becomes private, since one name may stand for many shapes of a kernel.
    """
    given = [tirx.const(arg, "int64") if isinstance(arg, int) else arg for arg in args]
    return nn.op.tensor_ir_op(function.without_attr("global_symbol"), name, given, out=out)

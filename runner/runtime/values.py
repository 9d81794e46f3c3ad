"""Checks every value of a run: dtype, rank, named dims, finiteness.

The first port that has a dim sets its size, and all other ports are checked against it: a wrong axis is found at its
port, not in a kernel that reads past the end of an array.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from runner.errors import RunError
from stages.contract import Dim, NamedType, TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stages.contract import Type

Array = npt.NDArray[Any]

STR = NamedType("str")
_KIND_NAMES = {bool: "a boolean", int: "an integer", float: "a number"}


class Remote:
    """An array in the memory of a device. Stages on that device take it as it is; `array` copies it to the host.

    Attributes:
        device: TVM's device kind and index.
        tensor: TVM's tensor.
        fetched: whether it has been copied to the host.
    """

    def __init__(
        self, tensor: Any, device: tuple[str, int], dtype: str, shape: tuple[int, ...], fetch: Callable[[Any], Array]
    ) -> None:
        self.tensor, self.device, self.shape = tensor, device, shape
        self.dtype = np.dtype(dtype)
        self._fetch = fetch
        self._array: Array | None = None

    @property
    def fetched(self) -> bool:
        return self._array is not None

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def array(self) -> Array:
        """The array on the host; it is copied once."""
        if self._array is None:
            self._array = self._fetch(self.tensor)
        return self._array


class Bound(Protocol):
    """A dim of a graph: its largest size, and whether every array has exactly that size."""

    @property
    def max(self) -> int: ...
    @property
    def static(self) -> bool: ...


@dataclass(frozen=True)
class _Size:
    size: int
    where: str  # its source, for messages


class Sizes:
    """The sizes of the named dims in a run."""

    def __init__(self, dims: Mapping[str, Bound]) -> None:
        self._bounds = dims
        self._sizes = {
            name: _Size(bound.max, "the graph's dims, as a fixed size") for name, bound in dims.items() if bound.static
        }
        self._finite: dict[int, object] = {}  # by `id`

    def __getitem__(self, name: str) -> int:
        return self._sizes[name].size

    def copy(self, finite: Iterable[object] = ()) -> Sizes:
        """Make sizes that begin with these; of the arrays in `finite`, only dtype and shape are checked again."""
        made = Sizes({})
        made._bounds, made._sizes = self._bounds, dict(self._sizes)
        made._finite = self._finite | {id(value): value for value in finite} if finite else self._finite
        return made

    def take(self, port: str, type_: Type, value: object) -> Any:
        """Check the value at `port` ('stage.port') against `type_`, and set the sizes of new dims; gives the value.

        A number or boolean of Python becomes a scalar tensor. An array on another device stays there, and only its
        dtype and shape are checked.

        Raises:
            RunError: the value is no array, has another dtype, rank or dim, or holds NaN or infinity.
        """
        if type_ == STR:
            if not isinstance(value, str):
                raise RunError(f"{port}: expected text, got {type(value).__name__}")
            return value
        if isinstance(value, Remote):
            self.see(port, type_, value.dtype.name, value.shape)
            return value
        if isinstance(type_, NamedType):
            assert type_.tensor is not None  # `str` alone has none
            type_ = type_.tensor
        if not type_.dims and isinstance(value, bool | int | float):
            value = make_scalar(port, type_, value)
        elif not type_.dims and isinstance(value, np.generic):
            value = np.asarray(value)
        return self._check(port, type_, value)

    def _check(self, port: str, type_: TensorType, value: object) -> Array:
        if not isinstance(value, np.ndarray):
            raise RunError(f"{port}: expected a numpy array of {type_}, got {type(value).__name__}")
        if _dtype_name(value.dtype) != type_.dtype:
            raise RunError(f"{port}: expected {type_}, got {spell(value)}{_dtype_hint(type_.dtype)}")
        if value.ndim != len(type_.dims):
            raise RunError(f"{port}: expected {type_} of {len(type_.dims)} axes, got {spell(value)}")
        self._check_dims(port, type_, value.shape)
        if id(value) not in self._finite:
            check_finite(port, value)
        return value

    def see(self, port: str, type_: Type, dtype: str, shape: tuple[int, ...]) -> None:
        """Check dtype and shape of an array as `take` does; for an array whose elements are not loaded.

        Raises:
            RunError: it has another dtype, rank or dim.
        """
        type_ = (type_.tensor or type_) if isinstance(type_, NamedType) else type_
        if not isinstance(type_, TensorType) or dtype != type_.dtype or len(shape) != len(type_.dims):
            raise RunError(f"{port}: expected {type_}, got {_spell(dtype, shape)}")
        self._check_dims(port, type_, shape)

    def known(self) -> dict[str, int]:
        """Give the sizes that are known so far: dim -> size."""
        return {name: bound.size for name, bound in self._sizes.items()}

    def _check_dims(self, port: str, type_: TensorType, shape: tuple[int, ...]) -> None:
        for axis, (dim, size) in enumerate(zip(type_.dims, shape, strict=True)):
            fault = self._fault(port, dim, size)
            if fault:
                got = _spell(type_.dtype, shape)
                raise RunError(f"{port}: expected {type_}, got {got}: axis {axis} {fault}")

    def _fault(self, port: str, dim: Dim, size: int) -> str:
        """Say what is wrong with the size of an axis, '' for nothing; sets the size of a new dim."""
        if dim.name is None:
            return "" if size == dim.factor else f"is {size}, not {dim.factor}"
        if size % dim.factor:
            return f"is {size}, which is no multiple of {dim.factor}"
        units = size // dim.factor
        known = self._sizes.get(dim.name)
        if known is not None and units != known.size:
            return f"makes {dim.name} {units}, but it is {known.size} by {known.where}"
        bound = self._bounds.get(dim.name)
        if bound is not None and units > bound.max:
            return f"makes {dim.name} {units}, but the graph allows {bound.max}"
        if known is None:
            self._sizes[dim.name] = _Size(units, port)
        return ""

    def pad(self, port: str, type_: Type, value: Array, padded: frozenset[str]) -> Array:
        """Pad each axis with a dim of `padded` to the dim's static size: with 0, a mask with True.

        Raises:
            RunError: an axis is longer than that size.
        """
        if not padded or not isinstance(type_, TensorType):
            return value
        if not isinstance(value, np.ndarray) or value.ndim != len(type_.dims):
            return value  # take() refuses it
        widths = []
        for dim, size in zip(type_.dims, value.shape, strict=True):
            wanted = dim.factor * self[dim.name] if dim.name in padded else size
            if size > wanted:
                fixed = f"the graph fixes {dim.name} at {wanted // dim.factor}"
                raise RunError(f"{port}: {size // dim.factor} {dim.name}, but {fixed}: give less, or fix it higher")
            widths.append((0, wanted - size))
        if not any(after for _, after in widths):
            return value
        return np.pad(value, widths, constant_values=value.dtype == np.bool_)


def make_scalar(port: str, type_: TensorType, value: float) -> Array:
    """Make a tensor without axes of a number or boolean; only a float is rounded, to the precision of `type_`.

    Raises:
        RunError: the value is of another kind than `type_`, or beyond its range.
    """
    dtype = np.dtype(type_.dtype)
    kinds = {"b": bool, "i": int, "u": int, "f": int | float}
    if not isinstance(value, kinds[dtype.kind]) or (isinstance(value, bool) and dtype.kind != "b"):
        raise RunError(f"{port}: expected {type_}, got {value!r}, {_KIND_NAMES[type(value)]}")
    try:
        return np.array(value, dtype)
    except OverflowError:
        raise RunError(f"{port}: {value} is beyond the range of {type_.dtype}") from None


def check_finite(port: str, value: Array) -> None:
    """Refuse NaN and infinity: later stages would turn them into noise, and their origin would be unknown.

    Raises:
        RunError: the message has the port, the first such element and their number.
    """
    if value.dtype.kind != "f":
        return
    finite = np.isfinite(value)
    if finite.all():
        return
    bad = np.argwhere(~finite)
    first = tuple(int(i) for i in bad[0])
    found = f"{len(bad)} of {value.size} values are not finite, the first is {value[first]} at {list(first)}"
    raise RunError(f"{port}: {found}")


def spell(value: Array | str) -> str:
    """Write the type of a value in the graph's grammar: `float32[1, 400]`, `str`."""
    if isinstance(value, str):
        return str(STR)
    return _spell(value.dtype.name, value.shape)


def _spell(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}[{', '.join(map(str, shape))}]"


@functools.lru_cache
def _dtype_name(dtype: np.dtype[Any]) -> str:
    return dtype.name  # NumPy puts it together anew each time


def _dtype_hint(expected: str) -> str:
    if expected == "bool":
        return "; a mask is bool (True = padding), and no other dtype is taken for one"
    return f"; nothing is converted on the way: make it {expected} at its source"

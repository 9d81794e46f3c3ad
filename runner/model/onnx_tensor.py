"""Reads the tensors that an ONNX file stores, and describes those that are made of them.

    TensorProto --check type, dims, length--> OnnxTensor --read--> array of the file's own type
                                                  |
                     transposed, dequantised, cut +--> ExportedTensor --read--> float32 or float64

Nothing is converted before it is asked for: a stage of the model takes its own tensors only.

Source: onnx.proto of onnx 1.23 (TensorProto), which says how each type lies in `raw_data` and in the typed fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from runner.errors import WeightsError

_EXTERNAL = 1  # TensorProto.DataLocation


class _Type(NamedTuple):
    """How one type of ONNX is stored. Of bits below 8, two values share a byte, the first in the lower half."""

    name: str
    layout: str
    bits: int
    field: str


_TYPES = {  # by TensorProto.DataType
    1: _Type("float32", "<f4", 32, "float_data"),
    2: _Type("uint8", "<u1", 8, "int32_data"),
    3: _Type("int8", "<i1", 8, "int32_data"),
    4: _Type("uint16", "<u2", 16, "int32_data"),
    5: _Type("int16", "<i2", 16, "int32_data"),
    6: _Type("int32", "<i4", 32, "int32_data"),
    7: _Type("int64", "<i8", 64, "int64_data"),
    9: _Type("bool", "<u1", 8, "int32_data"),
    10: _Type("float16", "<f2", 16, "int32_data"),
    11: _Type("float64", "<f8", 64, "double_data"),
    16: _Type("bfloat16", "<u2", 16, "int32_data"),
    21: _Type("uint4", "<u1", 4, "int32_data"),
    22: _Type("int4", "<u1", 4, "int32_data"),
}
_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8, "int32": 31, "uint4": 4, "int4": 4}
"""Significant bits of a type; 8 of those that are not named."""
FLOATS = ("float64", "float32", "float16", "bfloat16")
SMALL_INTEGERS = ("uint8", "int8", "uint4", "int4")
"""Types in which only quantised weights, their zero points and activations are stored."""


class FormError(Exception):
    """A form of a tensor that is not read; whoever knows the node adds it to the message."""


@dataclass(frozen=True)
class ExportedTensor:
    """A tensor of the model, made of stored ones when it is asked for.

    Attributes:
        dtype: the type in which its values are stored.
        shape: as the model has it.
        source: name of the stored tensor that holds its values.
        read: gives the values in a type of floats, float32 or float64.
    """

    dtype: str
    shape: tuple[int, ...]
    source: str
    read: Callable[[DTypeLike], NDArray[Any]]

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def float32(self) -> NDArray[np.float32]:
        """Give the values, rounded once, C-contiguous.

        Raises:
            ValueError: they are not finite: a scale is damaged, or was too large for the type in which it is stored.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.require(self.read(np.float32), np.float32, ["C", "ALIGNED"])
        if not np.isfinite(values).all():
            raise ValueError("holds values that are not finite")
        return values

    def float64(self) -> NDArray[np.float64]:
        """Give the values before they are rounded, C-contiguous."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.require(self.read(np.float64), np.float64, ["C", "ALIGNED"])

    def transpose(self, axes: tuple[int, ...]) -> ExportedTensor:
        """Describe the tensor with its axes in another order."""
        shape = tuple(self.shape[axis] for axis in axes)
        return ExportedTensor(self.dtype, shape, self.source, lambda dtype: self.read(dtype).transpose(axes))

    def part(self, index: tuple[slice | int, ...]) -> ExportedTensor:
        """Describe a part of the tensor."""
        shape = np.empty(self.shape, np.void)[index].shape  # of itemsize 0: it takes no memory
        return ExportedTensor(self.dtype, shape, self.source, lambda dtype: self.read(dtype)[index])

    def choose_finer(self, other: ExportedTensor) -> ExportedTensor | None:
        """Choose of two forms of one tensor the one that is stored in the finer type; None if they are two tensors.

        Their values must agree, in parts of the largest, to all but two of the bits of the coarser type.
        """
        if (self.source, self.shape) == (other.source, other.shape):
            return self
        finer, coarser = sorted((self, other), key=lambda tensor: -_DIGITS.get(tensor.dtype, 8))
        values = finer.float64()
        step = 2.0 ** (2 - _DIGITS.get(coarser.dtype, 8)) * np.abs(values).max(initial=0)
        is_same = finer.shape == coarser.shape and np.allclose(values, coarser.float64(), rtol=0, atol=step)
        return finer if is_same else None


class OnnxTensor:
    """A tensor of the file.

    Attributes:
        name: as nodes call it.
        dtype: its type, as NumPy spells it; `bfloat16`, `int4` and `uint4` as ONNX does.
        shape: its dims.
    """

    def __init__(self, file: str, name: str, proto: Any) -> None:
        """Check what the file says of the tensor; its values are not read.

        Raises:
            WeightsError: its type is none of `_TYPES`, its dims are no sizes, its bytes are not as many as its dims
                say, or lie in another file.
        """
        self.name, self._where, self._proto = name, f"{file}: tensor '{name}'", proto
        self.shape = tuple(int(size) for size in proto.dims)
        if proto.data_location == _EXTERNAL:
            raise WeightsError(
                f"{self._where} lies in another file, '{_location(proto)}', and a checkpoint is one file; make it one: "
                "python -c \"import onnx; onnx.save(onnx.load('model.onnx'), 'whole.onnx')\""
            )
        if proto.data_type not in _TYPES:
            known = ", ".join(kind.name for kind in _TYPES.values())
            raise WeightsError(f"{self._where} has ONNX's type {proto.data_type}, expected one of {known}")
        self._type = _TYPES[proto.data_type]
        self.dtype = self._type.name
        self._check_length()

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def _check_length(self) -> None:
        if any(size < 0 for size in self.shape):
            raise WeightsError(f"{self._where} has the shape {list(self.shape)}, expected sizes; fetch the file again")
        count = math.prod(self.shape)
        expected = -(-count * self._type.bits // 8)
        unit, found = "bytes", len(self._proto.raw_data)
        if not self._proto.HasField("raw_data"):
            unit, found = "numbers", len(getattr(self._proto, self._type.field))
            expected = -(-count // 2) if self._type.bits < 8 else count
        if found != expected:
            fact = f"{self._where} holds {found} {unit}, expected {expected} of {self}"
            raise WeightsError(f"{fact}: truncated or damaged; fetch the file again")

    def read(self) -> NDArray[Any]:
        """Read the values, in the file's type; bfloat16 as float32, 4-bit integers as 8-bit ones.

        Raises:
            WeightsError: a number does not fit the type.
        """
        flat = self._read_flat()
        if self.dtype == "bfloat16":
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        elif self._type.bits < 8:
            flat = unpack_nibbles(flat)[: math.prod(self.shape)]
            flat = ((flat ^ 8).view(np.int8) - np.int8(8)) if self.dtype == "int4" else flat
        return flat.reshape(self.shape)

    def _read_flat(self) -> NDArray[Any]:
        layout = np.dtype(self._type.layout)
        if self._proto.HasField("raw_data"):
            return np.frombuffer(self._proto.raw_data, layout)
        numbers = np.array(getattr(self._proto, self._type.field))
        if self._type.field != "int32_data":
            return numbers.astype(layout)
        bits = layout if self.dtype != "float16" else np.dtype(np.uint16)
        flat = numbers.astype(bits)
        if not np.array_equal(flat, numbers):
            raise WeightsError(f"{self._where} holds numbers that {self.dtype} has not; fetch the file again")
        return flat.view(layout)

    def floats(self) -> ExportedTensor:
        """Describe it as a tensor of the model, which has its values and shape."""
        return ExportedTensor(self.dtype, self.shape, self.name, lambda dtype: self.read().astype(dtype, copy=False))


def unpack_nibbles(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Unpack 4-bit numbers, two of each byte along the last axis, the lower half first."""
    return np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)


def _location(proto: Any) -> str:
    return next((entry.value for entry in proto.external_data if entry.key == "location"), "")

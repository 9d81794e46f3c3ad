"""Arrays and tensors that share memory: alignment, and weights mapped from their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError
from runner.runtime.manifest import Tensor
from runner.runtime.tensors import align_array, empty, get, map_weights, put


def at_offset(value: np.ndarray, offset: int) -> np.ndarray:
    """Copy `value` to an address `offset` bytes past a multiple of 64."""
    buffer = np.empty(value.nbytes + 128, np.uint8)
    start = -buffer.ctypes.data % 64 + offset
    copy = buffer[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
    copy[...] = value
    return copy


@pytest.mark.parametrize("offset", [4, 16, 32])
def test_aligned_copies_what_is_misaligned(offset: int) -> None:
    value = at_offset(np.arange(5, dtype=np.float32), offset)
    fixed = align_array(value)
    assert fixed.ctypes.data % 64 == 0
    np.testing.assert_array_equal(fixed, value)


def test_aligned_leaves_alone_what_is_aligned() -> None:
    value = empty((3, 5), np.dtype(np.float32))
    assert align_array(value) is value


def test_put_does_not_copy_what_is_aligned() -> None:
    value = empty((3,), np.dtype(np.float32))
    assert np.shares_memory(np.from_dlpack(put(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        np.array(7, np.int64),
        np.array(True),
        np.zeros((1, 0), np.float32),
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.broadcast_to(np.float32(3), (2, 2)),
    ],
    ids=["scalar", "bool", "empty", "transposed", "read-only"],
)
def test_put_and_get_return_the_same(value: np.ndarray) -> None:
    returned = get(put(value))
    assert returned.dtype == value.dtype
    np.testing.assert_array_equal(returned, value)


def test_put_takes_the_byte_order_of_another_machine() -> None:
    returned = get(put(np.array([1, 2], ">f4")))
    assert (returned.dtype.str[0], returned.tolist()) == ("<", [1, 2])


def test_map_weights_is_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(np.arange(32, dtype="<f4").tobytes())
    first, second = map_weights(path, [Tensor("a", "float32", (2, 3), 0), Tensor("b", "int32", (4,), 64)])
    assert np.from_dlpack(first).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.from_dlpack(second).view(np.float32).tolist() == [16, 17, 18, 19]


@pytest.mark.parametrize("tensor", [Tensor("a", "float32", (33,), 0), Tensor("a", "float32", (1,), 4)])
def test_map_weights_refuses_a_tensor_outside_the_file(tmp_path: Path, tensor: Tensor) -> None:
    path = tmp_path / "w"
    path.write_bytes(bytes(128))
    with pytest.raises(RunError, match=r"tensor a of .* does not fit the file"):
        map_weights(path, [tensor])

"""Compiled functions: inputs that they take and refuse, and files that are no libraries."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError
from runner.runtime import manifest
from runner.runtime.library import Library
from runner.runtime.process import load_ffi
from runner.runtime.tensors import put
from tests.runner.runtime.test_tensors import at_offset


def weights(*values: float) -> object:
    return load_ffi().Array([put(np.array([value], np.float32)) for value in values])


IDS = np.array([[1, 2, 3, 4, 5]], np.int64)
MASK = np.array([[False, False, False, True, True]])


@pytest.mark.parametrize("offset", [0, 4, 16, 32])
def test_library_takes_arrays_at_any_alignment(toy_library: Path, offset: int) -> None:
    library = Library(toy_library, "scaled_forward", weights=weights(2.0))
    y, n = library([at_offset(IDS, offset & ~7), at_offset(MASK, offset)])
    np.testing.assert_array_equal(y, [[2, 4, 6, 0, 0]])
    np.testing.assert_array_equal(n, [[2, 4, 6, 0, 0] * 2])


def test_library_refuses_a_missing_entry(toy_library: Path) -> None:
    with pytest.raises(RunError, match="has no entry 'other_forward'"):
        Library(toy_library, "other_forward")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _data: b"no library", "cannot be loaded: .*file too short"),
        (lambda data: b"\x7fNOT" + data[4:], "cannot be loaded: .*invalid ELF header"),
        (lambda data: data[: len(data) // 2], "is truncated: [0-9]+ bytes of at least"),
        (lambda data: data[:100], "is truncated: 100 bytes of at least"),
        (lambda data: data[:18] + b"\xf3\x00" + data[20:], f"is for riscv64, this machine is {platform.machine()}"),
    ],
    ids=["text", "magic", "half", "header", "processor"],
)
def test_library_refuses_a_damaged_file(toy_library: Path, tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "bad.so"
    path.write_bytes(damage(toy_library.read_bytes()))  # type: ignore[operator]
    with pytest.raises(RunError, match=message):
        Library(path, "scaled_forward")


def test_library_that_is_no_executable_is_refused() -> None:
    ffi = load_ffi()
    plain = Path(ffi.libinfo.find_libtvm_ffi())
    with pytest.raises(RunError, match="is no Relax executable"):
        Library(plain, "scaled_forward")


def test_library_reports_what_tvm_refuses(toy_library: Path) -> None:
    library = Library(toy_library, "scaled_forward", weights=weights(2.0))
    with pytest.raises(RunError, match=r"scaled_forward of .* failed: .*expect Tensor with dtype bool but get int8"):
        library([IDS, MASK.astype(np.int8)])


def test_weights_are_beside_the_library(toy_root: Path) -> None:
    library = toy_root / "toy" / "cpu" / "scaled.so"
    assert manifest.weights_path(library).read_bytes() == np.float32(2).tobytes()


def test_library_computes_on_another_virtual_machine_while_one_is_at_work(toy_library: Path) -> None:
    library = Library(toy_library, "scaled_forward", weights=weights(2.0))
    with library._take_entry() as taken:
        y, _ = library([IDS, MASK])
        with library._take_entry() as other:
            assert taken is not other
    np.testing.assert_array_equal(y, [[2, 4, 6, 0, 0]])


def test_library_takes_its_virtual_machine_again_after_a_call_that_failed(toy_library: Path) -> None:
    library = Library(toy_library, "scaled_forward", weights=weights(2.0))
    with pytest.raises(RunError, match=r"scaled_forward of .* failed"):
        library([IDS, MASK[:, :2]])
    y, _ = library([IDS, MASK])
    np.testing.assert_array_equal(y, [[2, 4, 6, 0, 0]])
    assert len(library._idle) == 1

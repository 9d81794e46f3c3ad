"""TVM's runtime alone: alignment, weights, threads, and what is not imported."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError
from runner.runtime import manifest, tvm_runtime
from runner.runtime.manifest import Tensor
from runner.runtime.tvm_runtime import Library


def at_offset(value: np.ndarray, offset: int) -> np.ndarray:
    """A copy of `value` that begins `offset` bytes past a multiple of 64."""
    buffer = np.empty(value.nbytes + 128, np.uint8)
    start = -buffer.ctypes.data % 64 + offset
    copy = buffer[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
    copy[...] = value
    return copy


def weights(*values: float) -> object:
    return tvm_runtime.ffi().Array([tvm_runtime.put(np.array([value], np.float32)) for value in values])


IDS = np.array([[1, 2, 3, 4, 5]], np.int64)
MASK = np.array([[False, False, False, True, True]])


@pytest.mark.parametrize("offset", [0, 4, 16, 32])
def test_library_takes_arrays_at_any_alignment(toy_library: Path, offset: int) -> None:
    library = Library(toy_library, "scaled_forward", weights=weights(2.0))
    y, n = library([at_offset(IDS, offset & ~7), at_offset(MASK, offset)])
    np.testing.assert_array_equal(y, [[2, 4, 6, 0, 0]])
    np.testing.assert_array_equal(n, [[2, 4, 6, 0, 0] * 2])


@pytest.mark.parametrize("offset", [4, 16, 32])
def test_aligned_copies_what_is_misaligned(offset: int) -> None:
    value = at_offset(np.arange(5, dtype=np.float32), offset)
    fixed = tvm_runtime.aligned(value)
    assert fixed.ctypes.data % 64 == 0
    np.testing.assert_array_equal(fixed, value)


def test_aligned_leaves_alone_what_is_aligned() -> None:
    value = tvm_runtime.empty((3, 5), np.dtype(np.float32))
    assert tvm_runtime.aligned(value) is value


def test_put_does_not_copy_what_is_aligned() -> None:
    value = tvm_runtime.empty((3,), np.dtype(np.float32))
    assert np.shares_memory(np.from_dlpack(tvm_runtime.put(value)), value)


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
    returned = tvm_runtime.get(tvm_runtime.put(value))
    assert returned.dtype == value.dtype
    np.testing.assert_array_equal(returned, value)


def test_map_weights_is_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(np.arange(32, dtype="<f4").tobytes())
    first, second = tvm_runtime.map_weights(path, [Tensor("a", "float32", (2, 3), 0), Tensor("b", "int32", (4,), 64)])
    assert np.from_dlpack(first).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.from_dlpack(second).view(np.float32).tolist() == [16, 17, 18, 19]


@pytest.mark.parametrize("tensor", [Tensor("a", "float32", (33,), 0), Tensor("a", "float32", (1,), 4)])
def test_map_weights_refuses_a_tensor_outside_the_file(tmp_path: Path, tensor: Tensor) -> None:
    path = tmp_path / "w"
    path.write_bytes(bytes(128))
    with pytest.raises(RunError, match=r"tensor a of .* does not fit the file"):
        tvm_runtime.map_weights(path, [tensor])


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
    ffi = tvm_runtime.ffi()
    plain = Path(ffi.libinfo.find_libtvm_ffi())
    with pytest.raises(RunError, match="is no Relax executable"):
        Library(plain, "scaled_forward")


def test_library_reports_what_tvm_refuses(toy_library: Path) -> None:
    library = Library(toy_library, "scaled_forward", weights=weights(2.0))
    with pytest.raises(RunError, match=r"scaled_forward of .* failed: .*expect Tensor with dtype bool but get int8"):
        library([IDS, MASK.astype(np.int8)])


def test_use_threads_takes_effect_each_time() -> None:
    for count in (2, 1, 2):
        tvm_runtime.use_threads(count)
        assert tvm_runtime.ffi().get_global_func("runtime.NumThreads")() == count


def test_use_threads_refuses_none() -> None:
    with pytest.raises(RunError, match="threads: 0, but at least 1 is needed"):
        tvm_runtime.use_threads(0)


def test_version_is_that_of_the_compiler() -> None:
    import tvm  # noqa: PLC0415

    assert tvm_runtime.version() == tvm.__version__


IN_HEAP = """
import re, sys
from pathlib import Path
import numpy as np
from runner.runtime import tvm_runtime

def anonymous_mib():
    return int(re.search("RssAnon:[ \t]+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024

if sys.argv[2] == "heap":
    tvm_runtime.Buffers.in_heap()
weights = tvm_runtime.ffi().Array([tvm_runtime.put(np.array([2], np.float32))])
library = tvm_runtime.Library(Path(sys.argv[1]), "scaled_forward", weights=weights)
length = 1_000_000
for n in range(10):  # each of another length, which gives 24 MB
    ids = np.ones((1, length + n * 4096), np.int64)
    y, _ = library([ids, np.zeros(ids.shape, bool)])
    assert (y == 2).all()
    del y, _, ids
print(anonymous_mib())
"""


def test_calls_of_many_lengths_share_the_heap(toy_library: Path, repository: Path) -> None:
    held = {}
    for place in ("heap", "pool"):
        command = [sys.executable, "-c", IN_HEAP, str(toy_library), place]
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        held[place] = float(done.stdout)
    assert held["heap"] < 0.75 * held["pool"]


NOT_NEEDED = """
import sys
from pathlib import Path
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
import runner.speech.speaker, runner.build.staleness

pipeline = Pipeline(load_graph(sys.argv[1]), Path(sys.argv[2]))
assert pipeline.run(phonemes="hɛ")["y"].tolist() == [[0, 100, 172, 0]]
print(sorted({"tvm", "torch", "huggingface_hub", "rich", "pytest"} & sys.modules.keys()))
"""


def test_running_imports_neither_tvm_nor_torch(toy_graph: Path, toy_root: Path, repository: Path) -> None:
    command = [sys.executable, "-c", NOT_NEEDED, str(toy_graph), str(toy_root)]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_weights_are_beside_the_library(toy_root: Path) -> None:
    library = toy_root / "toy" / "cpu" / "scaled.so"
    assert manifest.weights_path(library).read_bytes() == np.float32(2).tobytes()

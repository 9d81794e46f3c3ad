"""Arrays of ports are written whole or not at all."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runner.errors import RunError
from runner.files.npy import read_array, write_ports


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """Let no file grow past 20 kB, as on a disk that fills up; only inside, for pytest's own output may be a file."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_arrays_survive_the_disk(tmp_path: Path) -> None:
    ports = {"a.mask": np.array([[True, False]]), "a.seed": np.array(3), "b.none": np.zeros((1, 0), np.float32)}
    write_ports(tmp_path / "new", ports)
    for port, array in ports.items():
        np.testing.assert_array_equal(read_array(tmp_path / "new" / f"{port}.npy"), array, strict=True)


def test_full_disk_is_an_error_and_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    message = r"b\.large\.npy: cannot be written: File too large"
    with small_files(), pytest.raises(RunError, match=message):
        write_ports(tmp_path, {"a.small": np.zeros(3), "b.large": np.zeros(10_000)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.small.npy"]

"""The files of other packages that a bundle carries."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from runner.bundle import packages
from runner.bundle.layout import SYSTEM_LIBRARIES
from runner.bundle.packages import list_packages
from runner.bundle.system_libraries import list_system_libraries
from runner.errors import RunError


@pytest.fixture(scope="module")
def carried() -> set[str]:
    return {entry.path for entry in list_packages()}


@pytest.mark.parametrize(
    "path", ["python/tvm/lib/libtvm_runtime.so", "python/tvm_ffi/lib/libtvm_ffi.so", "python/numpy/__init__.py"]
)
def test_the_runtime_and_numpy_are_carried(carried: set[str], path: str) -> None:
    assert path in carried


@pytest.mark.parametrize(
    "part", ["libtvm_compiler", "/tests/", "/include/", ".pyi", "numpy/random", "/f2py/", "__pycache__"]
)
def test_what_only_builds_and_tests_read_is_not(carried: set[str], part: str) -> None:
    assert [path for path in carried if part in path and "/licenses/" not in path] == []


@pytest.mark.parametrize("package", ["numpy", "apache_tvm", "apache_tvm_ffi", "defusedxml", "typing_extensions"])
def test_each_package_comes_with_its_version_and_licence(carried: set[str], package: str) -> None:
    own = [path.partition(".dist-info/")[2] for path in carried if path.startswith(f"python/{package}-")]
    assert "METADATA" in own
    assert [name for name in own if "LICENSE" in name]


def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_PACKAGES", (packages._Package("no-such-package", "x"),))
    with pytest.raises(
        RunError, match="the package no-such-package is not installed, which a bundle carries: pip inst"
    ):
        list(list_packages())


def test_the_libraries_beside_libc_are_found() -> None:
    found = {entry.path: entry.content for entry in list_system_libraries()}
    assert found.keys() == {"lib/libgcc_s.so.1", "lib/libstdc++.so.6", "lib/libz.so.1"}


def test_libraries_of_the_system_are_found_beside_a_file_whose_name_is_not_utf8(tmp_path: Path) -> None:
    """A process that has such a file mapped lists its name among those of its libraries."""
    with (tmp_path / os.fsdecode(b"\xe9")).open("wb+") as file:
        file.write(bytes(16))
        file.flush()
        with mmap.mmap(file.fileno(), 16):
            assert [Path(entry.path).name for entry in list_system_libraries()] == list(SYSTEM_LIBRARIES)

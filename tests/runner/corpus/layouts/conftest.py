"""What tests of layouts need beside an output."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def torchcodec() -> None:
    """The decoder of `datasets` is installed, or the test is skipped; it needs PyTorch, and the FFmpeg of PyAV."""
    for package in ("av", "datasets", "torch", "torchcodec"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; `datasets` decodes by torchcodec, PyTorch and the FFmpeg of PyAV")


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that makes a package as if it were not installed."""

    def remove(package: str) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return remove

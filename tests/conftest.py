"""Fixtures shared by all tests, named after what a test needs."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root, where graphs/ and configs/ lie."""
    return ROOT


@pytest.fixture(scope="session")
def reference() -> None:
    """Skips the test, with the reason, where the PyTorch reference cannot be imported."""
    pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")

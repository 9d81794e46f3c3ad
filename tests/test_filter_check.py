"""Minimal filtering was chosen on random numbers; on Kokoro's own weights it has to be at least as exact."""

from __future__ import annotations

import pytest

pytest.importorskip("tests.reference", reason="the PyTorch reference is not installed: `make test` installs it")

from tests.filter_check import errors, table
from tests.real_model import MODEL, obstacle

pytestmark = pytest.mark.full


def test_filtering_is_as_exact_on_real_weights_as_on_random_numbers() -> None:
    if (why := obstacle()) is not None:
        pytest.skip(why)
    found = list(errors(MODEL, symbols=30))
    assert len(found) == 48  # eight blocks of six
    worse = [error for error in found if error.filtered > error.random_filtered]
    assert not worse, "\n".join(table(worse))

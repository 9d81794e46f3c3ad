"""The limits of the machine. Their values are not asserted, which a busy machine would decide, but what they count."""

from __future__ import annotations

import pytest

from runner.build import peak
from runner.build.peak import measure_peak


@pytest.mark.parametrize("threads", [1, 2])
def test_peak_is_measured_on_any_number_of_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "_STEPS", 10_000)
    monkeypatch.setattr(peak, "_COPIED", 2**20)
    found = measure_peak(threads)
    assert 0.1 < found.gflops < 100_000
    assert 0.01 < found.gbytes_s < 100_000
    assert found.cpu


def test_speeds_follow_from_the_times_of_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "_fastest", lambda _function, _shape: 0.5)
    found = measure_peak(1)
    assert found.gbytes_s == pytest.approx(2 * 4 * peak._COPIED / 0.5 * 1e-9)
    lanes_of_chains = found.gflops * 0.5e9 / (2 * peak._STEPS)
    assert lanes_of_chains in (12 * 4, 12 * 8, 24 * 16)

"""Sizes and times, spelled and read."""

from __future__ import annotations

import pytest

from runner.errors import RunError
from runner.inspect.units import parse_bytes, parse_seconds, spell_time


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("2G", 2 * 2**30), ("2g", 2 * 2**30), ("1.5 GiB", 3 * 2**29), ("500MB", 500 * 2**20), ("0", 0)],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("30d", 30 * 86400), ("12h", 43200), ("0s", 0), ("1.5 m", 90)])
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "G", "-1G", "nan", "1e9", "inf", "1 G G", "1,5G"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    for parse in (parse_bytes, parse_seconds):
        with pytest.raises(RunError, match="expected a number"):
            parse(text)


@pytest.mark.parametrize(
    ("seconds", "said"), [(2.345, "2.35 s"), (0.0123, "12.3 ms"), (0.1, "100 ms"), (5e-6, "5 µs"), (0, "0 µs")]
)
def test_time_is_said_with_three_digits(seconds: float, said: str) -> None:
    assert spell_time(seconds) == said

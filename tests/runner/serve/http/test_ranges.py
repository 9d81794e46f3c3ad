"""The header Range: which bytes are asked for."""

from __future__ import annotations

import pytest

from runner.serve.http.ranges import RangeError, read_range


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=2-5", range(2, 6)),
        ("bytes=2-", range(2, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-30", range(10)),
        ("bytes=8-99", range(8, 10)),
        ("Bytes = 1-2 ", range(1, 3)),
        ("", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=٣-٤", None),
        (f"bytes=0-{'9' * 5000}", None),
    ],
)
def test_range_is_read_and_what_is_no_range_asks_for_the_whole(header: str, wanted: range | None) -> None:
    assert read_range(header, 10) == wanted


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_range_without_a_byte_is_refused(header: str) -> None:
    with pytest.raises(RangeError):
        read_range(header, 10)


def test_nothing_has_no_range() -> None:
    with pytest.raises(RangeError):
        read_range("bytes=0-", 0)

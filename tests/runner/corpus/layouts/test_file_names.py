"""Names of files from ids: no two ids have one name, and a name is never long or special."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.corpus.layouts.file_names import name_file
from tests.runner.corpus.layouts.rows import IDS

DOTS = re.compile("[.]")


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("LJ001-0001", "LJ001-0001"),
        ("a b.c", "a b.c"),
        ("naïve-日本語", "naïve-日本語"),
        ("a/b:c", "a%2Fb%3Ac"),
        ("a|b", "a%7Cb"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("__init__", "%5F_init__"),
        ("_a__b", "_a__b"),
        ("v" * 200, "v" * 200),
    ],
)
def test_name_of_an_id(id: str, name: str) -> None:  # noqa: A002 - the row's
    assert name_file(id) == name


def test_dots_are_escaped_where_they_end_a_key() -> None:
    assert name_file("a.b.c", DOTS) == "a%2Eb%2Ec"


def test_escapes_go_on_until_nothing_is_found() -> None:
    """The digit of an escape may be in front of what is to be found."""
    assert name_file("xab", re.compile("(?<=x)a|(?<=1)b")) == "x%61%62"


def test_long_name_is_cut_and_has_a_digest() -> None:
    first, second = name_file("|" * 199 + "a"), name_file("|" * 199 + "b")
    assert first != second
    assert first[:165] == second[:165] == "%7C" * 55
    assert re.fullmatch("(%7C)+%~[0-9a-f]{32}", first)
    assert re.fullmatch("é+%~[0-9a-f]{32}", name_file("é" * 99 + ":"))
    assert {len(name_file(each).encode()) for each in ("|" * 200, "|" * 199 + "a")} == {34 + 165}


def test_ids_of_the_tests_have_different_names() -> None:
    assert len({name_file(each) for each in IDS}) == len({name_file(each, DOTS) for each in IDS}) == len(IDS) == 36


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_different_ids_have_different_names(first: str, second: str) -> None:
    for id in (first, second):  # noqa: A001
        name = name_file(id, DOTS)
        assert len(name.encode()) <= 200
        assert not re.search(r'[/\\|:*?"<>\[\]#.]', name)
        assert "%~" in name or unquote(name) == id
    assert (name_file(first, DOTS) == name_file(second, DOTS)) == (first == second)

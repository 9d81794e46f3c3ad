"""The subset of YAML: values that are read, and mistakes with their lines and columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.errors import Mistake
from runner.graph import yaml_reader
from runner.graph.yaml_node import Node
from runner.graph.yaml_reader import read_text, read_yaml
from tests.runner.graphs import CARET

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__, autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test on libyaml and on PyYAML's own parser: both must give the same mistakes at the same columns."""
    monkeypatch.setattr(yaml_reader, "_LOADER", request.param)


def read(text: str) -> tuple[Node | None, list[Mistake]]:
    mistakes: list[Mistake] = []
    return read_text(text, "f.yaml", Path("here"), mistakes), mistakes


SCALARS = [
    ("true", True),
    ("false", False),
    ("off", "off"),
    ("no", "no"),
    ("Yes", "Yes"),
    ("True", "True"),
    ("12", 12),
    ("-3", -3),
    ("+3", 3),
    ("0", 0),
    ("12345678901234567", 12345678901234567),
    ("-12345678901234567", -12345678901234567),
    ("017", "017"),
    ("0x10", "0x10"),
    ("0o17", "0o17"),
    ("1_000", "1_000"),
    ("1:30", "1:30"),
    ("0.5", 0.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("1e-3", 1e-3),
    ("-2E+4", -2e4),
    ("1e", "1e"),
    ("e5", "e5"),
    (".", "."),
    ("2001-01-01", "2001-01-01"),
    ("=", "="),
    ("float32[1, text] <- a.b", "float32[1, text] <- a.b"),
    ("'12'", "12"),
    ('"true"', "true"),
    ("'null'", "null"),
    ("''", ""),
    ("|\n  two\n  lines\n", "two\nlines\n"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    node, mistakes = read(f"a: {text}")
    assert mistakes == []
    assert node is not None
    assert node.plain() == {"a": value}
    assert type(node.plain()["a"]) is type(value)


def test_null_is_null() -> None:
    node, mistakes = read("a: null")
    assert mistakes == []
    assert node is not None
    assert node.plain() == {"a": None}


_TAG = "tags ({}) are not used here; a value's kind follows from its spelling"
_FLOW = "a type with brackets cannot stand inside {...} or [...]; write one 'port: TYPE <- stage.port' a line"
REFUSED = [
    ("a: 1\n§a: 2", "duplicate key 'a'; it is first written in line 1"),
    ("a: {b: 1, §b: 2}", "duplicate key 'b'; it is first written in line 1"),
    ("a: §!!str 3", _TAG.format("tag:yaml.org,2002:str")),
    ("a: §!local x", _TAG.format("!local")),
    ("a: §!!python/object/apply:os.system [x]", _TAG.format("tag:yaml.org,2002:python/object/apply:os.system")),
    ("a: §&x 1", "anchors (&x) are not used here; write the value out"),
    ("a: §*x", "aliases (*x) are not used here; write the value out"),
    ("§<<: {a: 1}", "merge keys are not used here; write the values out, or use an overlay"),
    ("§1: a", "a key is a string; quote it: '1'"),
    ("§true: a", "a key is a string; quote it: 'true'"),
    ("§null: a", "a key is a string; quote it: 'null'"),
    ("§~: a", "a key is a string; quote it: '~'"),
    ("§&x a: 1", "anchors (&x) are not used here; write the value out"),
    ("§!!str a: 1", _TAG.format("tag:yaml.org,2002:str")),
    ("? §[a]\n: b", "a key is a string, not a list, map or alias"),
    ("a: 1\n§---\nb: ~", "a second document starts here; a file holds one"),
    ("a: 1\n§---\nb: 2", "a second document starts here; a file holds one"),
    ("a: §~", "a value is missing here; write null to remove one"),
    ("a: §Null", "a value is missing here; write null to remove one"),
    ("a:§\nb: 1", "a value is missing here; write null to remove one"),
    ("a: §.inf", ".inf is not a finite number"),
    ("a: §-.NaN", "-.NaN is not a finite number"),
    ("a: §1e999", "1e999 is too large for a number"),
    ("a: §123456789012345678", "an integer has at most 17 digits"),
    ("a: §-123456789012345678", "an integer has at most 17 digits"),
    ("§- 1", "a file holds a map (key: value) at its top"),
    ("a:\n§\tb: 1", "a tab cannot indent; use spaces"),
    ("a: {b: float32§[1, text] <- c.d}", _FLOW),
    ("é: [a, float32§[1]]", _FLOW),
    ("a: {b: c,\n  d: float32§[1]}", _FLOW),
    ("a: é§\x01", "the character U+0001 cannot stand in a YAML file"),
    ("a: §\x85", "the character U+0085 cannot stand in a YAML file"),
    ("a: §\u2028", "the character U+2028 cannot stand in a YAML file"),
    ("a: " + "[" * 16 + "§[", "more than 16 levels deep"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_yaml_beyond_the_subset_is_refused_at_its_place(text: str, message: str) -> None:
    before = text.partition(CARET)[0]
    place = f"f.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    _, mistakes = read(text.replace(CARET, ""))
    assert [f"{one.origin}: {one.message}" for one in mistakes] == [f"{place}: {message}"]
    assert not mistakes[0].of_fit


def test_an_unquoted_brace_says_to_quote() -> None:
    _, mistakes = read("module: {model}/bert.so")
    assert "f.yaml:1:16: a value that starts with '{' must be quoted" in [f"{m.origin}: {m.message}" for m in mistakes]


@pytest.mark.parametrize(
    "text", ["a: b: c", "{a: 1", "a: {b: c]", 'a: "x', "a: @x", "a: 1\n b: 2", "%FOO\n---\n- a: [", "a: 'x\n"]
)
def test_text_that_is_not_yaml_is_one_mistake(text: str) -> None:
    _, mistakes = read(text)
    assert [one.message.startswith("not YAML: ") for one in mistakes] == [True]
    assert mistakes[0].origin.line


def test_several_mistakes_are_all_reported() -> None:
    node, mistakes = read("a: &x 1\nb: !t 2\nc: ~\nd: 4")
    assert [one.origin.line for one in mistakes] == [1, 2, 3]
    assert node is not None
    assert node.plain()["d"] == 4


PLACES: list[tuple[str, int, int | None]] = [
    ("key: plain text", 6, 12),
    ("key: 'quoted'", 7, 13),
    ('key: "quoted"', 7, 13),
    ("ключ: é x", 7, 13),
    ("key: 'it''s'", 6, None),
    ('key: "a\\tb"', 6, None),
    ("key: two\n  lines", 6, None),
    ("key: |\n  block", 6, None),
]


@pytest.mark.parametrize(("text", "first", "seventh"), PLACES)
def test_columns_inside_a_string_are_those_of_the_file(text: str, first: int, seventh: int | None) -> None:
    """A string that the file spells with escapes has one origin for all its characters: its start."""
    node, _ = read(text)
    assert node is not None
    value = next(iter(node.value.values()))
    assert value.at(0).column == first
    assert value.at(6).column == (seventh or first)


FILES: list[tuple[bytes, str]] = [
    (b"", "is empty; it should hold a map"),
    (b"# only a comment\n", "is empty; it should hold a map"),
    (b"a: \xff", "is not UTF-8 (byte 3); save it as UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), FILES)
def test_files_that_hold_nothing_readable_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    mistakes: list[Mistake] = []
    assert read_yaml(tmp_path / "a.yaml", "a.yaml", mistakes) is None
    assert [str(one) for one in mistakes] == [f"a.yaml: {message}"]
    assert not mistakes[0].of_fit


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    mistakes: list[Mistake] = []
    assert read_yaml(tmp_path, "here", mistakes) is None
    assert [str(one) for one in mistakes] == ["here: cannot be read: Is a directory"]


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    mistakes: list[Mistake] = []
    node = read_yaml(tmp_path / "a.yaml", "a.yaml", mistakes)
    values: Any = node.plain() if node is not None else None
    assert (values, mistakes) == ({"a": 1, "b": "x"}, [])

"""Reads JSON lines: an object on each line; blank lines are left out.

{"id": "utt1", "text": "Hello.", "speed": 1.1}
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, BinaryIO

from runner.batch.rows import decode_line
from runner.corpus.sources.lines import read_lines
from runner.corpus.sources.record import Record
from runner.errors import RunError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.corpus.sources.lines import Line

_KINDS = {
    list: "an array",
    str: "a text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def read_jsonl(file: BinaryIO, name: str) -> Iterator[Record]:
    """Read the records of a file.

    Raises:
        RunError: it holds one JSON value over several lines, or the objects in an array; or as `read_lines`.
        OSError, DAMAGE: as `read_lines`.
    """
    is_first = True
    for line in read_lines(file, name):
        if not line.data.strip() and not line.fault:
            continue
        if is_first:
            _check_first(line, name)
            is_first = False
        yield _read_record(line, f"{name}:{line.number}")


def _check_first(line: Line, name: str) -> None:
    """Refuse a file that is JSON, but no lines of it."""
    start = line.data.strip()
    if start in (b"[", b"{") or (start.startswith(b"[") and start.rstrip(b"],").endswith(b"}")):
        fact = "holds one JSON value over several lines, or all objects in an array"
        raise RunError(f"{name}: {fact}, expected an object on each line; `jq -c '.[]' FILE` writes those of an array")


def _read_record(line: Line, origin: str) -> Record:
    if line.fault:
        return Record(origin, fault=line.fault)
    try:
        return Record(origin, _read_object(decode_line(line.data.rstrip())))
    except RunError as error:
        return Record(origin, fault=str(error))


def _read_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_make_object, parse_constant=_read_constant)
    except json.JSONDecodeError as error:
        raise RunError(f"is no JSON: column {error.colno}: {error.msg}; expected an object") from None
    except RecursionError:
        raise RunError("is no JSON that can be read: it is nested too deeply; expected an object") from None
    except ValueError:
        raise RunError("holds an integer of thousands of digits; write it as a text") from None
    if not isinstance(value, dict):
        raise RunError(f'is {_KINDS[type(value)]}, expected an object such as {{"text": "Hello."}}')
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RunError(f"has '{printable(twice)}' twice; leave one out")
    return found


def _read_constant(name: str) -> None:
    """Read NaN, which Python writes for an absent value, as null; the infinities are no JSON."""
    if not math.isnan(float(name)):
        raise RunError(f"holds {name}, which JSON has no number for; leave it out")


def _check_surrogates(value: dict[str, Any]) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        char = error.object[error.start]
        raise RunError(f"holds \\u{ord(char):04x}, half of a character; leave it out") from None

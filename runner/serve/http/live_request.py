"""Reads what the page asks to be spoken.

{"text": "Hi.", "voice": "af_heart*0.6+am_adam*0.4", "params": {"speed": 1.2},
 "edits": [{"row": 0, "word": 0, "phonemes": "hˈI"}]}
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from runner.errors import RunError
from runner.serve.http.graph_json import PARAMS
from runner.serve.utterance import Utterance

if TYPE_CHECKING:
    from runner.graph.types import Graph, Parameter

_FIELDS = ("text", "phonemes", "voice", "params", "edits")
_TYPES: dict[type, tuple[type, ...]] = {float: (int, float), int: (int,), str: (str,)}
_MOST_EDITS, _LONGEST_EDIT = 4096, 200  # of a request; symbols of one
_SEEDS = 1 << 63


def read_utterance(body: bytes, graph: Graph, longest: int) -> Utterance:
    """Read a request.

    Args:
        longest: characters that its text may have.

    Raises:
        RunError: it is not one; the message begins with the field.
    """
    try:
        given = json.loads(body)
    except ValueError:  # of the syntax, or of the encoding
        raise RunError("the body is not JSON in UTF-8") from None
    if not isinstance(given, dict):
        raise RunError(f"the body is a {type(given).__name__}, expected an object")
    unknown = sorted(given.keys() - set(_FIELDS))
    if unknown:
        raise RunError(f"{unknown[0]}: no such field; expected {', '.join(_FIELDS)}")
    named = [name for name in ("text", "phonemes") if given.get(name) is not None]
    if len(named) != 1:
        raise RunError(f"text: expected either text or phonemes, found {' and '.join(named) or 'neither'}")
    return Utterance(
        _read_text(given, named[0], longest),
        is_phonemes=named[0] == "phonemes",
        voice=None if given.get("voice") is None else _expect(given["voice"], str, "voice"),
        params=_read_params(given.get("params") or {}, graph),
        edits=_read_edits(given.get("edits") or []),
        watched=True,
    )


def _read_text(given: dict[str, Any], name: str, longest: int) -> str:
    text: str = _expect(given[name], str, name)
    if not text.strip():
        raise RunError(f"{name}: is empty; write what is to be spoken")
    if len(text) > longest:
        raise RunError(f"{name}: has {len(text)} characters, expected at most {longest}")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise RunError(f"{name}: has half of a character (a surrogate)")
    return text


def _read_params(given: Any, graph: Graph) -> dict[str, Parameter]:
    params: dict[str, Parameter] = {}
    known = [name for name in PARAMS if name in graph.params]
    for name, written in _expect(given, dict, "params").items():
        if name not in known:
            raise RunError(f"params.{name}: cannot be set; expected {', '.join(known)}")
        kind = type(graph.params[name])
        value = _expect(written, kind, f"params.{name}")
        if kind is float and not math.isfinite(value):
            raise RunError(f"params.{name}: is {value}, expected a finite number")
        if kind is int and not -_SEEDS <= value < _SEEDS:
            raise RunError(f"params.{name}: has more than 64 bits")
        bounds = graph.bounds.get(name)
        problem = None if bounds is None else bounds.describe_violation(value)
        if problem:
            raise RunError(f"params.{name}: is {value}, expected {problem}")
        params[name] = kind(value)
    return params


def _read_edits(given: Any) -> dict[tuple[int, int], str]:
    edits = {}
    for number, edit in enumerate(_expect(given, list, "edits")):
        where = f"edits[{number}]"
        if not isinstance(edit, dict) or edit.keys() != {"row", "word", "phonemes"}:
            raise RunError(f"{where}: expected an object of row, word and phonemes")
        row, word = (_expect(edit[name], int, f"{where}.{name}") for name in ("row", "word"))
        phonemes = _expect(edit["phonemes"], str, f"{where}.phonemes")
        if row < 0 or word < 0:
            raise RunError(f"{where}: row and word count from 0")
        if len(phonemes) > _LONGEST_EDIT:
            raise RunError(f"{where}.phonemes: has {len(phonemes)} symbols, expected at most {_LONGEST_EDIT}")
        edits[row, word] = phonemes
    if len(edits) > _MOST_EDITS:
        raise RunError(f"edits: are {len(edits)}, expected at most {_MOST_EDITS}")
    return edits


def _expect(value: Any, kind: type, name: str) -> Any:
    """Give `value` back if it is of a kind; True is no number.

    Raises:
        RunError: it is of another.
    """
    if not isinstance(value, _TYPES.get(kind, (kind,))) or (isinstance(value, bool) and kind is not bool):
        names = {float: "number", int: "whole number", str: "string", list: "list", dict: "object", bool: "boolean"}
        raise RunError(f"{name}: is {json.dumps(value)[:40]}, expected a {names[kind]}")
    return value

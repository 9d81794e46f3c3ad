"""Parses specifications of voices: a name, a file, or a mix with weights.

    SPEC  = VOICE                                            af_heart
          | PART {(+|,) PART}                                af_heart,am_adam
    PART  = VOICE | VOICE*W | W*VOICE | VOICE(W) | VOICE:W   af_heart*3    3*af_heart    af_heart(3)    af_heart:3
    VOICE = NAME | FILE | FILE:NAME                          af_heart    my/voice.npy    voices-v1.0.bin:af_heart

A weight is any positive number, 1 where none is given, and is divided by the sum of all, exactly: `a,b` is the mean of
both, as in the reference, and `a*0.3+b*0.7` is `a:30,b:70`, bit for bit.

A FILE contains a `/` or ends in one of `FILE_SUFFIXES`. After a FILE, a colon begins a NAME, also one of digits:
`voices.npz:30` is the voice 30 of the file, and `voices.npz:30:70` gives it the weight 70. After anything else, a colon
and a number are a weight: `low:30`. If another part of a mix has its weight after a colon, FILE:NUMBER could be meant
as either and is refused.

In a mix a `+`, `,`, `*`, `(` or `)` of a path or name is written with a backslash: `a\\+b/me.npy+af_heart`. The path of
a file that stands alone needs none.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runner.errors import WeightsError

if TYPE_CHECKING:
    from fractions import Fraction

FILE_SUFFIXES = (".npy", ".safetensors", ".pt", ".bin", ".npz", ".pth")
_SEPARATOR = re.compile(r"((?<!\\)[+,])")
_STAR = re.compile(r"(?<!\\)\*")
_BRACKETS = re.compile(r"(.*)(?<!\\)\(([^()]*)\)\s*", re.DOTALL)


class Part(NamedTuple):
    """One VOICE of a specification, with the text of its weight."""

    voice: str
    weight: str


class _Pieces(NamedTuple):
    """The text of a part, cut at the mark of its weight; without one, `weight` and `mark` are empty."""

    voice: str
    weight: str = ""
    mark: str = ""


def parse_spec(spec: str) -> list[Part]:
    """Split a specification into its parts.

    Raises:
        WeightsError: a name is missing, a weight is no positive number, or it has two meanings.
    """
    texts = _SEPARATOR.split(spec)[::2]
    cuts = [_cut(text) for text in texts]
    parts = [_parse_part(text, pieces, spec) for text, pieces in zip(texts, cuts, strict=True)]
    if len(parts) == 1 and cuts[0].mark:
        message = f"voice '{spec}': a weight has no meaning for a single voice; add another with +, or drop it"
        raise WeightsError(message + file_hint(spec))
    if any(pieces.mark == ":" for pieces in cuts):
        _refuse_numbers_as_names(spec, [part for part, pieces in zip(parts, cuts, strict=True) if not pieces.mark])
    return parts


def compute_shares(parts: list[Part]) -> list[float]:
    """Divide the weights by their sum; the same ratios give the same numbers, whether written as 0.3 or as 30."""
    from fractions import Fraction  # noqa: PLC0415 - some ms that a single voice need not pay

    weights: list[Fraction] = [Fraction(part.weight) for part in parts]
    return [float(weight / sum(weights)) for weight in weights]


def _parse_part(text: str, pieces: _Pieces, spec: str) -> Part:
    voice, weight = _unescape(pieces.voice), pieces.weight.strip() if pieces.mark else "1"
    if not voice:
        raise WeightsError(f"voice '{spec}': a name is missing; write NAME, NAME+NAME or NAME*0.6+NAME*0.4")
    if pieces.mark and _cut(pieces.voice).mark:
        raise WeightsError(f"voice '{spec}': '{text.strip()}' has two weights, expected one, as in NAME*0.6")
    if not (_is_number(weight) and math.isfinite(float(weight)) and float(weight) > 0):
        raise WeightsError(f"voice '{spec}': the weight of {voice} is '{weight}', expected a positive number")
    return Part(voice, weight)


def _cut(text: str) -> _Pieces:
    """Cut a part at the mark of its weight."""
    first, *second = _STAR.split(text, maxsplit=1)
    if second:
        swapped = _is_number(first) and not _is_number(second[0])
        return _Pieces(second[0], first, "*") if swapped else _Pieces(first, second[0], "*")
    brackets = _BRACKETS.fullmatch(text)
    if brackets is not None:
        return _Pieces(brackets[1], brackets[2], "(")
    voice, colon, number = text.rpartition(":")
    if colon and _is_number(number) and not _is_whole_file(voice.strip()):
        return _Pieces(voice, number, ":")
    return _Pieces(text)


def _refuse_numbers_as_names(spec: str, parts: list[Part]) -> None:
    """Refuse FILE:NUMBER, of parts without a weight in a mix whose other weights follow colons."""
    for part in parts:
        file, colon, number = part.voice.rpartition(":")
        if colon and _is_number(number):
            raise WeightsError(
                f"voice '{spec}': '{part.voice}' can mean two things; write {part.voice}*1 for the voice '{number}' of "
                f"{file}, or {file}*{number} for the weight {number}"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_whole_file(text: str) -> bool:
    """Whether a text is FILE, and not NAME or FILE:NAME."""
    return Path(text).suffix in FILE_SUFFIXES or ("/" in text and not _is_path(text.rpartition(":")[0]))


def make_absolute(spec: str, folder: Path) -> str:
    """Make the paths in `spec` absolute: the relative ones start in `folder`."""
    if is_file(str(folder / spec)) and _is_path(spec):
        return _escape(folder / spec)
    texts = _SEPARATOR.split(spec)
    for at in range(0, len(texts), 2):
        voice = _cut(texts[at]).voice
        if names_file(_unescape(voice)):
            texts[at] = texts[at].replace(voice, _escape(folder / _unescape(voice)), 1)
    return "".join(texts)


def _escape(path: Path) -> str:
    return re.sub(r"[+,*()]", r"\\\g<0>", str(path))


def _unescape(text: str) -> str:
    """Remove the backslashes of a piece of a specification, and the spaces around it."""
    return re.sub(r"\\([+,*()])", r"\1", text.strip())


def names_file(voice: str) -> bool:
    """Whether a VOICE of a specification is FILE or FILE:NAME."""
    return _is_path(voice) or _is_path(voice.rpartition(":")[0])


def split_file(voice: str) -> tuple[Path, str | None] | None:
    """Split FILE or FILE:NAME into the path of a file that is there and the name; None if it is NAME.

    Raises:
        WeightsError: there is no such file.
    """
    file, colon, name = voice.rpartition(":")
    if is_file(voice):
        return Path(voice), None
    if colon and is_file(file):
        return Path(file), name
    if names_file(voice):
        raise WeightsError(f"voice '{voice}': there is no such file")
    return None


def is_file(text: str) -> bool:
    """Whether a text is FILE, and that file is there."""
    return _is_path(text) and _fits(text) and Path(text).is_file()


def file_hint(voice: str) -> str:
    """Say how a file is spelled that lies in the working folder under a name that a voice might have."""
    for file in (voice, voice.rpartition(":")[0]):
        if file and _fits(file) and Path(file).is_file():
            return f"; the file that lies here is spelled ./{voice}, for it ends in none of {', '.join(FILE_SUFFIXES)}"
    return ""


def _is_path(text: str) -> bool:
    return "/" in text or Path(text).suffix in FILE_SUFFIXES


def _fits(text: str) -> bool:
    # A name that no file system can hold is an OSError to pathlib; the longest allowed is 255 bytes nearly everywhere.
    return all(len(os.fsencode(part)) <= 255 for part in Path(text).parts)

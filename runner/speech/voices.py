"""Loads voice packs by name, from a file, or as a mix.

    SPEC = VOICE                                     af_heart
         | VOICE [*WEIGHT] {(+|,) VOICE [*WEIGHT]}   af_heart*0.6+am_adam*0.4    af_heart,am_adam
    VOICE = NAME | FILE | FILE:NAME                  af_heart    my/voice.npy    voices-v1.0.bin:af_heart

A weight is any positive number, 1 where none is given, and is divided by the sum of all: `a,b` is the mean of both, as
in the reference, and `a*3+b` takes three quarters of `a`. In a mix a `+`, `,` or `*` of a path is written with a
backslash: `a\\+b/me.npy+af_heart`; a path that stands alone needs none.

A name is looked up in the model's voices: a folder (NAME.npy, then .safetensors, .pt, .bin) or a file. `voice_formats`
lists the formats of files.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from runner.errors import WeightsError, suggest
from runner.speech.voice_formats import check_pack, open_voices

SUFFIXES = (".npy", ".safetensors", ".pt", ".bin")
_FILE_SUFFIXES = (*SUFFIXES, ".npz", ".pth")
_MARK = re.compile(r"((?<!\\)[+,*])")


class _Part(NamedTuple):
    """One VOICE of a specification, with its weight."""

    voice: str
    weight: float


def load_voice(
    spec: str | None, voices: Path | None, default: str | None, row: int, fetch: Callable[[str], Path] | None = None
) -> np.ndarray:
    """Load the voice pack of a specification.

    Args:
        spec: as above; None is the model's default voice.
        voices: the model's folder or file of voices; None for a model without voices.
        default: name of the model's default voice, if it has one, and of the one voice of a file that has no names.
        row: numbers in a row, 2*style of the model.
        fetch: gets the file of a voice, by name, that a folder lacks; raises WeightsError where it cannot.

    Returns:
        float32 [N, row], C-contiguous, finite.

    Raises:
        WeightsError: the spec is misspelled; a voice is missing, truncated, for another model, or not finite; packs
            of a mix differ in length.
    """
    spec = default if spec is None else spec
    if spec is None:
        raise WeightsError("no voice is asked for, and the model names none; give one, or set model.voice")
    if _is_file(spec):
        return _read(Path(spec), None, row)
    parts = _parse(spec)
    packs = [_find(part.voice, voices, default, row, fetch) for part in parts]
    if len({len(pack) for pack in packs}) > 1:
        lengths = ", ".join(f"{part.voice} has {len(pack)}" for part, pack in zip(parts, packs, strict=True))
        raise WeightsError(f"voice '{spec}': a mix needs packs of equal length, but {lengths} rows")
    if len(packs) == 1:
        return packs[0]
    total = math.fsum(part.weight for part in parts)
    mixed = sum(pack.astype(np.float64) * (part.weight / total) for part, pack in zip(parts, packs, strict=True))
    return np.asarray(mixed, np.float32)


def voice_files(spec: str, voices: Path | None) -> list[Path]:
    """List the files that `spec` names, also those in the model's folder of voices; a voice that is not there has none.

    Raises:
        WeightsError: the spec is misspelled, or a file is missing.
    """
    if _is_file(spec):
        return [Path(spec)]
    places = (_place(part.voice, voices) for part in _parse(spec))
    return [place[0] for place in places if place is not None]


def voice_names(voices: Path, default: str | None, row: int) -> list[str]:
    """List the names of the voices in the model's folder or file, sorted; in a folder they are those of the files.

    Raises:
        WeightsError: there is no such folder or file, or the file is damaged.
    """
    if voices.is_dir():
        return sorted({file.stem for file in voices.iterdir() if file.suffix in SUFFIXES})
    return sorted(name or default or voices.stem for name in open_voices(voices, row))


def absolute(spec: str, folder: Path) -> str:
    """Make the paths in `spec` absolute: the relative ones start in `folder`."""
    if _is_file(str(folder / spec)) and _is_path(spec):
        return _escaped(folder / spec)
    pieces = ((piece, _plain(piece)) for piece in _MARK.split(spec))
    return "".join(_escaped(folder / voice) if _names_file(voice) else piece for piece, voice in pieces)


def _escaped(path: Path) -> str:
    return re.sub(r"[+,*]", r"\\\g<0>", str(path))


def needs_folder(spec: str | None) -> bool:
    """Whether a voice of `spec` is looked up in the model's voices; None is the model's default voice."""
    return spec is None or (not _is_file(spec) and not all(_names_file(part.voice) for part in _parse(spec)))


def _parse(spec: str) -> list[_Part]:
    parts = [_part(text, spec) for text in re.split(r"(?<!\\)[+,]", spec)]
    if len(parts) == 1 and "*" in _MARK.split(spec):
        raise WeightsError(
            f"voice '{spec}': a weight has no meaning for a single voice; add another with +, or drop it"
        )
    return parts


def _part(text: str, spec: str) -> _Part:
    voice, *weights = (_plain(piece) for piece in re.split(r"(?<!\\)\*", text, maxsplit=1))
    number = weights[0] if weights else "1"
    if not voice:
        raise WeightsError(f"voice '{spec}': a name is missing; write NAME, NAME+NAME or NAME*0.6+NAME*0.4")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise WeightsError(f"voice '{spec}': the weight of {voice} is '{number}', expected a positive number")
    return _Part(voice, weight)


def _plain(piece: str) -> str:
    """Remove the backslashes of a piece of a specification, and the spaces around it."""
    return re.sub(r"\\([+,*])", r"\1", piece.strip())


def _find(
    voice: str, voices: Path | None, default: str | None, row: int, fetch: Callable[[str], Path] | None
) -> np.ndarray:
    """Load the pack of one VOICE of a specification."""
    place = _place(voice, voices)
    if place is not None:
        file, name = place
        whole = name == voice and _is_only(voice, file, default, row)
        return _read(file, None if whole else name, row)
    absent = _not_found(voice, voices, default, row)
    if fetch is None:
        raise WeightsError(absent)
    try:
        return _read(fetch(voice), None, row)
    except WeightsError as error:
        raise WeightsError(f"{absent}. Nor can it be fetched: {error}") from None


def _place(voice: str, voices: Path | None) -> tuple[Path, str | None] | None:
    """Find the file that holds one VOICE of a specification, and the voice's name in it; None if there is none."""
    file, colon, name = voice.rpartition(":")
    if _is_file(voice):
        return Path(voice), None
    if colon and _is_file(file):
        return Path(file), name
    if _names_file(voice):
        raise WeightsError(f"voice '{voice}': there is no such file")
    if voices is None:
        return None
    if voices.is_file():
        return voices, voice
    found = (voices / f"{voice}{suffix}" for suffix in SUFFIXES)
    return next(((path, None) for path in found if path.is_file()), None)


def _not_found(voice: str, voices: Path | None, default: str | None, row: int) -> str:
    if voices is None:
        return f"voice '{voice}': the model has no voices; set model.voices, or give a file{_file_hint(voice)}"
    if not voices.is_dir():
        return f"voice '{voice}': the model's voices are to be in {voices}, which does not exist{_file_hint(voice)}"
    return f"voice '{voice}': not in {voices}{suggest(voice, voice_names(voices, default, row))}{_file_hint(voice)}"


def _file_hint(voice: str) -> str:
    """Say how a file is spelled that lies in the working folder under a name that a voice might have."""
    for file in (voice, voice.rpartition(":")[0]):
        if file and _fits(file) and Path(file).is_file():
            return f"; the file that lies here is spelled ./{voice}, for it ends in none of {', '.join(_FILE_SUFFIXES)}"
    return ""


def _names_file(voice: str) -> bool:
    """Whether a VOICE of a specification is FILE or FILE:NAME."""
    return _is_path(voice) or _is_path(voice.rpartition(":")[0])


def _is_path(text: str) -> bool:
    return "/" in text or Path(text).suffix in _FILE_SUFFIXES


def _is_file(text: str) -> bool:
    return _is_path(text) and _fits(text) and Path(text).is_file()


def _fits(text: str) -> bool:
    # A name that no file system can hold is an OSError to pathlib; the longest allowed is 255 bytes nearly everywhere.
    return all(len(os.fsencode(part)) <= 255 for part in Path(text).parts)


def _is_only(voice: str, file: Path, default: str | None, row: int) -> bool:
    """Whether `voice` names the only voice of a file that gives it no name."""
    if list(open_voices(file, row)) != [""]:
        return False
    if voice not in (default, file.stem):
        only = default or file.stem
        raise WeightsError(
            f"voice '{voice}': {file} holds one voice, '{only}'; give that name, or a file{_file_hint(voice)}"
        )
    return True


def _read(path: Path, name: str | None, row: int) -> np.ndarray:
    """Load one voice of a file; without a name, the only one that it has."""
    contents = open_voices(path, row)
    if name is None and len(contents) > 1:
        raise WeightsError(f"{path}: holds {len(contents)} voices; choose one by FILE:NAME, of {', '.join(contents)}")
    key = next(iter(contents), "") if name is None else name
    if key not in contents:
        raise WeightsError(f"voice '{key}': not in {path}{suggest(key, contents)}")
    return check_pack(f"{path}:{key}" if key else str(path), contents[key](), row)

"""Finds, loads, mixes and lists voice packs.

`voice_spec` has the grammar of what a user asks for, `voice_formats` the formats of files. A name is looked up in the
model's voices, which are a file or a folder. In a folder

    NAME.npy, .safetensors, .pt, .bin, .npz    holds one voice: it is called NAME; the first of these that is there wins
    any of them                                holds many voices: each has its name in the file

A name that no file of its own has, and two files of many voices have, is refused: FILE:NAME says which.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from runner.errors import WeightsError, suggest
from runner.files import locate
from runner.files.errors import reading
from runner.speech.voice_formats import check_pack, open_voices
from runner.speech.voice_spec import compute_shares, file_hint, is_file, names_file, parse_spec, split_file

SUFFIXES = (".npy", ".safetensors", ".pt", ".bin", ".npz")


class Voice(NamedTuple):
    """A voice of a file.

    Attributes:
        key: its name in the file; '' if it has none.
        load: reads the array, which `check_pack` has not seen yet.
    """

    name: str
    file: Path
    key: str
    load: Callable[[], np.ndarray]

    def pack(self, row: int) -> np.ndarray:
        """Load the voice pack, [N, row]; errors are those of `check_pack`."""
        return check_pack(f"{self.file}:{self.key}" if self.key else str(self.file), self.load(), row)


class ListedVoice(NamedTuple):
    """A line of a list of voices.

    Attributes:
        rows: None if the voice cannot be loaded.
        problem: the reason why asking for `name` does not give this voice; '' if it does.
    """

    name: str
    file: Path
    rows: int | None
    problem: str = ""


def load_voice(
    spec: str | None, voices: Path | None, default: str | None, row: int, fetch: Callable[[str], Path] | None = None
) -> np.ndarray:
    """Load the voice pack of a specification.

    Args:
        spec: as `voice_spec` has it; None is the model's default voice.
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
    if is_file(spec):
        return _read(Path(spec), None, row)
    parts = parse_spec(spec)
    packs = [_find(part.voice, voices, default, row, fetch) for part in parts]
    if len({len(pack) for pack in packs}) > 1:
        lengths = ", ".join(f"{part.voice} has {len(pack)}" for part, pack in zip(parts, packs, strict=True))
        raise WeightsError(f"voice '{spec}': a mix needs packs of equal length, but {lengths} rows")
    if len(packs) == 1:
        return packs[0]
    mixed = sum(pack.astype(np.float64) * share for pack, share in zip(packs, compute_shares(parts), strict=True))
    return np.asarray(mixed, np.float32)


def voice_files(spec: str, voices: Path | None) -> list[Path]:
    """List the files that are read for `spec`; a voice that is not there has none.

    Raises:
        WeightsError: the spec is misspelled, or a file is missing.
    """
    if is_file(spec):
        return [Path(spec)]
    found: list[Path] = []
    for part in parse_spec(spec):
        place = split_file(part.voice)
        if place is not None:
            found.append(place[0])
        elif voices is not None:
            found += [voices] if voices.is_file() else _own_files(part.voice, voices)[:1] or list_folder(voices)
    return found


def list_folder(folder: Path) -> list[Path]:
    """List the files of voices in a folder, sorted by name; none if there is no such folder.

    Raises:
        WeightsError: the folder cannot be read.
    """
    if not folder.is_dir():
        return []
    with reading(folder, WeightsError):
        files = [path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()]
    return sorted(path for path in files if not path.name.startswith("."))


def list_voices(voices: Path, default: str | None, row: int) -> list[ListedVoice]:
    """List the voices in the model's folder or file, sorted by name; those that cannot be used say why.

    Raises:
        WeightsError: a file, where it is one, cannot be read.
    """
    if voices.is_file():
        found: list[Voice | ListedVoice] = [
            Voice(key or default or voices.stem, voices, key, load) for key, load in open_voices(voices, row).items()
        ]
    else:
        found = _scan(voices, row)
    listed = [voice if isinstance(voice, ListedVoice) else _describe(voice, found, row) for voice in found]
    return sorted(listed, key=lambda voice: (voice.name, voice.file))


def open_file(file: Path, row: int) -> list[Voice]:
    """List the voices of a file: a single one is called after the file, one of many by its name in the file.

    Raises:
        WeightsError: the file is missing, damaged, or for a model with rows of another length.
    """
    contents = open_voices(file, row)
    return [Voice(key if len(contents) > 1 else file.stem, file, key, load) for key, load in contents.items()]


def needs_folder(spec: str | None) -> bool:
    """Whether a voice of `spec` is looked up in the model's voices; None is the model's default voice."""
    return spec is None or (not is_file(spec) and not all(names_file(part.voice) for part in parse_spec(spec)))


def _scan(folder: Path, row: int) -> list[Voice | ListedVoice]:
    """List the voices in a folder; a file that cannot be read is one voice that has a problem."""
    found: list[Voice | ListedVoice] = []
    for file in list_folder(folder):
        try:
            found += open_file(file, row)
        except WeightsError as error:
            found.append(ListedVoice(file.stem, file, None, str(error)))
    return found


def _describe(voice: Voice, every: list[Voice | ListedVoice], row: int) -> ListedVoice:
    """Load one of `every` voice to count its rows, and say whether another one has its name."""
    try:
        rows = len(voice.pack(row))
    except WeightsError as error:
        return ListedVoice(voice.name, voice.file, None, str(error))
    files = {other.file for other in every if other.name == voice.name}
    own = next((file for file in _own_files(voice.name, voice.file.parent) if file in files), None)
    problem = ""
    if len(files) > 1 and own is None:
        problem = f"another file has a voice '{voice.name}' too; write {voice.file}:{voice.name}"
    elif len(files) > 1 and own != voice.file:
        problem = f"'{voice.name}' is the voice of {own}"
    return ListedVoice(voice.name, voice.file, rows, problem)


def _find(
    voice: str, voices: Path | None, default: str | None, row: int, fetch: Callable[[str], Path] | None
) -> np.ndarray:
    """Load the pack of one VOICE of a specification."""
    place = split_file(voice)
    if place is not None:
        return _read(*place, row)
    if voices is not None and voices.is_file():
        return _read(voices, None if _is_only(voice, voices, default, row) else voice, row)
    found = None if voices is None else _search(voice, voices, row)
    if found is not None:
        return found.pack(row)
    absent = _not_found(voice, voices, row, suggests=fetch is None)
    if fetch is None:
        raise WeightsError(absent)
    try:
        return _read(fetch(voice), None, row)
    except WeightsError as error:
        raise WeightsError(f"{absent}. It cannot be fetched either: {error}") from None


def _own_files(name: str, folder: Path) -> list[Path]:
    """The files of a folder that are called after a voice, the one that is taken first."""
    return [path for suffix in SUFFIXES if locate.is_file(path := folder / f"{name}{suffix}")]


def _search(name: str, folder: Path, row: int) -> Voice | None:
    """Find a voice in a folder by its name; None if there is none.

    Raises:
        WeightsError: several files of many voices have it, or the file called after it holds others.
    """
    own = _own_files(name, folder)
    for file in own:
        for voice in open_file(file, row):
            if voice.name == name:
                return voice
    found = [voice for voice in _scan(folder, row) if voice.name == name and isinstance(voice, Voice)]
    if len(found) > 1:
        places = " and ".join(str(voice.file) for voice in found)
        raise WeightsError(f"voice '{name}': is in {places}; choose one by FILE:NAME, as in {found[0].file}:{name}")
    if not found and own:
        _read(own[0], None, row)
    return found[0] if found else None


def _not_found(voice: str, voices: Path | None, row: int, *, suggests: bool) -> str:
    """Say where a voice is not; `suggests` a similar name, unless the hub may have the one that is asked for."""
    hint = file_hint(voice)
    if voices is None:
        return f"voice '{voice}': the model has no voices; set model.voices, or give a file{hint}"
    if not voices.is_dir():
        return f"voice '{voice}': the model's voices are to be in {voices}, which does not exist{hint}"
    found = _scan(voices, row)
    damaged = "".join(f"; {other.problem}" for other in found if isinstance(other, ListedVoice))
    similar = suggest(voice, sorted({other.name for other in found})) if suggests else ""
    return f"voice '{voice}': not in {voices}{similar}{hint}{damaged}"


def _is_only(voice: str, file: Path, default: str | None, row: int) -> bool:
    """Whether `voice` names the only voice of a file that gives it no name."""
    if list(open_voices(file, row)) != [""]:
        return False
    if voice not in (default, file.stem):
        only = default or file.stem
        raise WeightsError(
            f"voice '{voice}': {file} holds one voice, '{only}'; give that name, or a file{file_hint(voice)}"
        )
    return True


def _read(path: Path, name: str | None, row: int) -> np.ndarray:
    """Load one voice of a file; without a name, the only one that it has."""
    found = {voice.key: voice for voice in open_file(path, row)}
    if name is None and len(found) > 1:
        raise WeightsError(f"{path}: holds {len(found)} voices; choose one by FILE:NAME, of {', '.join(found)}")
    key = next(iter(found), "") if name is None else name
    if key not in found:
        known = "; its one voice has no name, give the file alone" if "" in found else suggest(key, found)
        weight = f"; a weight is written {path}*{key}" if key.isdecimal() else ""
        raise WeightsError(f"voice '{key}': not in {path}{known}{weight}")
    return found[key].pack(row)

"""Voice packs: by name, from a file, or mixed.

    SPEC = VOICE                                     af_heart
         | VOICE [*WEIGHT] {(+|,) VOICE [*WEIGHT]}   af_heart*0.6+am_adam*0.4    af_heart,am_adam
    VOICE = NAME | FILE | FILE:NAME                  af_heart    my/voice.npy    voices-v1.0.bin:af_heart

A weight is any positive number, 1 where none is given, and is divided by the sum of all: `a,b` is the mean of both, as
in the reference, and `a*3+b` takes three quarters of `a`. In a mix a `+`, `,` or `*` of a path has a backslash before
it: `a\\+b/me.npy+af_heart`; a path that stands alone needs none.

A name is looked up in the model's voices: a folder (NAME.npy, then .safetensors, .pt, .bin) or a file. What a file is
decides its first bytes, then its size:

    .npy           [N, 2*style] or [N, 1, 2*style]; with one more axis in front, many voices, named 0, 1, ...
    .npz           many voices by name; `voices-v1.0.bin` is one
    .pt            torch.save of a tensor shaped as a .npy, or of {name: tensor}
    .safetensors   tensor `voice`, or many voices by name
    anything else  raw little-endian float32, a multiple of [510, 2*style]; many voices are named 0, 1, ...
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple

import numpy as np

from runner.errors import WeightsError, suggest
from runner.model.safetensors import StoredTensor, is_safetensors, map_file, read_safetensors

RAW_ROWS = 510  # rows of a published pack: one for each number of symbols
SUFFIXES = (".npy", ".safetensors", ".pt", ".bin")
_FILE_SUFFIXES = (*SUFFIXES, ".npz", ".pth")
_NPY = b"\x93NUMPY"
_ZIP = b"PK"
_MARK = re.compile(r"((?<!\\)[+,*])")


class _Part(NamedTuple):
    voice: str
    weight: float


def load_voice(
    spec: str | None, voices: Path | None, default: str | None, row: int, fetch: Callable[[str], Path] | None = None
) -> np.ndarray:
    """The voice pack that `spec` means: float32 [N, row], C-contiguous, finite.

    Args:
        spec: as above; None is the model's default voice.
        voices: the model's folder or file of voices; None for a model without voices.
        default: name of the model's default voice, if it has one, and of the one voice of a file that has no names.
        row: numbers in a row, 2*style of the model.
        fetch: gets the file of a voice, by name, that a folder lacks; raises WeightsError where it cannot.

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
    """The files that `spec` names, in the model's folder of voices too; of a voice that is not there, none.

    Raises:
        WeightsError: the spec is misspelled, or a file is missing.
    """
    if _is_file(spec):
        return [Path(spec)]
    places = (_place(part.voice, voices) for part in _parse(spec))
    return [place[0] for place in places if place is not None]


def voice_names(voices: Path, default: str | None, row: int) -> list[str]:
    """Names of the voices in the model's folder or file, sorted; those of a folder are its files'.

    Raises:
        WeightsError: there is no such folder or file, or the file is damaged.
    """
    if voices.is_dir():
        return sorted({file.stem for file in voices.iterdir() if file.suffix in SUFFIXES})
    return sorted(name or default or voices.stem for name in _contents(voices, row))


def absolute(spec: str, folder: Path) -> str:
    """`spec` with absolute paths: the relative ones start in `folder`."""
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
    """A piece of a specification without its backslashes and the spaces around it."""
    return re.sub(r"\\([+,*])", r"\1", piece.strip())


def _find(
    voice: str, voices: Path | None, default: str | None, row: int, fetch: Callable[[str], Path] | None
) -> np.ndarray:
    """The pack of one VOICE of a spec."""
    place = _place(voice, voices)
    if place is not None:
        file, name = place
        whole = name == voice and _is_only(voice, file, default, row)
        return _read(file, None if whole else name, row)
    absent = _absence(voice, voices, default, row)
    if fetch is None:
        raise WeightsError(absent)
    try:
        return _read(fetch(voice), None, row)
    except WeightsError as error:
        raise WeightsError(f"{absent}. Nor can it be fetched: {error}") from None


def _place(voice: str, voices: Path | None) -> tuple[Path, str | None] | None:
    """The file that holds one VOICE of a spec, and the voice's name in it; None if the model lacks it."""
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


def _absence(voice: str, voices: Path | None, default: str | None, row: int) -> str:
    if voices is None:
        return f"voice '{voice}': the model has no voices; set model.voices, or give a file{_meant_file(voice)}"
    if not voices.is_dir():
        return f"voice '{voice}': the model's voices are to be in {voices}, which does not exist{_meant_file(voice)}"
    return f"voice '{voice}': not in {voices}{suggest(voice, voice_names(voices, default, row))}{_meant_file(voice)}"


def _meant_file(voice: str) -> str:
    """How to spell the file that lies here under a name that a voice might have."""
    for file in (voice, voice.rpartition(":")[0]):
        if file and _fits(file) and Path(file).is_file():
            return f"; the file that lies here is spelled ./{voice}, for it ends in none of {', '.join(_FILE_SUFFIXES)}"
    return ""


def _names_file(voice: str) -> bool:
    """Whether a VOICE of a spec is FILE or FILE:NAME."""
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
    if list(_contents(file, row)) != [""]:
        return False
    if voice not in (default, file.stem):
        only = default or file.stem
        raise WeightsError(
            f"voice '{voice}': {file} holds one voice, '{only}'; give that name, or a file{_meant_file(voice)}"
        )
    return True


def _read(path: Path, name: str | None, row: int) -> np.ndarray:
    """One voice of a file; without a name, the only one it has."""
    contents = _contents(path, row)
    if name is None and len(contents) > 1:
        raise WeightsError(f"{path}: holds {len(contents)} voices; choose one by FILE:NAME, of {', '.join(contents)}")
    key = next(iter(contents), "") if name is None else name
    if key not in contents:
        raise WeightsError(f"voice '{key}': not in {path}{suggest(key, contents)}")
    return _pack(f"{path}:{key}" if key else str(path), contents[key](), row)


def _pack(where: str, array: np.ndarray, row: int) -> np.ndarray:
    """`array` as float32 [N, row], after a check of its dtype, shape and values."""
    if array.dtype not in (np.float32, np.float16):
        raise WeightsError(f"{where}: holds {array.dtype}, expected float32 or float16")
    pack = array[:, 0] if array.ndim == 3 and array.shape[1] == 1 else array
    if pack.ndim != 2 or pack.shape[0] == 0 or pack.shape[1] != row:
        raise WeightsError(f"{where}: is {list(array.shape)}, expected [N, {row}]: a row is 2*style of the model")
    if not np.isfinite(pack).all():
        raise WeightsError(f"{where}: has values that are not finite; fetch it again")
    return np.ascontiguousarray(pack, np.float32)


_Contents = Mapping[str, Callable[[], np.ndarray]]


def _contents(path: Path, row: int) -> _Contents:
    """The voices of a file by name, each to be read on demand; a voice without a name is ''."""
    data = map_file(path)
    if data[: len(_NPY)] == _NPY:
        return _many(_numpy(path))
    if data[: len(_ZIP)] == _ZIP:
        return _zip_contents(path)
    if is_safetensors(data):
        tensors = read_safetensors(path)
        return _many(_floats(path, tensors["voice"])) if list(tensors) == ["voice"] else _named(path, tensors)
    size = RAW_ROWS * row * 4
    if len(data) % size:
        raise WeightsError(
            f"{path}: has {len(data)} bytes, expected a multiple of {size}: raw float32 [{RAW_ROWS}, {row}], where a "
            "row is 2*style of the model; the file is truncated, or for another model"
        )
    return _many(np.frombuffer(data, "<f4").reshape(-1, RAW_ROWS, row))


def _many(array: np.ndarray) -> _Contents:
    """One voice of [N, row] or [N, 1, row], or several behind another axis, of which one is no axis."""
    if array.ndim == 4 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 3 or array.shape[1] == 1:
        return {"": lambda: array}
    if array.shape[0] == 1:
        return {"": lambda: array[0]}
    return {str(index): lambda index=index: array[index] for index in range(array.shape[0])}  # type: ignore[misc]


def _named(path: Path, tensors: Mapping[str, object]) -> _Contents:
    return {name: lambda tensor=tensor: _floats(path, tensor) for name, tensor in tensors.items()}  # type: ignore[misc]


def _floats(path: Path, tensor: object) -> np.ndarray:
    if not isinstance(tensor, StoredTensor):
        raise WeightsError(f"{path}: holds a {type(tensor).__name__}, expected a tensor [N, 1, 2*style]")
    try:
        return tensor.float32()
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from None


def _zip_contents(path: Path) -> _Contents:
    import zipfile  # noqa: PLC0415 - these two take 4 ms that a .npy file need not pay

    from runner.model.torch_zip import ZIP_ERRORS, read_torch_zip  # noqa: PLC0415

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except ZIP_ERRORS as error:
        raise WeightsError(f"{path}: truncated or damaged ({error}); fetch it again") from None
    if any(name.endswith("/data.pkl") for name in names):
        saved = read_torch_zip(path)
        return _named(path, saved) if isinstance(saved, dict) else _many(_floats(path, saved))
    members = [name.removesuffix(".npy") for name in names]
    return {name: lambda name=name: _numpy(path, name) for name in members}  # type: ignore[misc]


def _damages() -> tuple[type[Exception], ...]:
    """What NumPy raises on damaged bytes."""
    from runner.model.torch_zip import ZIP_ERRORS  # noqa: PLC0415 - as above

    return (*ZIP_ERRORS, SyntaxError, TokenError, MemoryError, UserWarning)


def _numpy(path: Path, member: str | None = None) -> np.ndarray:
    """The array of a .npy file, or a member of a .npz file; objects, which are pickles, are refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # NumPy's guess at a header it cannot parse
            loaded = np.load(path, allow_pickle=False)
            if member is None:
                return np.asarray(loaded)
            with loaded:
                return np.asarray(loaded[member])
    except _damages() as error:
        raise WeightsError(f"{path}: truncated or damaged ({error}); fetch it again") from None

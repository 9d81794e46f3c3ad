"""Reads files of voice packs, which are told apart by their first bytes, then by their size.

.npy           [N, 2*style] or [N, 1, 2*style]; with one more axis in front, many voices, named 0, 1, ...
.npz           many voices by name; `voices-v1.0.bin` is one
.pt            torch.save of a tensor shaped as a .npy, or of {name: tensor}
.safetensors   tensor `voice`, or many voices by name
anything else  raw little-endian float32, a multiple of [510, 2*style]; many voices are named 0, 1, ...

Numbers are float16, float32 or float64 of either byte order, or bfloat16 where the format has it; a pack is float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tokenize import TokenError

import numpy as np

from runner.errors import WeightsError
from runner.model.safetensors import StoredTensor, is_safetensors, map_file, read_safetensors

RAW_ROWS = 510  # rows of a published pack: one for each number of symbols
Voices = Mapping[str, Callable[[], np.ndarray]]
_NPY = b"\x93NUMPY"
_ZIP = b"PK"


def check_pack(where: str, array: np.ndarray, row: int) -> np.ndarray:
    """Convert a voice pack to float32 [N, row], C-contiguous.

    Args:
        where: names the pack in messages.
        array: [N, row] or [N, 1, row]; float16, float32 or float64 of either byte order.
        row: numbers in a row, 2*style of the model.

    Raises:
        WeightsError: its dtype or shape is another, or a value is not finite or beyond the range of float32.
    """
    if array.dtype.newbyteorder("=") not in (np.float16, np.float32, np.float64):
        raise WeightsError(f"{where}: holds {array.dtype}, expected float32, float16 or float64")
    pack = array[:, 0] if array.ndim == 3 and array.shape[1] == 1 else array
    if pack.ndim != 2 or pack.shape[0] == 0 or pack.shape[1] != row:
        raise WeightsError(f"{where}: is {list(array.shape)}, expected [N, {row}]: a row is 2*style of the model")
    if not np.isfinite(pack).all():
        raise WeightsError(f"{where}: has values that are not finite; fetch it again")
    with np.errstate(over="ignore"):
        pack = np.require(np.asarray(pack), np.float32, ["C", "ALIGNED"])
    if not np.isfinite(pack).all():
        raise WeightsError(f"{where}: has values beyond the range of float32, which is up to 3.4e38; scale them down")
    return pack


def open_voices(path: Path, row: int) -> Voices:
    """Open a file of voices: name -> what reads the voice; a voice without a name is ''.

    Raises:
        WeightsError: the file is missing, damaged, or for a model with rows of another length.
    """
    data = map_file(path)
    if data[: len(_NPY)] == _NPY:
        return _many(_numpy(path))
    if data[: len(_ZIP)] == _ZIP:
        return _open_zip(path)
    if is_safetensors(data):
        tensors = read_safetensors(path, data)
        return _many(_floats(path, tensors["voice"])) if list(tensors) == ["voice"] else _named(path, tensors)
    size = RAW_ROWS * row * 4
    if len(data) % size:
        raise WeightsError(
            f"{path}: has {len(data)} bytes, expected a multiple of {size}: raw float32 [{RAW_ROWS}, {row}], where a "
            "row is 2*style of the model; the file is truncated, or for another model"
        )
    return _many(np.frombuffer(data, "<f4").reshape(-1, RAW_ROWS, row))


def _many(array: np.ndarray) -> Voices:
    """Split an array into voices of [N, row] or [N, 1, row], of which there are several if it has one more axis."""
    if array.ndim == 4 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 3 or array.shape[1] == 1:
        return {"": lambda: array}
    if array.shape[0] == 1:
        return {"": lambda: array[0]}
    return {str(index): lambda index=index: array[index] for index in range(array.shape[0])}  # type: ignore[misc]


def _named(path: Path, tensors: Mapping[str, object]) -> Voices:
    return {name: lambda tensor=tensor: _floats(path, tensor) for name, tensor in tensors.items()}  # type: ignore[misc]


def _floats(path: Path, tensor: object) -> np.ndarray:
    if not isinstance(tensor, StoredTensor):
        raise WeightsError(f"{path}: holds a {type(tensor).__name__}, expected a tensor [N, 1, 2*style]")
    return tensor.float32() if tensor.dtype == "bfloat16" else tensor.data


def _open_zip(path: Path) -> Voices:
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
    """The errors that NumPy raises on damaged bytes."""
    from runner.model.torch_zip import ZIP_ERRORS  # noqa: PLC0415 - as above

    return (*ZIP_ERRORS, SyntaxError, TokenError, MemoryError, UserWarning)


def _numpy(path: Path, member: str | None = None) -> np.ndarray:
    """Read the array of a .npy file, or a member of a .npz file; objects, which are pickles, are refused."""
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

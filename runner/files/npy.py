"""Reads and writes values of ports: arrays as .npy files, texts as .txt files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import RunError
from runner.files import atomic
from runner.files.errors import reading, writing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

ARRAY, TEXT = ".npy", ".txt"
"""The extension of the file of a value."""


def read_array(path: Path) -> npt.NDArray[Any]:
    """Read the array of a .npy file.

    Raises:
        RunError: there is no such file, or it does not hold one array; pickled objects are refused.
    """
    try:
        with reading(path), path.open("rb") as file:
            array = np.load(file if file.seekable() else io.BytesIO(file.read()), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise RunError(f"{path}: is not a .npy file of an array: {error}") from None
    if not isinstance(array, np.ndarray):
        raise RunError(f"{path}: holds several arrays; give a .npy file of one")
    return array


def read_port(path: Path) -> npt.NDArray[Any] | str:
    """Read a value that `write_ports` wrote: the text of a .txt file, else an array.

    Raises:
        RunError: there is no such file, or it holds something else.
    """
    if path.suffix != TEXT:
        return read_array(path)
    try:
        with reading(path):
            return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def name_file(port: str, *, is_text: bool) -> str:
    """Name the file that `write_ports` writes a port to."""
    return f"{port}{TEXT if is_text else ARRAY}"


def write_ports(folder: Path, ports: Mapping[str, npt.NDArray[Any] | str]) -> None:
    """Write each port to FOLDER/STAGE.PORT.npy, or .txt where it is a text; missing folders are made.

    Raises:
        RunError: a file cannot be written.
    """
    for port, value in ports.items():
        path = folder / name_file(port, is_text=isinstance(value, str))
        with writing(path):
            if isinstance(value, str):
                atomic.write(path, [value.encode("utf-8", "backslashreplace")])
            else:
                write_array(path, value)


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write a .npy file in one step: an interrupted run or a full disk leaves the old file or none.

    Raises:
        OSError: it cannot be written.
    """
    whole = io.BytesIO()
    np.save(whole, array, allow_pickle=False)
    atomic.write(path, [whole.getbuffer()])

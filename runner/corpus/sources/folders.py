"""Finds the files with the records of a data set's folder, as the hub of Hugging Face lays them out.

    metadata.jsonl, train/metadata.csv, ...      beside audio files; a folder has one
    data/train-00000-of-00001.parquet, ...       or in another folder, where there is none under data/

The files of all splits are read.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from runner.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

_METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")


def may_have_records(path: str) -> bool:
    """Whether a file may be one with records, by its path from the folder; hidden files and folders are not."""
    parts = PurePosixPath(path).parts
    return not any(part.startswith(".") for part in parts) and (parts[-1] in _METADATA or path.endswith(".parquet"))


def choose_files(paths: Sequence[str], name: str) -> list[str]:
    """Choose the files with records.

    Args:
        paths: those of the files that may have some, from the folder.
        name: the folder in messages.

    Raises:
        RunError: there is none, or two say the same of one folder.
    """
    metadata = [path for path in paths if PurePosixPath(path).name in _METADATA]
    chosen = metadata or [path for path in paths if path.startswith("data/")] or list(paths)
    if not chosen:
        expected = f"{', '.join(_METADATA)}, or Parquet files under data/"
        raise RunError(f"{name}: is a folder without records, expected {expected}; or give files: {name.rstrip('/')}/*")
    folders = [PurePosixPath(path).parent for path in metadata]
    twice = next((folder for folder in folders if folders.count(folder) > 1), None)
    if twice is not None:
        both = " and ".join(path for path in metadata if PurePosixPath(path).parent == twice)
        raise RunError(f"{name}: has {both}, which are read as different rows; give one of them as a file")
    return chosen

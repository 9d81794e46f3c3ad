"""Where the graphs and configurations lie, and how messages spell a path."""

from __future__ import annotations

import os
from pathlib import Path

from runner.errors import SpecError, printable, suggest

BUILD_ROOT = "build/"


def data_root() -> Path:
    """The folder that holds graphs/ and configs/: in a wheel below `runner`, in a checkout its root."""
    packaged = Path(__file__).parents[1] / "data"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def find_file(name: str, folder: str) -> Path:
    """The file that a user means by `name`: a path, else one below `data_root()`, else FOLDER/NAME.yaml there.

    Raises:
        SpecError: there is none; the message lists what `folder` has.
    """
    packaged = data_root()
    for path in (Path(name), packaged / name, packaged / folder / f"{name}.yaml"):
        if is_file(path):
            return path
    known = sorted(path.relative_to(packaged / folder).with_suffix("").as_posix() for path in files(packaged / folder))
    raise SpecError(f"{printable(name)}: no such file, and {folder} has no '{printable(name)}'{suggest(name, known)}")


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.yaml"))


def shown(path: Path) -> str:
    """The path as messages spell it: relative where it is below the working directory."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def is_file(path: Path) -> bool:
    """Whether there is such a file; false, not an error, for what no file can be called."""
    try:
        return path.is_file()
    except OSError:
        return False

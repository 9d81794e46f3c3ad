"""Finds graphs and configurations, and spells paths for messages."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from runner.errors import RunError, SpecError, printable, suggest

BUILD_ROOT = "build/"
_MODELS = "models"
_DESCRIPTORS = ("dev", "proc")  # the folders of /dev/fd/63, /dev/stdin and /proc/self/fd/63


def data_root() -> Path:
    """Find the folder that holds graphs/ and configs/: in a wheel one in `runner`, in a checkout its root."""
    packaged = Path(__file__).parents[1] / "data"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def install_command(extra: str) -> str:
    """Give the command that installs an extra of kokoro-run: from the checkout if this is one."""
    root = data_root()
    where = f"-e '{display_path(root)}[{extra}]'" if (root / "pyproject.toml").is_file() else f"'kokoro-run[{extra}]'"
    return f"pip install {where}"


def find_named_folder(variable: str) -> Path | None:
    """Find the folder that a variable of the environment names; None if it is not set, or empty.

    A `~` at its start is the home folder: a shell leaves it in quotes and in files of settings.

    Raises:
        RunError: it names the home folder of no user.
    """
    given = os.environ.get(variable)
    if not given:
        return None
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise RunError(f"{variable}={given}: there is no such home folder; give an absolute path") from None


def find_file(name: str, folder: str) -> Path:
    """Find the file that a user means by `name`: a path, else one below `data_root()`, else NAME.yaml in FOLDER there.

    A model's file need not be called by its folder: `mini` is configs/models/mini.yaml.

    A path may be that of a pipe, as a shell makes it of `<(...)`.

    Raises:
        SpecError: there is none; the message lists what `folder` has.
    """
    packaged = data_root()
    places = [packaged / folder, packaged / folder / _MODELS]
    for path in (Path(name), packaged / name, *(place / f"{name}.yaml" for place in places)):
        if is_file(path) or is_pipe(path):
            return path
    names = (path.relative_to(packaged / folder) for path in list_yaml_files(packaged / folder))
    known = sorted(path.with_suffix("").as_posix().removeprefix(f"{_MODELS}/") for path in names)
    raise SpecError(f"{printable(name)}: no such file, and {folder} has no '{printable(name)}'{suggest(name, known)}")


def list_yaml_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.yaml"))


def display_path(path: Path) -> str:
    """Spell a path for messages: relative if it is below the working directory."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def is_file(path: Path) -> bool:
    """Whether there is such a file; false, not an error, if no file can have such a name."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_pipe(path: Path) -> bool:
    """Whether the path leads to a pipe or a device, which can be read once."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def base_folder(path: Path) -> Path:
    """Find the folder that relative paths in a file start from: its own, or the working one for a file descriptor."""
    return Path.cwd() if path.absolute().parts[1] in _DESCRIPTORS else path.parent


def is_folder(path: str) -> bool:
    """Whether there is such a folder; false, not an error, if no folder can have such a name."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir() raises for a name that is too long

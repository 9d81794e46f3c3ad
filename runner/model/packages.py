"""Finds files in installed packages. A package is asked for its files only: its code is never imported.

A package registry limits the size of a file, so a checkpoint may lie in several packages, cut into parts.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import WeightsError
from runner.files.locate import install_command
from runner.model import hub

if TYPE_CHECKING:
    from runner.graph.types import ModelSpec, PackagesSpec, PartSpec


def find_checkpoint(model: ModelSpec) -> tuple[Path, ...]:
    """Find the model's checkpoint: the local file, else the parts that packages hold, else the file of the hub.

    Returns:
        The files that are the checkpoint, one after the other.

    Raises:
        WeightsError: there is none, a package is missing or has another version, or the file cannot be fetched.
    """
    absent = model.checkpoint is None or not model.checkpoint.is_file()
    if model.packages is not None and absent and "checkpoint" not in model.overridden:
        return find_parts(model.packages, f"the checkpoint of model '{model.name}'")
    return (hub.checkpoint(model),)


def find_parts(packages: PackagesSpec, what: str) -> tuple[Path, ...]:
    """Find the files of installed packages that are `what`, one after the other.

    Raises:
        WeightsError: a package is not installed, has another version, or lacks the file; all of them are listed.
    """
    found = [(part, _find_file(part)) for part in packages.parts]
    problems = [fact for _, fact in found if isinstance(fact, str)]
    if problems:
        names = ", ".join(dict.fromkeys(f"{part.package}=={part.version}" for part, _ in found))
        raise WeightsError(
            f"{what} is in the packages {names}: {'; '.join(problems)}. "
            f"Install them with: {install_command(packages.extra)}"
        )
    return tuple(path for _, path in found if isinstance(path, Path))


def _find_file(part: PartSpec) -> Path | str:
    """Find the file of a part, or the reason why it cannot be used."""
    try:
        distribution = importlib.metadata.distribution(part.package)
    except importlib.metadata.PackageNotFoundError:
        return f"{part.package} is not installed"
    if distribution.version != part.version:
        return f"{part.package} is installed at version {distribution.version}, expected {part.version}"
    path = Path(str(distribution.locate_file(part.file)))
    return path if path.is_file() else f"{part.package} has no file {part.file}"

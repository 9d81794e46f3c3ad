"""Loads descriptions of device kinds; each is remembered by the digest of its file, and not read twice."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from runner.files.locate import data_root

if TYPE_CHECKING:
    from runner.graph.types import DeviceSpec

_remembered: dict[tuple[Path, str], DeviceSpec] = {}


def load_device(kind: str) -> DeviceSpec:
    """Load the description of a device kind.

    Raises:
        SpecError: there is no such kind, or its file has mistakes.
    """
    known = _remembered.get((path := device_file(kind), _digest(path)))
    if known is not None:
        return known
    from runner.graph import validate  # noqa: PLC0415 - imports pydantic

    described = validate.load_device(kind)
    remember(described)
    return described


def remember(described: DeviceSpec) -> None:
    """Remember a description, which is that of the file as it is now."""
    _remembered[described.origin, _digest(described.origin)] = described


def device_file(kind: str) -> Path:
    """Give the file that describes a device kind, if it exists."""
    return data_root() / "configs" / "devices" / f"{kind}.yaml"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

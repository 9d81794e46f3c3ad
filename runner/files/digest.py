"""The digest of a file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def file_sha256(*parts: Path) -> str:
    """Compute the sha256 of a file's bytes, in hexadecimal; the file may be cut into parts.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    for path in parts:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()

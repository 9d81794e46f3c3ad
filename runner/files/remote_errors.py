"""Lists the errors of the packages that read and write remote files for fsspec: most of them are no OSError."""

from __future__ import annotations

import sys
from typing import Any

_ERRORS = {
    "aiohttp": ("ClientError",),
    "azure.core.exceptions": ("AzureError",),
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "gcsfs.retry": ("HttpError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "httpx": ("HTTPError", "InvalidURL"),
    "huggingface_hub.errors": ("HFValidationError",),
    "paramiko": ("SSHException",),
    "zipfile": ("BadZipFile",),
}
"""Module -> its classes of errors that are no OSError."""


def list_remote_errors() -> tuple[type[Exception], ...]:
    """List OSError, and the errors of the packages that have been imported: those of others cannot be raised."""
    modules: list[tuple[Any, tuple[str, ...]]] = [(sys.modules.get(name), names) for name, names in _ERRORS.items()]
    found = [getattr(module, name, None) for module, names in modules if module is not None for name in names]
    return (OSError, *(kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)))

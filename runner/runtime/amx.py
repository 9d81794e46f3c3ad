"""Permission to use AMX: Linux gives a process the tile registers' 8 KiB of state a thread only when asked."""

from __future__ import annotations

import ctypes
import functools
import os

_ARCH_PRCTL = 158  # system call of x86-64
_REQUEST_PERMISSION, _TILE_DATA = 0x1023, 18  # ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA

FEATURE = "amx-tile"  # LLVM's name, among a manifest's `cpu_features`


@functools.cache
def refused() -> str:
    """Ask for it, once a process and for all its threads; '' where it is given, else the system's reason."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA) == 0:
        return ""
    return os.strerror(ctypes.get_errno())

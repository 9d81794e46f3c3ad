"""Requests permission to use AMX: Linux gives a process the 8 KiB of tile registers of each thread only on request."""

from __future__ import annotations

import ctypes
import functools
import os

_ARCH_PRCTL = 158  # system call of x86-64
_REQUEST_PERMISSION, _TILE_DATA = 0x1023, 18  # ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA

FEATURE = "amx-tile"  # LLVM's name, among a manifest's `cpu_features`


@functools.cache
def request_permission() -> str:
    """Request permission for all threads of this process; gives '' if it is granted, else the system's reason."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA) == 0:
        return ""
    return os.strerror(ctypes.get_errno())

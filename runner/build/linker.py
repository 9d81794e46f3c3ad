"""Finds the compiler that links libraries, for this machine or for another. Never imports TVM.

$CXX, else $CC                              what the user names, for every machine
g++, gcc, clang++, clang, c++, cc           for this machine
aarch64-linux-gnu-g++, ...-gcc              for another one
"""

from __future__ import annotations

import os
import platform
import shutil
from typing import TYPE_CHECKING

from runner.errors import BuildError

if TYPE_CHECKING:
    from runner.runtime.machine import Machine

_NAMES = ("g++", "gcc", "clang++", "clang", "c++", "cc")
_CROSS = ("g++", "gcc")
_SHOWN = 3  # lines of a linker's output
_INSTALL = {"Darwin": "xcode-select --install"}


def find_linker(other: Machine | None = None) -> str | None:
    """Find the compiler to link with; None if there is none.

    Args:
        other: the machine that the library is for; None for this one.
    """
    named = os.environ.get("CXX") or os.environ.get("CC")
    if named:
        return named if shutil.which(named) else None
    cross = [f"{other.gnu}-{name}" for name in _CROSS] if other is not None and other.system == "Linux" else []
    names = _NAMES if other is None else cross
    return next(filter(None, map(shutil.which, names)), None)


def require_linker(other: Machine | None = None) -> str:
    """Find the compiler to link with, as `find_linker`.

    Raises:
        BuildError: there is none; the message says how to install one.
    """
    linker = find_linker(other)
    if linker is not None:
        return linker
    named = os.environ.get("CXX") or os.environ.get("CC")
    if named:
        fact = f"CXX or CC names '{named}', and there is no such program; name one, without arguments"
    else:
        fact = "no C compiler" if other is None else f"no compiler that links for {other}"
    raise BuildError(f"{fact}; libraries are linked with a C compiler. Install one ({_name_package(other)}), or set CC")


def describe_failure(linker: str, output: str, other: Machine | None = None) -> str:
    """Describe a linker that cannot link, such as one without the files of the C library.

    Args:
        output: what it printed.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "error: " in line or "cannot" in line] or lines
    return (
        f"{linker} cannot link a library for {other or 'this machine'}: {'; '.join(telling[:_SHOWN])}. Install what it "
        f"links with ({_name_package(other)}), or set CXX to another compiler"
    )


def _name_package(other: Machine | None) -> str:
    """Name the command or the package that brings a compiler and what it links with."""
    if other is not None and other.system != "Linux":
        return "none is packaged; build on such a machine"
    if other is not None:
        return f"on Debian: g++-{other.gnu.replace('_', '-')}"
    return _INSTALL.get(platform.system(), "on Debian: gcc and libc6-dev")

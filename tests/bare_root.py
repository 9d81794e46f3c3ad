"""Makes bare roots: folders in which a program runs by chroot, with libc, with Python if asked, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

_LIBC = re.compile(r"(?:ld-linux|lib(?:c|m|dl|pthread|rt|util)\.so)")  # the names of its libraries
_LEFT = (
    "site-packages",
    "dist-packages",
    "test",
    "idlelib",
    "ensurepip",
    "__pycache__",
    "config-*",
    "tkinter",
    "turtledemo",
)


def require_chroot() -> None:
    """Skip the test where no program can be run in a root of its own."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("chroot", "ldd"))):
        pytest.skip("chroot takes root")


def make_root(root: Path, linked: Iterable[Path], *, python: bool = False) -> Path:
    """Make a root.

    Args:
        linked: files that the caller puts there; a root has the dynamic linker and all libraries of libc.
        python: whether it has this Python, with its standard library and what that is linked with.
    """
    root.mkdir()
    libraries = set(_list_libc(linked))
    if python:
        own, library = find_python(), Path(sysconfig.get_path("stdlib"))
        shutil.copytree(library, place(root, library), ignore=shutil.ignore_patterns(*_LEFT), copy_function=_link)
        libraries |= {own, *_list_libc([own]), *_list_linked([own, *(library / "lib-dynload").glob("*.so")])}
    for path in libraries:
        place(root, path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place(root, path))
    for folder in ("proc", "tmp"):
        (root / folder).mkdir(exist_ok=True)
    shutil.copy("/proc/cpuinfo", root / "proc")  # every machine has one; this root has no other file of the kernel's
    return root


def find_python() -> Path:
    """Find the interpreter itself, not the link of a virtual environment."""
    return Path(os.path.realpath(sys.executable))


def place(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def run_in_root(root: Path, *command: object, paths: Iterable[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a program in the root, with an empty environment but for `paths`, where libraries are looked for."""
    chroot = shutil.which("chroot")
    assert chroot is not None
    # The root has no /proc/self/exe, by which the dynamic linker finds the folder of a program.
    environment = {"LD_LIBRARY_PATH": ":".join(paths)} if paths else {}
    words = [chroot, str(root), *map(str, command)]
    return subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def _list_libc(files: Iterable[Path]) -> Iterator[Path]:
    """List the libraries of libc beside those that files are linked with: what is installed with it."""
    for path in _list_linked(files):
        if _LIBC.match(path.name):
            yield path
            yield from (other for other in path.parent.glob("lib*.so.[0-9]") if _LIBC.match(other.name))


def _list_linked(files: Iterable[Path]) -> set[Path]:
    """List the libraries that files are linked with, and the dynamic linker."""
    done = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    return {Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)}


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)

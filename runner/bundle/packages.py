"""Finds the files of other packages that the program of a bundle takes: NumPy, tvm_ffi and TVM's runtime alone.

The lists of files are those of the installed packages. What only tests, builds and type checkers read stays out: of
NumPy's 73 MB that is 29, of TVM's 260 MB nearly all. The licences come along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from runner.bundle.layout import PYTHON, Entry
from runner.errors import RunError


@dataclass(frozen=True)
class _Package:
    """An installed package.

    Attributes:
        name: as pip knows it.
        taken: a regular expression of the paths of its files that a bundle carries.
        left: one of those among them that it does not.
    """

    name: str
    taken: str
    left: str = r"(?!)"  # none


_CODE = r"(?:py|so(?:\.[0-9.]+)?)"
_PACKAGES = (
    # TVM's version is in the name of the folder with its metadata (`runtime.tvm_runtime.version`).
    _Package("apache-tvm", r"tvm/lib/libtvm_runtime\.so"),
    _Package(
        "apache-tvm-ffi",
        # `core` is linked with the library of tvm_ffi's own tests.
        rf"tvm_ffi/(?:(?:cpp|dataclasses|utils|lib)/)?[^/]+\.{_CODE}",
    ),
    _Package("defusedxml", rf"defusedxml/[^/]+\.{_CODE}"),  # reads SSML
    _Package(
        "numpy",
        rf"numpy(?:\.libs)?/(?:[^/]+/)*[^/]+\.{_CODE}",
        # A folder of each is imported when its name is first used, which no code in a bundle does.
        r"numpy/(?:.*/)?(?:tests|distutils|f2py|fft|ma|polynomial|random|testing|_pyinstaller)/"
        r"|numpy/_core/_(?:simd|\w+_tests)\.",
    ),
    _Package("typing-extensions", r"typing_extensions\.py"),  # imported by tvm_ffi
)
_METADATA = r"[^/]+\.dist-info/(?:METADATA|licenses/.*|(?:LICENSE|NOTICE)[^/]*)"
# A regular package, since one that is installed on the other machine would go before a folder without this file.
_RUNTIME_ALONE = Entry(f"{PYTHON}/tvm/__init__.py", b'"""TVM\'s runtime; the compiler is no part of a bundle."""\n')


def list_packages() -> Iterator[Entry]:
    """List the files of the packages.

    Raises:
        RunError: a package is not installed, or does not say which files it has.
    """
    for package in _PACKAGES:
        for path, file in sorted(_list_files(package.name).items()):
            is_taken = re.fullmatch(package.taken, path) and not re.match(package.left, path)
            if is_taken or re.fullmatch(_METADATA, path):
                yield Entry(f"{PYTHON}/{path}", file)
    yield _RUNTIME_ALONE


def _list_files(name: str) -> dict[str, Path]:
    """List the files of an installed package: path below the folder of all packages -> file."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise RunError(f"the package {name} is not installed, which a bundle carries: pip install {name}") from None
    if not found.files:
        raise RunError(f"the package {name} does not list its files: install it again with pip")
    return {file.as_posix(): Path(str(file.locate())) for file in found.files}

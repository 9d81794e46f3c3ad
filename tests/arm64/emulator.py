"""Makes a folder with Python and this project's packages for arm64, and runs Python in it under QEMU.

A step whose result is there is not done again: a stamp holds what it was made from.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

QEMU, CROSS, BOOTSTRAP = "qemu-aarch64", "aarch64-linux-gnu-g++", "mmdebstrap"
PACKAGES = {QEMU: "qemu-user", CROSS: "g++-aarch64-linux-gnu", BOOTSTRAP: "mmdebstrap"}  # of Debian
SUITE, PYTHON = "bookworm", "3.11"  # Debian 12, and its Python
DEBIAN = ("python3", "libstdc++6", "zlib1g")
TESTS = ("pytest", "hypothesis")  # what the tests of kernels need beside the project's own dependencies
# QEMU offers what this processor has; older versions of it leave /proc/cpuinfo to the machine that emulates.
CPU = "cortex-a72"
CPUINFO = "processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n\n"


@dataclass(frozen=True)
class Emulator:
    """A folder with a root for arm64 and Python's packages."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def prepare(self) -> None:
        """Make what is missing.

        Raises:
            SystemExit: a program is missing, or a step has failed.
        """
        absent = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
        if absent:
            raise SystemExit(f"test-arm64: apt-get install {' '.join(absent)}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._step("root", f"{SUITE} {' '.join(DEBIAN)} {CPUINFO}", self._make_root)
        self._step("packages", "\n".join(list_requirements()), self._install)

    def run(self, *words: object) -> int:
        """Run `python WORDS` for arm64 in the checkout; gives its exit code."""
        # Not all variables: some choose code for this machine's processor, such as OPENBLAS_CORETYPE.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
        own = {"PYTHONPATH": f"{self.folder / 'packages'}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
        python = self.root / "usr" / "bin" / f"python{PYTHON}"
        command = [QEMU, "-cpu", CPU, "-L", self.root, python, *words]
        return subprocess.run(list(map(str, command)), cwd=ROOT, env=kept | own, check=False).returncode

    def _step(self, name: str, made_from: str, make: Callable[[], None]) -> None:
        stamp, folder = self.folder / f".{name}", self.folder / name
        if stamp.is_file() and stamp.read_text("utf-8") == made_from and folder.is_dir():
            return
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        make()
        stamp.write_text(made_from, "utf-8")

    def _make_root(self) -> None:
        words = ["--variant=extract", "--architectures=arm64", f"--include={','.join(DEBIAN)}", SUITE, str(self.root)]
        _run(BOOTSTRAP, *words)
        (self.root / "proc").mkdir(exist_ok=True)
        (self.root / "proc" / "cpuinfo").write_text(CPUINFO, "utf-8")

    def _install(self) -> None:
        platforms = [f"--platform=manylinux{name}_aarch64" for name in ("2014", "_2_17", "_2_28", "_2_34")]
        words = ["--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp", *platforms]
        target = ["--target", str(self.folder / "packages"), *list_requirements()]
        _run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *words, *target)


def list_requirements() -> list[str]:
    """List the project's dependencies and those of the tests, in the versions that are installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in project["dependencies"]]
    return [f"{name}=={importlib.metadata.version(name)}" for name in [*names, *TESTS]]


def _run(*words: str) -> None:
    if subprocess.run(words, check=False).returncode:
        raise SystemExit(f"test-arm64: this failed: {' '.join(words)}")

"""Names the kind of machine that code runs on: its processor and its system, of this one and of a compiler's target.

x86_64-unknown-linux-gnu         Linux on x86_64
aarch64-linux-gnu                Linux on aarch64
arm64-apple-darwin23.1.0         Darwin (macOS) on aarch64
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any, NamedTuple

_PROCESSORS = {"arm64": "aarch64", "amd64": "x86_64"}  # other names of one processor -> the Linux kernel's
_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "macosx": "Darwin", "windows": "Windows"}
_LLVM = "llvm"


class Machine(NamedTuple):
    """A kind of machine.

    Attributes:
        processor: the Linux kernel's name of it.
        system: Python's name of it; '' for a target that names none.
    """

    processor: str
    system: str

    def __str__(self) -> str:
        return f"{self.system} on {self.processor}" if self.system else self.processor

    def runs(self, target: Machine) -> bool:
        """Whether code for `target` runs here, as far as processor and system decide it."""
        return target.processor == self.processor and target.system in ("", self.system)

    @property
    def gnu(self) -> str:
        """The prefix of the cross compilers for this machine, as Debian and Fedora name them."""
        return f"{self.processor}-linux-gnu"


def this_machine() -> Machine:
    """Give the kind of the machine that this process runs on."""
    return Machine(spell_processor(platform.machine()), platform.system())


def spell_processor(name: str) -> str:
    """Give the Linux kernel's name of a processor that a system or a compiler calls `name`."""
    return _PROCESSORS.get(name.lower(), name.lower())


def parse_triple(triple: str) -> Machine:
    """Parse LLVM's name of a kind of machine."""
    processor, *others = triple.split("-")
    found = (system for other in others for start, system in _SYSTEMS.items() if other.startswith(start))
    return Machine(spell_processor(processor), next(found, ""))


def find_other_machine(target: Mapping[str, Any]) -> Machine | None:
    """Find the machine that TVM's target `target` compiles for, if code for it cannot run here; else None.

    A target without a triple is for the machine that compiles, and one for a GPU has code for that as well.
    """
    if target.get("kind") != _LLVM or "mtriple" not in target:
        return None
    machine = parse_triple(str(target["mtriple"]))
    return None if this_machine().runs(machine) else machine

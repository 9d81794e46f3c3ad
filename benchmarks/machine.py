"""What a figure was measured on: without it a figure says nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from runner.runtime.threads import available_threads

PACKAGES = ("apache-tvm", "torch", "onnxruntime", "openvino", "numpy")
VECTOR_FEATURES = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")


def describe() -> dict[str, object]:
    """The processor, its cores and vector features, the system, the versions and the load at this moment."""
    cpu = _cpu_info()
    return {
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "cpu_family_model": f"{cpu.get('cpu family', '?')}/{cpu.get('model', '?')}",
        "usable_cores": cores(),
        "vector_features": [feature for feature in VECTOR_FEATURES if feature in features()],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "load_average": round(os.getloadavg()[0], 2),
    }


def cores() -> int:
    """How many this process may use."""
    return available_threads()


def features() -> frozenset[str]:
    """What the kernel says the processor has, by its names; empty where it does not say."""
    cpu = _cpu_info()
    return frozenset((cpu.get("flags") or cpu.get("Features") or "").split())


def commit() -> str:
    """Of the checkout that is measured, with a `+` where it has changes; empty outside of one."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()


def _cpu_info() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is no such file."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}

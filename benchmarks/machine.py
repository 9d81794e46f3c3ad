"""What a figure was measured on: without it a figure says nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("apache-tvm", "torch", "onnxruntime", "numpy")
VECTOR_FEATURES = ("avx2", "fma", "avx512f", "avx512_bf16", "asimd", "sve")


def describe(threads: int) -> dict[str, object]:
    """The processor, its cores and vector features, the system, the versions and the number of threads used."""
    cpu = _cpu_info()
    flags = (cpu.get("flags") or cpu.get("Features") or "").split()
    return {
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "cpu_family_model": f"{cpu.get('cpu family', '?')}/{cpu.get('model', '?')}",
        "usable_cores": len(os.sched_getaffinity(0)),
        "vector_features": [feature for feature in VECTOR_FEATURES if feature in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "threads": threads,
        "load_average_at_start": os.getloadavg()[0],
    }


def _cpu_info() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is no such file."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}

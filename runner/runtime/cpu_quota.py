"""Finds the share of the processors that the control groups of this process leave it: how containers are limited.

    /proc/self/cgroup        0::/house.slice/speech.service             the group of the process, one line a hierarchy
    /proc/self/mountinfo     ... / /sys/fs/cgroup ... cgroup2 ...       where the hierarchy lies
    cpu.max there            150000 100000                              1.5 processors: microseconds in each period

Each group above may have a limit, too, and the tightest holds. In version 1 of control groups the two numbers are in
cpu.cfs_quota_us, which is -1 for no limit, and cpu.cfs_period_us.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROCESS = Path("/proc/self")
_ESCAPED = re.compile(r"\\([0-7]{3})")  # how mountinfo writes a space in a path


class _Mount(NamedTuple):
    """A hierarchy of control groups: the group that is mounted, where, and whether it is of version 2."""

    root: PurePosixPath
    folder: Path
    unified: bool


def find_cpu_quota(process: Path = _PROCESS) -> float | None:
    """Find how many processors' time this process may use; None if no control group limits it.

    Args:
        process: the folder of the process in /proc.
    """
    found = [quota for mount in _list_mounts(process) for quota in _read_quotas(mount, process)]
    return min(found, default=None)


def _list_mounts(process: Path) -> Iterator[_Mount]:
    """List where hierarchies that limit processors are mounted."""
    for line in _read(process / "mountinfo").splitlines():
        place, _, kind = line.partition(" - ")
        fields, (system, _, options) = place.split(" "), (*kind.split(" ", 2), "", "")[:3]
        if system == "cgroup2" or (system == "cgroup" and "cpu" in options.split(",")):
            yield _Mount(PurePosixPath(_unescape(fields[3])), Path(_unescape(fields[4])), system == "cgroup2")


def _read_quotas(mount: _Mount, process: Path) -> Iterator[float]:
    """Read the limits of the process's group and of those above it, as far as they can be seen."""
    folder = mount.folder / _find_group(mount, process)
    while True:
        quota = _read_unified(folder) if mount.unified else _read_divided(folder)
        if quota is not None:
            yield quota
        if folder == mount.folder:
            return
        folder = folder.parent


def _find_group(mount: _Mount, process: Path) -> PurePosixPath:
    """Find the process's group below the mounted one; `.` if it cannot be seen from here."""
    for line in _read(process / "cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        wanted = number == "0" if mount.unified else "cpu" in controllers.split(",")
        group = PurePosixPath(path)
        if wanted and ".." not in group.parts and group.is_relative_to(mount.root):
            return group.relative_to(mount.root)
    return PurePosixPath()


def _read_unified(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
    return _divide(quota, period)


def _read_divided(folder: Path) -> float | None:
    return _divide(_read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip())


def _divide(quota: str, period: str) -> float | None:
    """Divide the two numbers of a limit; None for no limit, or none that can be read."""
    with contextlib.suppress(ValueError):
        if int(quota) > 0 and int(period) > 0:
            return int(quota) / int(period)
    return None


def _read(file: Path) -> str:
    """Read a file of the system; '' where there is none, which is usual: most groups have no limit."""
    try:
        return file.read_text("utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _unescape(path: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), path)

"""The processors that a process may use: those of its affinity mask, as far as its control groups leave it time."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.runtime import threads
from runner.runtime.cpu_quota import find_cpu_quota
from runner.runtime.threads import available_threads
from tests.conftest import ROOT

UNIFIED = "31 23 0:28 {root} {folder} ro,nosuid - cgroup2 cgroup rw,nsdelegate\n"
DIVIDED = "32 31 0:29 {root} {folder} rw,relatime master:11 - cgroup cgroup rw,cpu,cpuacct\n"
OTHERS = (
    "22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
    "35 31 0:32 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
)


class System:
    """The files of a process and of the control groups of a machine, in a folder.

    Attributes:
        process: stands for /proc/self.
        groups: stands for /sys/fs/cgroup.
    """

    def __init__(self, folder: Path) -> None:
        self.process, self.groups = folder / "proc", folder / "sys fs cgroup"
        self.process.mkdir()
        self.groups.mkdir()

    def mount(self, line: str, root: str = "/") -> None:
        """Say that a hierarchy is mounted: `root` of it, at `groups`."""
        text = line.format(root=root, folder=str(self.groups).replace(" ", "\\040"))
        (self.process / "mountinfo").write_text(OTHERS + text, "utf-8")

    def join(self, lines: str) -> None:
        (self.process / "cgroup").write_text(lines, "utf-8")

    def limit(self, group: str, **values: str) -> None:
        """Write files of a group: `cpu_max` is cpu.max."""
        folder = self.groups / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            (folder / name.replace("_", ".", 1)).write_text(f"{value}\n", "utf-8")

    def find(self) -> float | None:
        return find_cpu_quota(self.process)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("150000 100000", 1.5), ("max 100000", None), ("20000 40000", 0.5), ("max", None), ("", None), ("0 0", None)],
)
def test_quota_is_that_of_the_process_s_group(system: System, value: str, expected: float | None) -> None:
    system.mount(UNIFIED)
    system.join("0::/house.slice/speech.service\n")
    system.limit("house.slice/speech.service", cpu_max=value)
    assert system.find() == expected


def test_the_tightest_of_the_groups_above_holds(system: System) -> None:
    system.mount(UNIFIED)
    system.join("0::/a/b/c\n")
    system.limit("a", cpu_max="300000 100000")
    system.limit("a/b", cpu_max="250000 100000")
    system.limit("a/b/c", cpu_max="max 100000")
    assert system.find() == 2.5
    system.limit("a", cpu_max="200000 100000")
    assert system.find() == 2.0


def test_a_container_sees_its_group_as_the_root(system: System) -> None:
    system.mount(UNIFIED)
    system.join("0::/\n")
    system.limit("", cpu_max="50000 100000")
    assert system.find() == 0.5


def test_a_container_without_a_namespace_of_groups_has_its_own_mounted(system: System) -> None:
    """Docker's default with version 1: the path is that of the host, and what is mounted is the group itself."""
    system.mount(DIVIDED, root="/docker/4f1c")
    system.join("5:memory:/docker/4f1c\n3:cpu,cpuacct:/docker/4f1c\n")
    system.limit("", cpu_cfs_quota_us="120000", cpu_cfs_period_us="100000")
    assert system.find() == 1.2


def test_version_1_has_no_limit_below_zero(system: System) -> None:
    system.mount(DIVIDED)
    system.join("3:cpuset:/x\n2:cpu,cpuacct:/job\n")
    system.limit("", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    system.limit("job", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    assert system.find() is None
    system.limit("job", cpu_cfs_quota_us="70000", cpu_cfs_period_us="50000")
    assert system.find() == 1.4


@pytest.mark.parametrize("path", ["/../other", "/elsewhere/job"])
def test_a_group_out_of_sight_leaves_the_mounted_one(system: System, path: str) -> None:
    """As for a process that was started in the container from outside: its own group is not below what is mounted."""
    system.mount(UNIFIED, root="/docker/4f1c")
    system.join(f"0::{path}\n")
    system.limit("", cpu_max="100000 100000")
    assert system.find() == 1.0


def test_hierarchies_of_both_versions_are_read(system: System, tmp_path: Path) -> None:
    system.mount(DIVIDED)
    other = tmp_path / "unified"
    other.mkdir()
    with (system.process / "mountinfo").open("a", encoding="utf-8") as mountinfo:
        mountinfo.write(UNIFIED.format(root="/", folder=other))
    system.join("1:cpu:/\n0::/\n")
    system.limit("", cpu_cfs_quota_us="300000", cpu_cfs_period_us="100000")
    assert system.find() == 3.0
    (other / "cpu.max").write_text("200000 100000\n", "utf-8")
    assert system.find() == 2.0


def test_no_files_are_no_limit(tmp_path: Path) -> None:
    assert find_cpu_quota(tmp_path / "absent") is None


def test_this_machine_is_read() -> None:
    quota = find_cpu_quota()
    assert quota is None or quota > 0


IN_GROUP = """
import sys
from pathlib import Path
from runner.runtime.cpu_quota import find_cpu_quota
from runner.runtime.threads import available_threads
Path(sys.argv[1], "cgroup.procs").write_text("0")  # this process
print(find_cpu_quota(), available_threads())
"""


@pytest.fixture
def groups() -> Iterator[tuple[Path, Path]]:
    """A control group of this machine that limits processors, and one in it, which are removed after the test."""
    root = Path("/sys/fs/cgroup/cpu")
    if not os.access(root / "cpu.cfs_quota_us", os.R_OK):
        root = Path("/sys/fs/cgroup")
    outer = root / f"kokoro-run-test-{os.getpid()}"
    inner = outer / "inner"
    try:
        outer.mkdir()
    except OSError as error:
        pytest.skip(f"this user can make no control group: {error.strerror}")
    try:
        inner.mkdir()
        if not (outer / "cpu.cfs_quota_us").exists() and not (outer / "cpu.max").exists():
            pytest.skip("control groups here do not limit processors")
        yield outer, inner
    finally:
        if inner.exists():
            inner.rmdir()
        outer.rmdir()


def limit(group: Path, quota_us: int) -> None:
    old = group / "cpu.cfs_quota_us"  # the period is 100 ms in both versions
    old.write_text(str(quota_us)) if old.exists() else (group / "cpu.max").write_text(f"{quota_us} 100000")


@pytest.mark.parametrize(("outer_us", "inner_us", "quota"), [(150_000, None, 1.5), (150_000, 50_000, 0.5)])
def test_a_process_in_a_group_of_this_machine_finds_its_limit(
    groups: tuple[Path, Path], outer_us: int, inner_us: int | None, quota: float
) -> None:
    outer, inner = groups
    limit(outer, outer_us)
    if inner_us is not None:
        limit(inner, inner_us)
    command = [sys.executable, "-c", IN_GROUP, str(inner)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    cores = len(os.sched_getaffinity(0))
    assert done.stdout.split() == [str(quota), str(min(cores, math.ceil(quota)))]


@pytest.mark.parametrize(("quota", "expected"), [(None, 3), (8.0, 3), (3.0, 3), (2.0, 2), (1.5, 2), (1.0, 1), (0.2, 1)])
def test_threads_are_the_cores_of_the_mask_that_the_quota_leaves(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, expected: int
) -> None:
    def affinity(_process: int) -> set[int]:
        return {3, 5, 7}

    monkeypatch.setattr("os.sched_getaffinity", affinity, raising=False)
    monkeypatch.setattr(threads, "find_cpu_quota", lambda: quota)
    assert available_threads() == expected


def test_without_a_mask_threads_are_all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, which has neither masks nor control groups."""
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr(threads, "find_cpu_quota", lambda: None)
    assert available_threads() == 8

"""Builds that fail or are killed, and several at once: nothing is left that a run would trust."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runner.build.build import build
from runner.build.staleness import stale
from runner.errors import BuildError, RunError
from runner.graph.load import load_graph
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from runner.runtime.threads import available_threads
from tests.conftest import ROOT
from tests.runner import small_model
from tests.runner.build.building import speak, states
from tests.runner.runtime.test_worker_pool import wait_for_end
from tests.runner.small_model import STAGE, TWIN, Weights, library
from tests.systems import list_children

LEFT = ["text_encoder.json", "text_encoder.so", "text_encoder.weights"]


def test_nothing_is_left_of_a_build_that_failed(model: Path, tmp_path: Path) -> None:
    """A folder is in the place of the weights: the last step but one fails."""
    blocked = manifests.weights_path(library(tmp_path))
    (blocked / "in the way").mkdir(parents=True)
    with pytest.raises(BuildError, match="Is a directory"):
        build(small_model.load(model), tmp_path)
    assert stale(small_model.load(model), tmp_path) == [(STAGE, "not built yet")]
    assert not [path for path in blocked.parent.iterdir() if path.is_dir() and path != blocked]


def test_killed_builds_leave_nothing_trusted_and_the_next_build_heals(
    built: Path, tensors: Weights, tmp_path: Path
) -> None:
    """Each build replaces another one, of other weights."""
    halved = {name: array * np.float32(0.5) for name, array in tensors.items()}
    folder = small_model.write(tmp_path / "model", halved).parent
    steps = killed_builds(folder, built, tmp_path)
    assert steps[:-1] == ["os.remove .json", "os.rename .so .so", "os.rename .weights .weights"]
    assert steps[-1].startswith("os.rename ..json.")
    graph, roots = small_model.load(folder), [tmp_path / str(number) for number in (1, 2, 3, 4, 5)]
    assert stale(graph, roots[0]) == [(STAGE, "the checkpoint has changed")]  # the old build is still whole
    assert manifests.find_damage(library(roots[0]), Manifest.read(manifests.manifest_path(library(built)))) is None
    for root in roots[1:4]:
        assert stale(graph, root) == [(STAGE, "not built yet")]
        with pytest.raises(RunError, match="its build did not end"):
            speak(folder, root)
    heal(folder, roots[3], leftover(roots[1]))
    np.testing.assert_array_equal(speak(folder, roots[3]), speak(folder, roots[4]))


def killed_builds(folder: Path, root: Path, out: Path) -> list[str]:
    """Kill a row of builds; gives the event that each was killed before or after (`tests.runner.killed_build`)."""
    command = [sys.executable, "-m", "tests.runner.killed_build", *map(str, (folder, root, out))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [step.replace(STAGE + ".", ".") for step in json.loads(ran.stdout.splitlines()[-1])]


def leftover(root: Path) -> Path:
    """The scratch folder of a build that was killed."""
    [folder] = [path for path in library(root).parent.glob(f".{STAGE}.*") if path.is_dir()]
    return folder


def heal(folder: Path, root: Path, scratch: Path) -> None:
    """Build again where a manifest was half written, and where another has left its scratch folder."""
    parent = library(root).parent
    shutil.copytree(scratch, parent / scratch.name)
    assert any(path.name.startswith(f".{STAGE}.json.") for path in parent.iterdir())
    assert states(folder, root) == [(STAGE, "compiling"), (STAGE, "built")]
    assert stale(small_model.load(folder), root) == []
    assert sorted(path.name for path in parent.iterdir()) == [f".{STAGE}.lock", *LEFT]


def test_two_builds_at_once_compile_the_stage_once(model: Path, built: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "sys.modules['torch'] = None\n"  # TVM imports it where it is installed: 2 s, for nothing here
        "from runner.build.build import build; from tests.runner import small_model\n"
        "folder, root = map(Path, sys.argv[1:])\n"
        "build(small_model.load(folder), root, progress=lambda stage, state, seconds: print(state))"
    )
    command = [sys.executable, "-c", code, str(model), str(tmp_path)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    ends = sorted(process.communicate()[0].split()[-1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert ends == ["built", "current"]
    assert stale(small_model.load(model), tmp_path) == []
    np.testing.assert_array_equal(speak(model, tmp_path), speak(model, built))


@contextlib.contextmanager
def other_build(root: Path) -> Iterator[None]:
    """Hold the lock that a process which builds the stage holds."""
    lock = library(root).with_name(f".{STAGE}.lock")
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize(
    ("graph", "quiet"),
    [("words.yaml", False), ("twice.yaml", False), ("words.yaml", True)],  # the second is built in worker processes
)
def test_build_says_that_it_waits_for_another_one(model: Path, tmp_path: Path, graph: str, quiet: bool) -> None:
    small_model.load_twice(model)
    command = [sys.executable, "-m", "runner", "build", str(model / graph), "--build-dir", str(tmp_path)]
    with other_build(tmp_path):
        process = subprocess.Popen([*command, *["-q"] * quiet], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        told: list[str] = []
        while not quiet and not any("waiting" in line for line in told):
            told.append(process.stderr.readline())
        time.sleep(3 * quiet)  # nothing says when a quiet one waits
        assert process.poll() is None
    told += process.communicate()[1].splitlines(keepends=True)
    assert process.returncode == 0
    waiting = [line for line in told if "waiting" in line]
    assert waiting == ([] if quiet else [f"{STAGE}: waiting for another process that builds it ...\n"])
    assert stale(load_graph(str(model / graph)), tmp_path) == []


@pytest.fixture
def two_cores() -> None:
    if available_threads() < 2:
        pytest.skip("on one core, stages are built one after the other")


@pytest.mark.usefixtures("two_cores")
def test_stages_built_at_once_are_those_built_alone(model: Path, built: Path, tmp_path: Path) -> None:
    graph = small_model.load_twice(model)
    reported: list[tuple[str, str, bool]] = []
    build(graph, tmp_path, progress=lambda stage, state, seconds: reported.append((stage, state, seconds > 0)))
    for stage in (STAGE, TWIN):  # on a busy machine the one may be built before the other begins
        assert [each for each in reported if each[0] == stage] == [(stage, "compiling", False), (stage, "built", True)]
    assert len(reported) == 4
    assert stale(graph, tmp_path) == []
    expected = library(built).read_bytes()
    assert {library(tmp_path, stage=stage).read_bytes() for stage in (STAGE, TWIN)} == {expected}


@pytest.mark.usefixtures("two_cores")
def test_error_of_one_of_two_stages_is_that_of_one_and_nothing_is_left(model: Path, tmp_path: Path) -> None:
    for root in (tmp_path / "one", tmp_path / "two"):
        (manifests.weights_path(library(root)) / "in the way").mkdir(parents=True)
    with pytest.raises(BuildError) as alone:
        build(small_model.load(model), tmp_path / "one")
    with pytest.raises(BuildError) as at_once:
        build(small_model.load_twice(model), tmp_path / "two")
    assert str(at_once.value) == str(alone.value).replace(str(tmp_path / "one"), str(tmp_path / "two"))
    hidden = [path.name for path in library(tmp_path / "two").parent.glob(".*")]
    assert sorted(hidden) == [f".{STAGE}.lock", f".{TWIN}.lock"]


@pytest.mark.usefixtures("two_cores")
def test_killed_build_of_two_stages_leaves_no_process_and_nothing_trusted(model: Path, tmp_path: Path) -> None:
    graph = small_model.load_twice(model)
    command = [sys.executable, "-m", "runner", "build", str(model / "twice.yaml"), "-q", "--build-dir", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT)
    while not scratch_folders(tmp_path) and process.poll() is None:
        time.sleep(0.01)
    workers = list_children(process.pid)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert len(workers) == 2
    assert wait_for_end(workers) == []
    assert scratch_folders(tmp_path) != []
    assert {reason for _, reason in stale(graph, tmp_path)} == {"not built yet"}
    build(graph, tmp_path)
    assert stale(graph, tmp_path) == []
    assert scratch_folders(tmp_path) == []


def scratch_folders(root: Path) -> list[Path]:
    return [path for path in library(root).parent.glob(".*") if path.is_dir()]

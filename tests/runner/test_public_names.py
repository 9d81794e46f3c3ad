"""`import kokoro_run`: in a checkout, after an editable install, and from a wheel; with types; without speech."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import kokoro_run
import runner
from runner.graph.contracts import read_contract
from tests.conftest import ROOT
from tests.runner.toys import offer_stage

DOOR = """
import sys
before = set(sys.modules)
import kokoro_run
print(sorted(set(sys.modules) - before - {"__future__"}), kokoro_run.__file__)
from kokoro_run import *
print(len(Graph.load().stages), Graph.__module__, stage.__module__, set(dir(kokoro_run)) == set(kokoro_run.__all__))
"""


def install(kind: str, folder: Path) -> Path:
    """Install this checkout in a fresh environment, as pip would; gives its interpreter.

    Args:
        kind: of the wheel: `standard` or `editable`.
    """
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling (extra dev)")
    build = [sys.executable, "-m", "hatchling", "build", "--target", f"wheel:{kind}", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    return folder / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def from_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install("standard", tmp_path_factory.mktemp("standard"))


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install("editable", tmp_path_factory.mktemp("editable"))


def execute(python: Path | str, folder: Path, *arguments: str, path: Path | None = None) -> str:
    """Run Python in `folder`, with `path` alone as PYTHONPATH; gives what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(path)} if path is not None else {}
    command = [str(python), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def assert_is_the_door(told: str, file: Path) -> None:
    first, second = told.splitlines()
    assert first == f"['kokoro_run', 'runner'] {file}"
    assert second == "9 runner.api stages.contract True"


def test_a_checkout_has_the_public_names(tmp_path: Path) -> None:
    assert_is_the_door(execute(sys.executable, tmp_path, "-c", DOOR, path=ROOT), ROOT / "kokoro_run.py")


def test_a_wheel_has_the_public_names(from_wheel: Path, tmp_path: Path) -> None:
    (file,) = from_wheel.parents[1].glob("lib/python*/site-packages/kokoro_run/__init__.py")
    assert_is_the_door(execute(from_wheel, tmp_path, "-c", DOOR), file)


def test_an_editable_install_has_the_public_names_of_the_checkout(editable: Path, tmp_path: Path) -> None:
    (file,) = editable.parents[1].glob("lib/python*/site-packages/kokoro_run/__init__.py")
    assert_is_the_door(execute(editable, tmp_path, "-c", DOOR), file)
    assert execute(editable, tmp_path, "-c", "import runner; print(runner.__file__)") == f"{ROOT}/runner/__init__.py\n"


def test_the_public_names_are_one_list() -> None:
    assert kokoro_run.__all__ is runner.__all__
    assert {name: getattr(kokoro_run, name) for name in kokoro_run.__all__} == {
        name: getattr(runner, name) for name in runner.__all__
    }
    with pytest.raises(AttributeError, match="kokoro_run has no public name 'Grpah'"):
        _ = getattr(kokoro_run, "Grpah")  # noqa: B009 - mypy knows that there is none


STAGE = '''
"""A stage of another package."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

{imports}

Array = NDArray[Any]


@{c}stage(x={c}In("float32[1, n]", "a signal"), y=({c}Out("float32[1, n]", "the signal, twice as loud")))
def louder(x: Array) -> dict[str, Array]:
    if not x.size:
        raise {c}StageError("nothing to amplify")
    {c}warn("loud")
    return {{"y": x * 2}}


louder(x=np.zeros((1, 2), np.float32))["y"].sum()
louder("no array")  # type: ignore[arg-type]
{c}stage(x="no port")  # type: ignore[arg-type]
'''
IMPORTS = {
    "stages.contract": "from stages.contract import In, Out, StageError, stage, warn",
    "stages.contract, named": "import stages.contract as c",
    "kokoro_run": "from kokoro_run import In, Out, StageError, stage, warn",
    "kokoro_run, named": "import kokoro_run as c",
}
PROGRAM = """
from kokoro_run import Graph, Observer, Pipeline, RunOptions

with_two: Pipeline = Pipeline(Graph.load("default"), workers=2)
result = with_two.run({"phonemes": "h"}, RunOptions({"speed": 1.2}))
Pipeline(3)  # type: ignore[arg-type]
Observer().no_event  # type: ignore[attr-defined]
"""


@pytest.mark.parametrize("kind", ["from_wheel", "editable"])
def test_mypy_knows_the_types_of_an_installed_package(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """With --strict, an exception that is not needed is an error: the names are not taken for `Any`."""
    pytest.importorskip("mypy", reason="checking types needs mypy (extra dev)")
    for number, imports in enumerate(IMPORTS.values()):
        text = STAGE.format(imports=imports, c="c." if imports.endswith(" as c") else "")
        (tmp_path / f"stage{number}.py").write_text(text, "utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    files = sorted(path.name for path in tmp_path.glob("*.py"))
    options = ["--strict", "--python-executable", str(request.getfixturevalue(kind)), "--cache-dir", "cache"]
    told = execute(sys.executable, tmp_path, "-m", "mypy", *options, *files)
    assert told == f"Success: no issues found in {len(files)} source files\n"


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=IMPORTS)
def test_the_contract_of_such_a_stage_is_read_from_its_text(
    imports: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = STAGE.format(imports=imports, c="c." if imports.endswith(" as c") else "")
    offer_stage("louder", code, tmp_path, monkeypatch)
    contract = read_contract("others.louder")
    assert {name: str(port.type) for name, port in {**contract.inputs, **contract.outputs}.items()} == {
        "x": "float32[1, n]",
        "y": "float32[1, n]",
    }


NO_SPEECH = """
import sys
from pathlib import Path
from kokoro_run import Cache, Graph, Pipeline

pipeline = Pipeline(Graph.load(sys.argv[1]), Path(sys.argv[2]), cache=Cache())
pipeline.plan({"phonemes": "hɛ"})
print(pipeline.run({"phonemes": "hɛ"})["y"].tolist())
print([name for name in sys.modules if name.startswith("runner.speech")])
"""


def test_a_graph_without_speech_loads_nothing_of_speech(toy_graph: Path, toy_root: Path, tmp_path: Path) -> None:
    told = execute(sys.executable, tmp_path, "-c", NO_SPEECH, str(toy_graph), str(toy_root), path=ROOT)
    assert told == "[[0.0, 100.0, 172.0, 0.0]]\n[]\n"

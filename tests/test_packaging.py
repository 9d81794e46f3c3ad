"""The wheel: `kokoro_run`, `runner` and `stages`, the graphs and configs inside `runner`, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = "runner/data/"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Path in the wheel -> content, of a wheel built from this checkout."""
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling (extra dev)")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_holds_three_packages_and_its_metadata(wheel: dict[str, bytes]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"kokoro_run", "runner", "stages"}
    assert len(tops) == 4


def test_wheel_carries_every_graph_and_config_unchanged(wheel: dict[str, bytes]) -> None:
    files = [path for folder in ("graphs", "configs") for path in (ROOT / folder).rglob("*") if path.is_file()]
    carried = {name.removeprefix(DATA): content for name, content in wheel.items() if name.startswith(DATA)}
    assert carried == {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "name",
    [
        "graphs/text.yaml",
        "graphs/default.yaml",
        "graphs/ipa.txt",
        "configs/models/mini.yaml",
        "configs/models/mini/model.safetensors",
    ],
)
def test_wheel_carries_what_a_first_run_needs(wheel: dict[str, bytes], name: str) -> None:
    assert wheel[DATA + name]


def test_wheel_carries_every_module(wheel: dict[str, bytes]) -> None:
    modules = [path for package in ("runner", "stages") for path in (ROOT / package).rglob("*.py")]
    carried = {name for name in wheel if name.endswith(".py")}
    assert carried == {"kokoro_run/__init__.py", *(path.relative_to(ROOT).as_posix() for path in modules)}
    assert wheel["kokoro_run/__init__.py"] == (ROOT / "kokoro_run.py").read_bytes()


@pytest.mark.parametrize("name", ["stages/text/english.lexicon", "stages/letters.safetensors"])
def test_wheel_carries_what_stages_read(wheel: dict[str, bytes], name: str) -> None:
    assert wheel[name] == (ROOT / name).read_bytes()


@pytest.mark.parametrize("package", ["kokoro_run", "runner", "stages"])
def test_wheel_says_that_each_package_has_types(wheel: dict[str, bytes], package: str) -> None:
    assert f"{package}/py.typed" in wheel


def test_wheel_declares_the_command(wheel: dict[str, bytes]) -> None:
    (name,) = [name for name in wheel if name.endswith(".dist-info/entry_points.txt")]
    assert "kokoro-run = runner.cli.main:main" in wheel[name].decode()


def test_wheel_pins_tvm_to_a_minor(wheel: dict[str, bytes]) -> None:
    (name,) = [name for name in wheel if name.endswith(".dist-info/METADATA")]
    (line,) = [line for line in wheel[name].decode().splitlines() if line.startswith("Requires-Dist: apache-tvm<")]
    assert ">=0.27" in line
    assert "<0.28" in line

"""`kokoro-run bundle`: what it refuses before anything is built, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.build.build import build
from runner.graph.load import load_graph

Run = Callable[..., tuple[int, str, str]]


def test_a_folder_that_is_not_its_own_is_refused_before_anything_is_built(run: Run) -> None:
    Path("notes.txt").touch()
    fact = ".: has files that are no bundle's, or were changed: notes.txt; give a new folder, or an empty one\n"
    assert run("bundle", "default", "-o", ".") == (2, "", fact)
    assert [path.name for path in Path().iterdir()] == ["notes.txt"]


def test_a_graph_that_a_bundle_cannot_hold_is_refused_before_anything_is_built(run: Run) -> None:
    code, out, err = run("bundle", "default", "-o", "out", "--set", "devices.accel=cuda:0", "--build-dir", "build")
    assert (code, out) == (2, "")
    assert "stage 'decoder' is on cuda:0, and a bundle has the runtime of CPUs alone" in err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("build_dir", ["out", "out/libs"])
def test_libraries_are_not_built_into_the_bundle(run: Run, build_dir: str) -> None:
    fact = f"{build_dir}: libraries would be built in the bundle out; give another --build-dir\n"
    assert run("bundle", "default", "-o", "out", "--build-dir", build_dir) == (2, "", fact)
    assert list(Path().iterdir()) == []


def test_the_folder_is_asked_for(run: Run) -> None:
    code, _, err = run("bundle", "default")
    assert code == 2
    assert "Missing option '-o'" in err


@pytest.mark.parametrize("quiet", [True, False])
def test_a_bundle_is_made_of_libraries_that_are_built(run: Run, cache_folder: Path, *, quiet: bool) -> None:
    build(load_graph("default"), cache_folder / "build")
    given = ["--build-dir", cache_folder / "build", "--voice", "high", "--set", "params.speed=1.3"]
    code, out, err = run("bundle", "default", "-o", "out/speech", *given, *(["-q"] if quiet else []))
    assert (code, out) == (0, ""), err
    size = sum(path.stat().st_size for path in Path("out/speech").rglob("*") if path.is_file())
    assert err == ("" if quiet else f"out/speech: {size / 1e6:.1f} MB; out/speech/run --help\n")
    assert [path.name for path in Path("out/speech/voices").iterdir()] == ["high.npy"]
    assert "parameter\tspeed\t1.3\n" in Path("out/speech/graph.txt").read_text("utf-8")

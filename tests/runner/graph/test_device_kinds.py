"""Device kinds beside a graph, in folders that the user names, and of the package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import SpecError
from runner.graph import snapshot
from runner.graph.load import load_graph
from tests.runner.graphs import assert_refused, edit_limited, messages, write

HOST = "host: cpu:0"


def describe(folder: Path, name: str, cpu: str, **changed: str) -> Path:
    """Write the file of a device kind into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {"kind": name, "runtime": "cpu", "target": f"{{kind: llvm, mcpu: {cpu}}}", "suffix": ".so", **changed}
    path = folder / f"{name}.yaml"
    path.write_text("device:\n" + "".join(f"  {key}: {value}\n" for key, value in fields.items()), "utf-8")
    return path


def target(path: Path) -> object:
    return load_graph(str(path)).stages["limit"].kind.target["mcpu"]


def test_folder_beside_wins_over_named_folders_and_these_over_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = write(tmp_path, edit_limited(tmp_path, (HOST, "host: cpu-avx2:0")))
    assert target(path) == "haswell"
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("KOKORO_RUN_DEVICES", os.pathsep.join(map(str, (first, "", second, tmp_path / "absent"))))
    describe(second, "cpu-avx2", "of-second")
    assert target(path) == "of-second"
    describe(first, "cpu-avx2", "of-first")
    assert target(path) == "of-first"
    describe(tmp_path / "devices", "cpu-avx2", "beside")
    assert target(path) == "beside"


def test_kind_beside_a_graph_that_is_extended_is_found(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    write(tmp_path / "base", edit_limited(tmp_path / "base", (HOST, "host: own:0")), "base.yaml")
    describe(tmp_path / "base" / "devices", "own", "of-base")
    path, _ = write(tmp_path, "extends: base/base.yaml\ngraph: 1\nname: child\n", "child.yaml")
    assert target(path) == "of-base"
    describe(tmp_path / "devices", "own", "of-child")
    assert target(path) == "of-child"


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    describe(tmp_path / "devices", "quick-cpu", "generic")
    text = edit_limited(tmp_path, (HOST, "host: §quik-cpu:0"))
    places = "devices beside the graph, $KOKORO_RUN_DEVICES or configs/devices"
    assert_refused(tmp_path, text, f"no device kind 'quik-cpu' in {places}; did you mean 'quick-cpu'?")


def test_mistake_in_the_file_of_a_kind_is_told_there(tmp_path: Path) -> None:
    file = describe(tmp_path / "devices", "own", "generic", kind="other")
    with pytest.raises(SpecError) as caught:
        load_graph(str(write(tmp_path, edit_limited(tmp_path, (HOST, "host: own:0")))[0]))
    fact = "describes the kind 'other', but its file name is that of 'own'"
    assert messages(caught.value) == [f"{file}:2:9: {fact}"]


def test_python_stage_runs_on_a_kind_of_cpu_alone(tmp_path: Path) -> None:
    describe(tmp_path / "devices", "own", "generic", runtime="vulkan")
    text = edit_limited(tmp_path, (HOST, "host: own:0"), ("    device: host", "    device: §host"))
    assert_refused(tmp_path, text, "stage 'limit' is a Python stage and runs on the CPU, but 'host' is own:0")


@pytest.mark.parametrize("where", ["devices", "named"])
def test_snapshot_does_not_outlive_a_kind_that_hides_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(snapshot, "_FRESH_NS", -(10**12))
    monkeypatch.setenv("KOKORO_RUN_DEVICES", str(tmp_path / "named"))
    path, _ = write(tmp_path, edit_limited(tmp_path, (HOST, "host: cpu-avx2:0")))

    def read() -> object:
        return snapshot.load_graph(str(path), [], [], tmp_path / "kept").stages["limit"].kind.target["mcpu"]

    assert [read(), read()] == ["haswell", "haswell"]
    describe(tmp_path / where, "cpu-avx2", "other")
    assert read() == "other"
    describe(tmp_path / where, "cpu-avx2", "again")
    assert read() == "again"
    (tmp_path / where / "cpu-avx2.yaml").unlink()
    assert read() == "haswell"

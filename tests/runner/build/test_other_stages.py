"""Compiled stages beside those of the package: with weights and without, in a graph with a model and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.build.build import build
from runner.build.staleness import stale
from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.engine.run_state import Status
from runner.errors import BuildError, WeightsError
from runner.graph.load import load_graph
from runner.graph.types import Graph
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from tests.runner import small_model
from tests.runner.conftest import Run
from tests.runner.toys import offer_stage

WORD = "hɛloʊ"
GAIN = '''
from tvm.relax.frontend import nn
from stages.contract import In, Out, stage
from stages.layers.packing import Packed

class Scale(Packed):
    """A factor."""

    def __init__(self):
        self.weight = nn.Parameter((1,), "float32")

    def forward(self, x):
        return x * self.weight

    def tensors(self):
        return {"weight": (1,)}

    def pack(self, tensors):
        return {"weight": tensors["weight"]}

@stage(
    weights=("gain",),
    t_en=In("float32[1, hidden, text]", "phoneme features"),
    louder=Out("float32[1, hidden, text]", "the same, louder"),
)
class Gain(nn.Module):
    """gain_forward(t_en) -> louder."""

    PREFIX = "gain."

    def __init__(self, dims):
        self.scale = Scale()

    def forward(self, t_en):
        return self.scale(t_en)
'''
TWICE = """
from tvm.relax.frontend import nn
from stages.contract import In, Out, stage

@stage(x=In("float32[1, samples]", "a signal"), y=Out("float32[1, samples]", "the same, twice as loud"))
class Twice(nn.Module):
    def __init__(self, dims):
        assert dims.named() == {}

    def forward(self, x):
        return x + x
"""
GAIN_ENTRY = """
  gain:
    module: build/{model}/{device}/gain.so
    entry: gain_forward
    source: others.gain
    device: host
    inputs:
      t_en: float32[1, hidden, text] <- text_encoder.t_en
    outputs:
      louder: float32[1, hidden, text]
"""
NO_MODEL = """
graph: 1
name: plain
devices:
  host: cpu:0
dims:
  samples: {max: 100}
inputs:
  x: float32[1, samples]
outputs:
  y: twice.y
stages:
  twice:
    module: build/{model}/{device}/twice.so
    entry: twice_forward
    source: others.twice
    device: host
    inputs:
      x: float32[1, samples] <- input.x
    outputs:
      y: float32[1, samples]
"""


def write_gain(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str = GAIN, *, weighted: bool = True) -> Graph:
    """The graph of the small model with the stage `gain` after its own."""
    own = {"gain.scale.weight": np.array([3], np.float32)} if weighted else {}
    path = small_model.write(folder, {**small_model.weights(), **own})
    offer_stage("gain", code, folder, monkeypatch)
    text = path.read_text("utf-8").replace("  t_en: text_encoder.t_en\n", "  louder: gain.louder\n")
    path.write_text(text + GAIN_ENTRY, "utf-8")
    return load_graph(str(path))


def test_stage_of_another_package_with_a_weight_is_built_run_and_kept(
    tmp_path: Path, stage_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, root = write_gain(tmp_path, monkeypatch), tmp_path / "root"
    assert graph.stages["gain"].weights == ("gain",)
    build(graph, root)
    assert stale(graph, root) == []
    first, again = (
        Pipeline(graph, root, cache=Cache(stage_cache)).run({"phonemes": WORD}, RunOptions(keep=True)) for _ in range(2)
    )
    np.testing.assert_array_equal(first["louder"], first["text_encoder.t_en"] * np.float32(3))
    np.testing.assert_array_equal(again["louder"], first["louder"])
    assert [run.stages["gain"].status for run in (first, again)] == [Status.RUN, Status.HIT]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'weights=("gain",)',
            "weights=()",
            "takes the tensor 'gain.scale.weight', but `weights` of its",
        ),
        ('weights=("gain",)', 'weights=("gian",)', "`weights` of its contract names gian; add it there"),
        ("Scale(Packed)", "Scale(nn.Module)", "has parameters that no layer packs: scale.weight"),
    ],
)
def test_weights_that_the_contract_does_not_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    graph = write_gain(tmp_path, monkeypatch, GAIN.replace(old, new))
    with pytest.raises((BuildError, WeightsError)) as error:
        build(graph, tmp_path / "root", only=["gain"])
    assert message in str(error.value)


def test_code_that_ends_the_process_is_a_mistake_of_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = write_gain(tmp_path, monkeypatch, GAIN + "\nraise SystemExit('no more')\n")
    with pytest.raises(BuildError, match=r"gain\.py:\d+: SystemExit: no more"):
        build(graph, tmp_path / "root", only=["gain"])


def test_lengths_that_are_multiples_of_a_dim_are_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
from tvm.relax.frontend import nn
from stages.contract import In, Out, stage

@stage(
    x=In("float32[4*n]", ""), y=In("float32[2*n]", ""), z=In("float32[6*n, 2]", ""),
    a=Out("float32[4*n]", ""), b=Out("float32[2*n]", ""), c=Out("float32[6*n, 2]", ""),
)
class Lengths(nn.Module):
    def __init__(self, dims):
        pass

    def forward(self, x, y, z):
        return x + x, y + y, z + z
"""
    offer_stage("lengths", code, tmp_path, monkeypatch)
    ports = {"x": "float32[4*n]", "y": "float32[2*n]", "z": "float32[6*n, 2]"}
    given = "\n".join(f"  {name}: '{type_}'" for name, type_ in ports.items())
    taken = "\n".join(f"      {name}: {type_} <- input.{name}" for name, type_ in ports.items())
    made = "\n".join(f"      {name}: {type_}" for name, type_ in zip("abc", ports.values(), strict=True))
    text = NO_MODEL.replace("twice", "lengths").replace("  samples: {max: 100}", "  n: {max: 100}")
    text = text.replace("  y: lengths.y", "  a: lengths.a\n  b: lengths.b\n  c: lengths.c")
    text = text.replace("      x: float32[1, samples] <- input.x", taken).replace("      y: float32[1, samples]", made)
    (tmp_path / "lengths.yaml").write_text(text.replace("  x: float32[1, samples]", given), "utf-8")
    graph = load_graph(str(tmp_path / "lengths.yaml"))
    build(graph, tmp_path / "root")
    pipeline = Pipeline(graph, tmp_path / "root")
    for n in (1, 7):
        sizes = {"x": (4 * n,), "y": (2 * n,), "z": (6 * n, 2)}
        result = pipeline.run({name: np.ones(size, np.float32) for name, size in sizes.items()})
        assert [result[name].shape for name in "abc"] == list(sizes.values())
        assert all(float(result[name].min()) == 2 for name in "abc")


def test_weight_that_is_missing_is_reported_before_anything_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = write_gain(tmp_path, monkeypatch, weighted=False)
    with pytest.raises(WeightsError, match=r"missing    gain\.scale\.weight: expected \[1\]"):
        build(graph, tmp_path / "root", only=[small_model.STAGE])
    assert not (tmp_path / "root" / "small" / "cpu").exists()


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A graph without a model."""
    offer_stage("twice", TWICE, tmp_path, monkeypatch)
    path = tmp_path / "plain.yaml"
    path.write_text(NO_MODEL, "utf-8")
    return path


def test_graph_without_a_model_is_built_and_run(plain: Path, tmp_path: Path, stage_cache: Path) -> None:
    graph, root = load_graph(str(plain)), tmp_path / "root"
    assert (graph.model, graph.fixed, graph.model_name) == (None, {}, "plain")
    build(graph, root)
    assert stale(graph, root) == []
    manifest = Manifest.read(manifests.manifest_path(root / "plain" / "cpu" / "twice.so"))
    assert (manifest.tensors, manifest.dims, manifest.checkpoint) == ((), {}, "")
    assert not (root / "plain" / "checkpoint.json").exists()
    signal = np.arange(5, dtype=np.float32)[None]
    for status in (Status.RUN, Status.HIT):
        result = Pipeline(graph, root, cache=Cache(stage_cache)).run({"x": signal})
        np.testing.assert_array_equal(result["y"], 2 * signal)
        assert result.stages["twice"].status == status


def test_library_of_two_stages_is_compiled_once(plain: Path, tmp_path: Path) -> None:
    first = NO_MODEL[NO_MODEL.index("  twice:") :]
    plain.write_text(NO_MODEL + first.replace("  twice:", "  again:").replace("input.x", "twice.y"), "utf-8")
    graph, told = load_graph(str(plain)), list[tuple[str, str]]()
    build(graph, tmp_path / "root", progress=lambda stage, state, _seconds: told.append((stage, state)))
    assert told == [("twice", "compiling"), ("twice", "built"), ("again", "current")]
    assert stale(graph, tmp_path / "root") == []


def test_code_that_has_changed_since_this_process_imported_it_is_not_built(plain: Path, tmp_path: Path) -> None:
    """A library of the old code must not count as one of the new."""
    graph, root = load_graph(str(plain)), tmp_path / "root"
    build(graph, root)
    (tmp_path / "kokoro_run_twice" / "twice.py").write_text(TWICE.replace("x + x", "x + x + x"), "utf-8")
    with pytest.raises(BuildError, match=r"stage 'twice': twice\.py changed while this process was running"):
        build(graph, root)
    assert [name for name, _ in stale(graph, root)] == ["twice"]


def test_commands_take_a_graph_without_a_model(plain: Path, tmp_path: Path, run: Run) -> None:
    for command in ("check", "show", "config"):
        assert run(command, plain)[0] == 0
    assert run("build", plain, "--build-dir", tmp_path / "root")[0] == 0
    assert (tmp_path / "root" / "plain" / "cpu" / "twice.so").is_file()


def test_stage_without_weights_needs_no_checkpoint(plain: Path, tmp_path: Path) -> None:
    """Nor the one that the model pins, when it runs."""
    small_model.write(tmp_path, {})
    (tmp_path / "model.safetensors").unlink()
    model = f"model: {{name: m, config: config.json, checkpoint: none.pth, sha256: {'0' * 64}}}\n"
    plain.write_text(NO_MODEL.replace("devices:", f"{model}devices:"), "utf-8")
    offered = tmp_path / "kokoro_run_twice" / "twice.py"
    offered.write_text(TWICE.replace("== {}", "== {'hidden': 16, 'style': 8, 'features': 24, 'bins': 5}"), "utf-8")
    graph = load_graph(str(plain))
    build(graph, tmp_path / "root")
    assert Pipeline(graph, tmp_path / "root").run({"x": np.ones((1, 2), np.float32)})["y"].tolist() == [[2, 2]]

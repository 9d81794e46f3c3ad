"""Libraries made elsewhere: weights inside, static shapes, one result or a tuple, and no manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm.relax.frontend import nn

from runner.api import Pipeline
from runner.engine.options import RunOptions
from runner.errors import RunError
from runner.graph.load import load_graph
from runner.graph.types import Ref
from tests.runner.toys import Scaled, compile_toy

WORD = "hɛ"  # ids 50, 86

OVERLAY = """
dims:
  text: 16
stages:
  scaled:
    module: libraries/scaled.so
"""

# The signatures that others compile Kokoro to; the sizes are the default model's.
HIDDEN, STYLE, FEATURES, TEXT, FRAMES = 128, 32, 160, 512, 1024


class Bert(nn.Module):
    """(input_ids, attention_mask) -> d_en, one result: each id, where attended, in every channel."""

    def bert_forward(self, input_ids: nn.Tensor, attention_mask: nn.Tensor) -> nn.Tensor:
        attended = (input_ids * attention_mask).astype("float32")
        return nn.op.broadcast_to(nn.op.reshape(attended, (1, 1, TEXT)), (1, HIDDEN, TEXT))


class F0n(nn.Module):
    """(en, style) -> (f0, n), a tuple; the established library has no frame_count."""

    def f0n_forward(self, en: nn.Tensor, style: nn.Tensor) -> tuple[nn.Tensor, nn.Tensor]:
        level = nn.op.sum(en, axis=1)
        twice = nn.op.repeat(level, 2, axis=1)
        return twice, twice + nn.op.sum(style, axis=1, keepdims=True)


def compile_static(path: Path, module: nn.Module, entry: str, **inputs: tuple[list[int], str]) -> None:
    spec = {name: nn.spec.Tensor(shape, dtype) for name, (shape, dtype) in inputs.items()}
    mod, _ = module.export_tvm({entry: {**spec, "$": {"param_mode": "none", "effect_mode": "none"}}})
    tvm.compile(mod, target=tvm.target.Target({"kind": "llvm"})).export_library(str(path))


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("libraries")
    compile_toy(folder / "scaled.so", Scaled(constant=3.0), text=16)
    ids = ([1, TEXT], "int64")
    compile_static(folder / "bert.so", Bert(), "bert_forward", input_ids=ids, attention_mask=ids)
    en, style = ([1, FEATURES, FRAMES], "float32"), ([1, STYLE], "float32")
    compile_static(folder / "f0n.so", F0n(), "f0n_forward", en=en, style=style)
    return folder


def overlaid(toy_graph: Path, libraries: Path) -> Pipeline:
    """The toy graph with its compiled stage taken from `libraries`, by a path beside the overlay."""
    overlay = toy_graph.parent / "external.yaml"
    overlay.write_text(OVERLAY, encoding="utf-8")
    (toy_graph.parent / "libraries").symlink_to(libraries)
    return Pipeline(load_graph(str(toy_graph), [str(overlay)]))


def test_external_library_runs_as_a_stage(toy_graph: Path, libraries: Path) -> None:
    result = overlaid(toy_graph, libraries).run({"phonemes": WORD}, RunOptions(keep=True))
    assert result["y"].tolist() == [[0, 150, 258] + [0] * 13]
    assert result["scaled.n"].shape == (1, 32)


def test_external_library_refuses_an_int8_mask_before_it_is_loaded(toy_graph: Path, tmp_path: Path) -> None:
    pipeline = overlaid(toy_graph, tmp_path / "missing")
    mask = np.zeros((1, 16), np.int8)
    with pytest.raises(
        RunError, match=r"scaled\.text_mask .*expected bool\[1, text\], got int8\[1, 16\]; a mask is bool"
    ):
        pipeline.call_stage("scaled", {"input_ids": np.zeros((1, 16), np.int64), "text_mask": mask})


def test_external_library_that_is_missing_is_named(toy_graph: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"stage 'scaled': library .*libraries/scaled\.so is missing"):
        overlaid(toy_graph, tmp_path / "missing").run({"phonemes": WORD})


def test_external_library_of_another_static_size_is_refused_by_its_own_check(toy_graph: Path, libraries: Path) -> None:
    overlaid(toy_graph, libraries)
    shorter = load_graph(str(toy_graph), [str(toy_graph.parent / "external.yaml")], ["dims.text=8"])
    with pytest.raises(RunError, match=r"scaled_forward of .* failed: .*16"):
        Pipeline(shorter).run({"phonemes": WORD})


def external(tmp_path: Path, libraries: Path) -> Pipeline:
    """The default graph under configs/external.yaml, copied beside the libraries as its first lines say."""
    root = Path(__file__).parents[3]
    overlay = tmp_path / "external.yaml"
    overlay.write_text((root / "configs" / "external.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "libraries").symlink_to(libraries)
    return Pipeline(load_graph(str(root / "graphs" / "default.yaml"), [str(overlay)]))


def test_external_overlay_pads_what_bert_takes(tmp_path: Path, libraries: Path) -> None:
    pipeline = external(tmp_path, libraries)
    run = pipeline.prepare({"phonemes": WORD})
    ids, attended = (run.values[Ref("tokenize", port)] for port in ("input_ids", "attention_mask"))
    d_en = pipeline.call_stage("bert", {"input_ids": ids, "attention_mask": attended})["d_en"]
    assert d_en.shape == (1, HIDDEN, TEXT)
    assert d_en[0, 5, :5].tolist() == [0, 50, 86, 0, 0]


def test_external_overlay_takes_a_tuple_from_f0n(tmp_path: Path, libraries: Path) -> None:
    en = np.ones((1, FEATURES, FRAMES), np.float32)
    style = np.ones((1, STYLE), np.float32)
    result = external(tmp_path, libraries).call_stage("f0n", {"en": en, "style": style})
    assert list(result) == ["f0", "n"]
    assert np.unique(result["f0"]).tolist() == [FEATURES]
    assert np.unique(result["n"]).tolist() == [FEATURES + STYLE]


class Fewer(nn.Module):
    def scaled_forward(self, input_ids: nn.Tensor) -> tuple[nn.Tensor, nn.Tensor]:
        y = input_ids.astype("float32")
        return y, nn.op.concat([y, y], dim=1)


def test_library_with_too_few_inputs_is_refused(toy_graph: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    compile_static(folder / "scaled.so", Fewer(), "scaled_forward", input_ids=([1, 16], "int64"))
    pipeline = overlaid(toy_graph, folder)
    assert pipeline.executors["scaled"].weight_bytes() == 0
    with pytest.raises(
        RunError, match=r"takes 1 inputs \(.*\), the graph gives it 2 \(input_ids, text_mask\); the graph"
    ):
        pipeline.load()


def test_library_with_too_few_results_is_refused(toy_graph: Path, tmp_path: Path) -> None:
    class One(nn.Module):
        def scaled_forward(self, input_ids: nn.Tensor, text_mask: nn.Tensor) -> nn.Tensor:
            return nn.op.where(text_mask, input_ids, input_ids).astype("float32")

    folder = tmp_path / "made"
    folder.mkdir()
    compile_toy(folder / "scaled.so", One(), text=16)
    with pytest.raises(RunError, match=r"stage 'scaled': .* gave 1 results for the ports y, n"):
        overlaid(toy_graph, folder).run({"phonemes": WORD})

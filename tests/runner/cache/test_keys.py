"""A key changes with everything that changes a stage's results, and with nothing else; the difference is described."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.cache.digest import array_digest, value_digest
from runner.cache.keys import components, describe_difference, distance, identity, input_identity, key
from runner.errors import RunError
from runner.files.digest import file_sha256
from runner.graph.load import Graph, load_graph
from runner.runtime import manifest, tvm_runtime
from tests.runner.graphs import model_of
from tests.runner.toys import install
from tests.targets import x86

Components = dict[str, Any]

A, B = (array_digest(np.array([value], np.float32)) for value in (1.0, 2.0))
BASE: Components = {
    "format": 1,
    "stage": "align",
    "code": {"stages/align.py": "1" * 64, "stages/contract.py": "2" * 64},
    "runtime": "Python 3.11, NumPy 2.4.0",
    "config": {"vocab": "3" * 64},
    "padded": {},
    "params": {"speed": 1.0},
    "inputs": {"d": A, "logits": B},
}
CALLING: Components = {**BASE, "packages": {"odd": "1"}}
LIBRARY: Components = {
    "format": 1,
    "stage": "decoder",
    "code": {"decoder.so": "1" * 64},
    "entry": "decoder_forward",
    "weights": "2" * 64,
    "device": "cpu",
    "target": x86("skylake"),
    "runtime": "TVM 0.27.0",
    "ports": [["f0", "n"], ["audio"]],
    "params": {},
    "inputs": {"f0": A, "n": B},
}
# Change of BASE or LIBRARY -> its description.
CHANGES = [
    (BASE, {"params": {"speed": 1.2}}, "params.speed 1.0 -> 1.2"),
    (BASE, {"params": {"speed": True}}, "params.speed 1.0 -> true"),
    (BASE, {"inputs": {"d": B, "logits": B}}, "input d changed"),
    (BASE, {"inputs": {"d": B, "logits": A}}, "input d changed; input logits changed"),
    (BASE, {"inputs": {"d": A}}, "input logits removed"),
    (BASE, {"inputs": {**BASE["inputs"], "t_en": A}}, "input t_en added"),
    (BASE, {"code": {**BASE["code"], "stages/align.py": "9" * 64}}, "code changed (stages/align.py)"),
    (BASE, {"code": {"stages/align.py": "1" * 64}}, "code changed (stages/contract.py)"),
    (BASE, {"config": {"vocab": "9" * 64}}, "config.json changed (vocab)"),
    (BASE, {"runtime": "Python 3.12, NumPy 2.4.0"}, "runtime Python 3.11, NumPy 2.4.0 -> Python 3.12, NumPy 2.4.0"),
    (BASE, {"padded": {"text": 512}}, "fixed size of text nothing -> 512"),
    (BASE, {"params": {"speed": 2.0}, "inputs": {"d": B, "logits": B}}, "params.speed 1.0 -> 2.0; input d changed"),
    (CALLING, {"packages": {"odd": "2"}}, 'package odd "1" -> "2"'),
    (CALLING, {"packages": {"odd": "1", "even": "none"}}, 'package even nothing -> "none"'),
    (LIBRARY, {"code": {"decoder.so": "9" * 64}}, "code changed (decoder.so)"),
    (LIBRARY, {"entry": "main"}, "entry decoder_forward -> main"),
    (LIBRARY, {"weights": "9" * 64}, "weights changed"),
    (LIBRARY, {"weights": None}, "weights changed"),
    (LIBRARY, {"checkpoint": "9" * 64}, "checkpoint changed"),
    (LIBRARY, {"device": "cuda"}, "device cpu -> cuda"),
    (LIBRARY, {"target": x86("haswell")}, 'target mcpu "skylake" -> "haswell"'),
    (LIBRARY, {"target": None}, "target changed"),
    (LIBRARY, {"ports": [["n", "f0"], ["audio"]]}, "ports changed"),
]


@pytest.mark.parametrize(("base", "change", "expected"), CHANGES)
def test_every_change_makes_another_key_and_is_named(base: Components, change: Components, expected: str) -> None:
    changed = {**base, **change}
    assert key(changed) != key(base)
    assert describe_difference(base, changed) == expected
    assert distance(base, changed) == expected.count(";") + 1


def test_swapping_two_inputs_makes_another_key() -> None:
    base = components({"stage": "decoder"}, {}, {"f0": A, "n": B})
    assert key(components({"stage": "decoder"}, {}, {"f0": B, "n": A})) != key(base)
    assert key(components({"stage": "decoder"}, {}, {"n": B, "f0": A})) == key(base), "the order of the text is nothing"


def test_equal_components_have_an_empty_difference() -> None:
    assert describe_difference(BASE, dict(reversed(BASE.items()))) == ""
    assert distance(BASE, dict(BASE)) == 0


def test_a_parameter_is_called_as_the_graph_calls_it() -> None:
    found = describe_difference(BASE, {**BASE, "params": {"speed": 1.2}}, {"speed": "params.pace"})
    assert found == "params.pace 1.0 -> 1.2"


def test_a_key_names_the_stage_and_can_be_a_file_name() -> None:
    stage, _, digits = key(BASE).partition("/")
    assert stage == "align"
    assert len(digits) == 64
    assert set(digits) <= set("0123456789abcdef")


def test_an_output_that_is_not_kept_is_identified_by_the_key_of_its_stage() -> None:
    other = {**BASE, "params": {"speed": 2.0}}
    names = {input_identity(key(c), port) for c in (BASE, other) for port in ("en", "asr")}
    assert len(names) == 4


@pytest.fixture
def graph(toy_graph: Path) -> Graph:
    return load_graph(str(toy_graph))


def test_the_identity_of_a_python_stage_is_its_code_and_config(graph: Graph) -> None:
    found = identity(graph.stages["tokenize"], graph, {"vocab": {"a": 1}})
    assert {"stages/tokenize.py", "stages/contract.py", "stages/dims.py"} <= found["code"].keys()
    assert found["config"] == {"vocab": value_digest({"a": 1})}
    assert found["runtime"] == f"Python {sys.version_info.major}.{sys.version_info.minor}, NumPy {np.__version__}"
    assert found["padded"] == {}
    assert "packages" not in found


def test_the_identity_of_a_python_stage_has_the_versions_of_the_packages_that_it_calls(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calling = dataclasses.replace(graph.stages["tokenize"], packages=("NumPy", "odd-package"))
    assert identity(calling, graph, {})["packages"] == {"NumPy": np.__version__, "odd-package": "none"}
    (tmp_path / "odd_package-1.2.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert identity(calling, graph, {})["packages"]["odd-package"] == "1.2"


def test_the_identity_of_a_python_stage_has_the_sizes_that_it_is_padded_to(graph: Graph) -> None:
    fixed = dataclasses.replace(graph.dims["text"], max=16, static=True)
    static = dataclasses.replace(graph, dims={"text": fixed})
    before, after = (identity(graph.stages["tokenize"], g, {}) for g in (graph, static))
    assert describe_difference(before, after) == "fixed size of text nothing -> 16"


def test_the_identity_of_a_library_is_what_its_manifest_says(graph: Graph, toy_library: Path, tmp_path: Path) -> None:
    paths = [install(tmp_path / str(w), toy_library, w=w) for w in (2.0, 3.0)]
    first, second = (identity(graph.stages["scaled"], graph, library=path) for path in paths)
    assert first == {
        "format": 1,
        "stage": "scaled",
        "code": {"scaled.so": file_sha256(toy_library)},
        "entry": "scaled_forward",
        "weights": file_sha256(manifest.weights_path(paths[0])),
        "device": "cpu",
        "target": {"kind": "llvm"},
        "runtime": f"TVM {tvm_runtime.version()}",
        "ports": [["input_ids", "text_mask"], ["y", "n"]],
    }
    assert describe_difference(first, second) == "weights changed"


@pytest.mark.parametrize(
    ("source", "built", "pinned", "named"),
    [
        ("stages.scaled", "1" * 64, "2" * 64, {"checkpoint": "2" * 64}),
        ("stages.scaled", "1" * 64, "1" * 64, {}),
        ("stages.scaled", "1" * 64, None, {}),
        (None, "1" * 64, "2" * 64, {}),  # its weights are its maker's
    ],
)
def test_the_identity_of_a_library_of_another_checkpoint_is_not_that_of_the_model_s(
    graph: Graph,
    toy_library: Path,
    tmp_path: Path,
    source: str | None,
    built: str,
    pinned: str | None,
    named: Components,
) -> None:
    path = install(tmp_path, toy_library)
    place = manifest.manifest_path(path)
    dataclasses.replace(manifest.Manifest.read(place), checkpoint=built).write(place)
    weights = () if source is None else ("bert",)
    spec = dataclasses.replace(graph.stages["scaled"], source=source, weights=weights)
    model = dataclasses.replace(model_of(graph), sha256=pinned)
    found = identity(spec, dataclasses.replace(graph, model=model), library=path)
    assert {key: value for key, value in found.items() if key == "checkpoint"} == named


def test_the_identity_of_a_library_made_elsewhere_is_its_bytes(graph: Graph, tmp_path: Path) -> None:
    library = tmp_path / "scaled.so"
    library.write_bytes(b"one")
    before = identity(graph.stages["scaled"], graph, library=library)
    library.write_bytes(b"two")
    assert before["weights"] is None
    assert (
        describe_difference(before, identity(graph.stages["scaled"], graph, library=library))
        == "code changed (scaled.so)"
    )


def test_a_missing_library_has_no_identity(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"stage 'scaled': the code of .*scaled\.so cannot be read: .*No such file"):
        identity(graph.stages["scaled"], graph, library=tmp_path / "scaled.so")

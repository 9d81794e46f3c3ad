"""graph.txt: the lines that a host in another language reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runner.bundle.description import describe
from runner.graph.load import load_graph
from runner.runtime.manifest import Manifest
from tests.runner.toys import MINI

LOW = np.load(MINI / "voices" / "low.npy")


@pytest.fixture(scope="module")
def lines(bundle: Path) -> list[list[str]]:
    return [line.split("\t") for line in (bundle / "graph.txt").read_text("utf-8").split("\n")[:-1]]


def test_it_says_what_is_heard_and_what_is_given(lines: list[list[str]]) -> None:
    assert lines[0] == ["kokoro-run-bundle", "1"]
    assert [at for at, line in enumerate(lines) if line == ["end"]] == [len(lines) - 1]
    for line in (
        ["runtime", "python/tvm_ffi/lib/libtvm_ffi.so"],
        ["audio", "trim.audio", "24000"],
        ["phonemes", "input.phonemes", "510", "178"],
        ["frame", "600"],
        ["voices", "input.voice"],
        ["parameter", "speed", "1.0"],
        ["parameter", "skip_unknown", "false"],
        ["spelling", "g", "ɡ"],
    ):
        assert line in lines


def test_each_voice_is_found_in_its_file(lines: list[list[str]], bundle: Path) -> None:
    voices = [line[1:] for line in lines if line[0] == "voice"]
    assert [voice[0] for voice in voices] == ["low", "high"]
    _, file, *numbers = voices[0]
    start, rows, columns = map(int, numbers)
    pack = np.frombuffer((bundle / file).read_bytes(), "<f4", rows * columns, start)
    assert np.array_equal(pack.reshape(rows, columns), LOW)


def test_each_tensor_of_a_stage_is_that_of_its_manifest(lines: list[list[str]], bundle: Path) -> None:
    start = lines.index(["stage", "bert"])
    own = lines[start : next(at for at in range(start + 1, len(lines)) if lines[at][0] == "stage")]
    assert own[1] == ["library", "libraries/bert.so", "bert_forward", "libraries/bert.weights"]
    manifest = Manifest.read(bundle / "libraries" / "bert.json")
    expected = [[t.dtype, ",".join(map(str, t.shape)), str(t.offset)] for t in manifest.tensors]
    assert [line[1:] for line in own if line[0] == "tensor"] == expected
    assert own[-3:] == [
        ["in", "input_ids", "int64[1, text]", "tokenize.input_ids"],
        ["in", "attention_mask", "int64[1, text]", "tokenize.attention_mask"],
        ["out", "d_en", "float32[1, hidden, text]"],
    ]


def test_each_file_that_is_named_has_its_size_above_it(lines: list[list[str]], bundle: Path) -> None:
    sizes: dict[str, str] = {}
    for kind, *fields in lines:
        if kind == "file":
            sizes[fields[0]] = fields[1]
        named = {"runtime": fields[:1], "voice": fields[1:2], "library": [fields[0], fields[-1]] if fields else []}
        assert set(named.get(kind, [])) <= set(sizes)
    assert len(sizes) == 2 + 2 + 2 * 5
    assert sizes == {name: str((bundle / name).stat().st_size) for name in sizes}


def test_every_field_is_escaped(build_root: Path) -> None:
    graph = load_graph("default")
    params = {**graph.params, "alphabet": "a\tb\\n\nc\r", "x\ty": "z"}
    found = describe(replace(graph, params=params), build_root, [])
    assert "\nparameter\talphabet\ta\\tb\\\\n\\nc\\r\n" in found
    assert "\nparameter\tx\\ty\tz\n" in found


def test_features_are_those_of_the_kernel(lines: list[list[str]]) -> None:
    features = {line[1] for line in lines if line[0] == "cpu"}
    text = Path("/proc/cpuinfo").read_text("utf-8")
    assert features
    assert features <= set(text.split())


def test_a_constant_stands_on_its_wire(text_bundle: Path) -> None:
    text = (text_bundle / "graph.txt").read_text("utf-8")
    assert "\nin\talphabet\tstr\t=kokoro\n" in text
    assert "\nphonemes\tg2p.phonemes\t510\t178\n" in text
    assert "\nfunction\tstages.g2p\n" in text

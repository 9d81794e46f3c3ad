"""Outputs of a graph: STAGE.PORT, or a map that says what the output is."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import GraphError, KokoroError, SpecError
from runner.graph.load import load_graph
from runner.graph.types import Ref
from tests.runner.graphs import assert_refused, edit_limited, edited, write

OUTPUTS = "  y: limit.y\n"
FITS: list[tuple[str, dict[str, int]]] = [
    ("y: limit.y", {}),
    ("y: {from: limit.y}", {}),
    ("y: {from: limit.y, as: array}", {}),
    ("y: {from: limit.y, as: audio, rate: 16000}", {"y": 16000}),
]


@pytest.mark.parametrize(("output", "audio"), FITS)
def test_output_is_of_the_kind_that_it_says(tmp_path: Path, output: str, audio: dict[str, int]) -> None:
    graph = load_graph(str(write(tmp_path, edit_limited(tmp_path, (OUTPUTS, f"  {output}\n")))[0]))
    assert (graph.outputs, graph.audio) == ({"y": Ref("limit", "y")}, audio)


REFUSED: list[tuple[str, str, type[KokoroError]]] = [
    ("§y: {from: limit.y, as: audio}", "outputs.y is audio and lacks its rate: rate: 24000", GraphError),
    ("§y: {from: limit.y, rate: 3}", "outputs.y has a rate, which only audio has: as: audio", GraphError),
    ("§y: {from: limit.y, as: array, rate: 3}", "outputs.y has a rate, which only audio has: as: audio", GraphError),
    ("y: {from: limit.y, as: audio, rate: §0}", "outputs.y.rate takes at least 1, not 0", SpecError),
    ("y: {from: limit.y, as: audio, rate: §1000000}", "outputs.y.rate takes at most 768000, not 1000000", SpecError),
    ("y: {from: limit.y, as: audio, rate: §1.5}", "outputs.y.rate takes an integer, not 1.5", SpecError),
    ("y: {from: limit.y, as: §sound}", "outputs.y.as takes 'audio', 'array' or 'text', not 'sound'", SpecError),
    ("y: {from: limit.y, as: §text}", "outputs.y: limit.y is float32[n], and text is str", GraphError),
    ("y: {from: limit.§z}", "stage 'limit' has no output 'z'; known: y", GraphError),
    ("§y: {as: array}", "outputs.y lacks the key 'from'", SpecError),
    ("y: §[limit.y]", "outputs.y takes a string, not a list", SpecError),
    ("y: {from: §3}", "outputs.y.from takes a string, not 3", SpecError),
    ("y: {from: §limit}", "'limit' is no source; write STAGE.PORT", SpecError),
    ("y: {from: §input.x}", "an output of the graph is the output of a stage; write STAGE.PORT", GraphError),
    ("y: {from: limit.y, §kind: audio}", "unknown key 'kind'; known: from, as, rate", SpecError),
]  # fmt: skip


@pytest.mark.parametrize(("output", "message", "kind"), REFUSED)
def test_output_that_says_what_it_is_not_is_refused(
    tmp_path: Path, output: str, message: str, kind: type[KokoroError]
) -> None:
    assert_refused(tmp_path, edit_limited(tmp_path, (OUTPUTS, f"  {output}\n")), message, kind=kind)


TYPES = [
    ("float32[n]", None),
    ("float32[1, n]", None),
    ("float32[2*n]", None),
    ("float32[2, n]", "and audio is float32[n] or float32[1, n]"),
    ("float32[]", "and audio is float32[n] or float32[1, n]"),
    ("int64[n]", "and audio is float32[n] or float32[1, n]"),
    ("str", "and audio is float32[n] or float32[1, n]"),
]


@pytest.mark.parametrize(("type_", "fact"), TYPES)
def test_audio_is_one_channel_of_float32(tmp_path: Path, type_: str, fact: str | None) -> None:
    output = "  y: {from: limit.y, as: §audio, rate: 8000}\n"
    text = edit_limited(tmp_path, (OUTPUTS, output), ("      y: float32[n]", f"      y: {type_}"))
    code = (tmp_path / "limit.py").read_text("utf-8").replace('y=Out("float32[n]"', f'y=Out("{type_}"')
    (tmp_path / "limit.py").write_text(code, "utf-8")
    if fact is None:
        assert load_graph(str(write(tmp_path, text)[0])).audio == {"y": 8000}
    else:
        assert_refused(tmp_path, text, f"outputs.y: limit.y is {type_}, {fact}")


def test_text_is_an_output_of_the_kind_text(tmp_path: Path) -> None:
    output = "  y: {from: limit.y, as: text}\n"
    text = edit_limited(tmp_path, (OUTPUTS, output), ("      y: float32[n]", "      y: str"))
    code = (tmp_path / "limit.py").read_text("utf-8").replace('y=Out("float32[n]"', 'y=Out("str"')
    (tmp_path / "limit.py").write_text(code, "utf-8")
    assert load_graph(str(write(tmp_path, text)[0])).audio == {}


def test_plain_output_of_a_model_is_the_audio_of_its_family(tmp_path: Path) -> None:
    plain = "audio: trim.audio"
    for output, audio in (
        (plain, {"audio": 24000}),
        ("audio: {from: trim.audio}", {"audio": 24000}),
        ("audio: {from: trim.audio, as: array}", {}),
        ("audio: {from: trim.audio, as: audio, rate: 8000}", {"audio": 8000}),
        ("other: trim.audio", {}),
        ("audio: f0n.f0", {}),
    ):
        assert load_graph(str(write(tmp_path, edited((plain, output)))[0])).audio == audio


def test_map_laid_over_an_output_keeps_its_source(tmp_path: Path) -> None:
    path, _ = write(tmp_path, edit_limited(tmp_path))
    overlay, _ = write(tmp_path, "outputs: {y: {as: audio, rate: 8000}}\n", "overlay.yaml")
    graph = load_graph(str(path), [str(overlay)])
    assert (graph.outputs, graph.audio) == ({"y": Ref("limit", "y")}, {"y": 8000})

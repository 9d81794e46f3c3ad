"""A command that would write a file that it reads, or one file twice, is refused before anything is done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from runner.cli import console
from runner.cli.files import _refuse_equal
from runner.errors import RunError
from runner.files.overwriting import refuse_overwriting
from tests.conftest import ROOT
from tests.runner.conftest import Run
from tests.runner.toys import with_voice

MINI = ROOT / "configs" / "models" / "mini"
SPELLINGS = ["a.txt", "./a.txt", "sub/../a.txt", "{here}/a.txt", "symbolic", "hard"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with a.txt under several names."""
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("a.txt").write_text("a", "utf-8")
    Path("symbolic").symlink_to("a.txt")
    Path("hard").hardlink_to("a.txt")
    Path("dangling").symlink_to("none.txt")
    return tmp_path


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_file_is_known_by_every_name(here: Path, spelling: str) -> None:
    path = Path(spelling.format(here=here))
    with pytest.raises(RunError, match=f"^--trace {path}: --input reads the same file; give another$"):
        refuse_overwriting([("--input", Path("a.txt"))], [("-o", Path("b")), ("--trace", path)])


@pytest.mark.parametrize("spelling", ["none.txt", "sub/../none.txt", "{here}/none.txt", "dangling"])
def test_one_file_that_is_not_there_yet_is_known_by_every_name(here: Path, spelling: str) -> None:
    path = Path(spelling.format(here=here))
    with pytest.raises(RunError, match=f"^--trace {path}: -o writes the same file; give another$"):
        refuse_overwriting([], [("-o", Path("none.txt")), ("--trace", path)])


def test_devices_folders_and_other_files_may_be_named_twice(here: Path) -> None:
    named = [("-o", Path("/dev/null")), ("--trace", Path("/dev/null")), ("--report", here), ("--vocab", here)]
    refuse_overwriting([("--input", Path("a.txt")), ("--vocab", Path("a.txt"))], [*named, ("-o", Path("b.txt"))])


LINES = ("--input", "ipa.txt")
CASES = {
    "--trace t.wav: -o writes": (*LINES, "-o", "t.wav", "--trace", "t.wav"),
    "--trace ipa.txt: --input reads": (*LINES, "--trace", "ipa.txt"),
    "--trace link.json: --input reads": (*LINES, "--trace", "link.json"),
    "-o ipa.wav: --input reads": ("--input", "ipa.wav"),
    "--timestamps t.json: --input reads": ("--input", "t.json", "--timestamps", "t.json"),
    "--timestamps a.json: --vocab reads": (*LINES, "-o", "a.wav", "--timestamps", ".json", "--vocab", "a.json"),
    "--report me.npy: --voice reads": (*LINES[:1], "one.txt", "--report", "me.npy", "--voice", "me.npy"),
    "--trace you.npy: --voice reads": (*LINES, "--trace", "you.npy", "--voice", "me.npy*0.5+you.npy*0.5"),
    "--trace all.npz: --voice reads": (*LINES, "--trace", "all.npz", "--voice", "all.npz:me"),
    "--trace over.yaml: -c reads": (*LINES, "-c", "over.yaml", "--set", "params.seed=1", "--trace", "over.yaml"),
    "--trace {sources}/align.py: the program reads": (*LINES, "--trace", "{sources}/align.py"),
    "--trace {graph}: the graph reads": (*LINES, "--trace", "{graph}"),
    "--trace {mini}/voices/high.npy: the model reads": (*LINES, "--trace", "{mini}/voices/high.npy"),
    "--trace {mini}/config.json: the model reads": (*LINES, "--trace", "{mini}/config.json"),
    "--trace {libraries}/timed.so: stage 'tones' reads": (*LINES, "--trace", "{libraries}/timed.so"),
    "--trace .a.wav.kokoro-run.jsonl: -o writes": (*LINES, "-o", "a.wav", "--trace", ".a.wav.kokoro-run.jsonl"),
    "--trace out/.kokoro-run.jsonl: -o writes": (*LINES, "-o", "out/", "--trace", "out/.kokoro-run.jsonl"),
    "-o out/0001.wav: --input reads": ("--input", "out/0001.wav", "-o", "out/"),
    "-o out/0002.wav: --input reads": (*LINES, "-o", "out/"),
    "--timestamps out/0001.json: --trace writes": (
        *("--input", "one.txt", "-o", "out/"), "--timestamps", ".json", "--trace", "out/0001.json"
    ),
    "--save-tensors t/tones.audio.npy: --load reads": (
        *("--input", "one.txt"), "--load", "tones.audio=t/tones.audio.npy", "--save-tensors", "t"
    ),
    "--save-tensors t/0002/tones.audio.npy: --voice reads": (
        *LINES, "--voice", "t/0002/tones.audio.npy", "--save-tensors", "t"
    ),
}  # fmt: skip


def folder(graph: Path) -> None:
    """Write the files of the cases; out/0002.wav is a link to the input."""
    for path in ("out", "t/0002"):
        Path(path).mkdir(parents=True)
    for name, text in {"ipa.txt": "h\nh\n", "one.txt": "h\n", "ipa.wav": "h\n", "t.json": "h\nh\n"}.items():
        Path(name).write_text(text, "utf-8")
    Path("link.json").symlink_to("ipa.txt")
    Path("out/0001.wav").write_text("h\n", "utf-8")
    Path("out/0002.wav").symlink_to("../ipa.txt")
    Path("over.yaml").write_text("params:\n  seed: 2\n", "utf-8")
    shutil.copy(MINI / "config.json", "a.json")
    pack = np.load(MINI / "voices" / "low.npy")
    for name in ("me.npy", "you.npy", "t/0002/tones.audio.npy"):
        np.save(name, pack)
    np.savez("all.npz", me=pack)
    np.save("t/tones.audio.npy", np.zeros(600, np.float32))
    graph.write_text(with_voice(graph.read_text("utf-8")), "utf-8")


def test_two_lines_do_not_write_one_file() -> None:
    files = [("-o", Path(name)) for name in ("out/a.wav", "out/a.low.wav", "out/b.wav", "out/a.low.wav")]
    kept = _refuse_equal(files, cuts=False)
    assert [next(kept) for _ in range(3)] == files[:3]
    with pytest.raises(RunError, match=r"^-o out/a.low.wav: two lines would write it; give them ids that"):
        next(kept)


@pytest.mark.parametrize("names", [("a.npy", "a.2.npy"), ("a.2.npy", "a.npy"), ("a.f0.npy", "a.f0.2.npy")])
def test_array_of_a_line_is_not_that_of_a_part_of_another(names: tuple[str, ...]) -> None:
    files = [("-o", Path("out", name)) for name in names]
    assert list(_refuse_equal(files, cuts=False)) == files
    with pytest.raises(RunError, match=r"^-o out/a\.(f0\.)?2\.npy: two lines would write it; give them ids that"):
        list(_refuse_equal(files, cuts=True))
    others = [("-o", Path(name)) for name in ("a.wav", "a.2.wav", "b.2.npy", "b.c.npy", "b.npy.txt", "c.npy")]
    assert list(_refuse_equal(others, cuts=True)) == others


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize("message", CASES)
def test_a_run_refuses_to_overwrite(run: Run, timed_graph: Path, message: str) -> None:
    folder(timed_graph)
    before = contents()
    names = {
        "graph": timed_graph,
        "mini": MINI,
        "sources": ROOT / "stages",
        "libraries": timed_graph.parent / "libraries",
    }
    code, _, err = run(timed_graph, "--no-cache", *(option.format(**names) for option in CASES[message]))
    assert (code, err) == (2, f"{message.format(**names)} the same file; give another\n")
    assert contents() == before


def test_a_stream_that_would_grow_what_it_reads_is_refused(
    timed_graph: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ipa.txt").write_text("h\n", "utf-8")
    with Path("ipa.txt").open("a") as output:
        monkeypatch.setattr(console, "output_handle", output.fileno)
        code, _, err = run(timed_graph, "--input", "ipa.txt", "--stream")
    assert (code, err) == (2, f"standard output {Path.cwd()}/ipa.txt: --input reads the same file; give another\n")


def test_json_and_audio_do_not_share_standard_output(
    timed_graph: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("a.wav").open("w") as output:
        monkeypatch.setattr(console, "output_handle", output.fileno)
        code, _, err = run(timed_graph, "--phonemes", "h", "-o", "a.wav", "--json")
    assert (code, err) == (2, "-o a.wav: standard output writes the same file; give another\n")


def test_a_trace_does_not_replace_a_device(timed_graph: Path, run: Run) -> None:
    code, _, err = run(timed_graph, "--phonemes", "h", "--trace", "/dev/null")
    assert (code, err) == (2, "/dev/null: cannot be written: it is no regular file\n")
    assert list(Path().iterdir()) == []


ASSETS = {
    "output {here}/vocab.json: CONFIG reads": ("vocab.json", "-o", "{here}"),
    "output voices/low.npy: VOICES reads": ("config.json", "voices/low.npy", "-o", "voices"),
}


@pytest.mark.parametrize("message", ASSETS)
def test_assets_refuse_to_overwrite_what_they_are_made_of(run: Run, message: str) -> None:
    shutil.copytree(MINI / "voices", "voices")
    for name in ("vocab.json", "config.json"):
        shutil.copy(MINI / "config.json", name)
    before, here = contents(), os.fspath(Path.cwd())
    code, _, err = run("assets", *(option.format(here=here) for option in ASSETS[message]))
    assert (code, err) == (2, f"{message.format(here=here)} the same file; give another\n")
    assert contents() == before

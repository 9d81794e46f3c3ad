"""Graphs, overlays and other inputs that are pipes, as a shell makes them of `<(...)`: they are read once."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runner.engine import record
from tests.runner.conftest import Run

Pipe = Callable[[bytes], str]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """`pipe(data)` gives the path of a pipe that holds the data and has no writer any more."""
    opened: list[int] = []

    def make(data: bytes) -> str:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as file:
            file.write(data)
        opened.append(reading)
        return f"/dev/fd/{reading}"

    yield make
    for handle in opened:
        os.close(handle)


def test_graph_and_overlay_are_read_from_pipes(run: Run, tones_graph: Path, pipe: Pipe) -> None:
    Path("libraries").symlink_to(tones_graph.parent / "libraries")  # relative paths start in the working folder
    overlay = pipe(b"params: {speed: 2.0}\n")
    code, _, err = run(pipe(tones_graph.read_bytes()), "-c", overlay, "--phonemes", "h", "-o", "a.wav")
    assert (code, err.startswith("a.wav: ")) == (0, True)
    assert soundfile.read("a.wav")[0].max() == pytest.approx(0.1, abs=1e-4)


def test_run_of_a_graph_from_a_pipe_is_replayed(run: Run, tones_graph: Path, pipe: Pipe, stage_cache: Path) -> None:
    Path("libraries").symlink_to(tones_graph.parent / "libraries")
    assert run(pipe(tones_graph.read_bytes()), "--phonemes", "h", "-o", "a.wav")[0] == 0
    assert run("replay", "--speed", "2")[0] == 0
    assert record.find(stage_cache / "runs", None).graph_runs[0].params["speed"] == 2.0


def test_another_text_in_a_pipe_of_the_same_name_is_read(run: Run, tones_graph: Path, pipe: Pipe) -> None:
    text = tones_graph.read_bytes()
    path = pipe(text)
    assert run("plan", path, "--phonemes", "h")[0] == 0
    handle = int(path.rpartition("/")[2])
    again = int(pipe(text.replace(b"speed: 1.0", b"speed: 3.0")).rpartition("/")[2])
    os.dup2(again, handle)
    assert "params.speed: 3.0" in run("config", path)[1].splitlines()


def test_mistake_in_a_pipe_is_shown_with_its_line(run: Run, tones_graph: Path, pipe: Pipe) -> None:
    path = pipe(tones_graph.read_bytes().replace(b"tones.audio", b"tones.audi"))
    code, _, err = run("check", path)
    where, line, caret = err.splitlines()
    assert (code, where.startswith(f"{path}:38:16: stage 'tones' has no output 'audi'")) == (2, True)
    assert (line, caret) == ("   38 |   audio: tones.audi", "      |                ^")


def test_named_pipe_is_read_once_and_its_paths_start_in_its_folder(run: Run, tones_graph: Path) -> None:
    fifo = tones_graph.with_name("fifo.yaml")
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(tones_graph.read_bytes(),))
    writer.start()
    code, out, _ = run(fifo, "--phonemes", "h", "-o", "a.wav", "--json", "-q")
    writer.join()
    assert (code, json.loads(out)["graph"]) == (0, str(fifo))


def test_vocabulary_arrays_and_texts_are_read_from_pipes(run: Run, tones_graph: Path, pipe: Pipe) -> None:
    np.save("ids.npy", np.array([[0, 7, 7, 0]]))
    array = pipe(Path("ids.npy").read_bytes())
    code, _, err = run(tones_graph, "--phonemes", "hh", "--load", f"tokenize.input_ids={array}", "-o", "a.wav", "-q")
    assert (code, err) == (0, "")
    vocab, text = pipe(json.dumps({"h": 7}).encode()), pipe(b"hh\n")
    assert run(tones_graph, "--vocab", vocab, "--in", f"phonemes=@{text}", "-o", "b.wav", "-q") == (0, "", "")
    assert [round(level * 1000) for level in soundfile.read("a.wav")[0][::600]] == [0, 7, 7, 0]
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()

"""--cut and --joints: in files, in streams, in replays and in runs that are resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.runner.timed_speech import TOKEN

Run = Callable[..., tuple[int, str, str]]
LARGE = ("--set", "dims.text.max=512", "--set", "dims.samples.max=400000")
LINE = "hɛ hɛh hɛ, " * 20 + "hɛ."
RATE_HZ = 24_000


def audio(run: Run, graph: Path, *options: str, name: str = "a.wav") -> np.ndarray:
    code, _, err = run(graph, "--phonemes", LINE, "-o", name, "--subtype", "FLOAT", "-q", *LARGE, *options)
    assert (code, err) == (0, "")
    found: np.ndarray = soundfile.read(name, dtype="float32")[0]
    return found


def test_a_row_is_cut_and_joined_as_usual_unless_it_is_asked_for(run: Run, timed_graph: Path) -> None:
    usual = audio(run, timed_graph)
    assert usual.size == (len(LINE) + 2) * TOKEN
    np.testing.assert_array_equal(audio(run, timed_graph, "--cut", "even", "--joints", "measured"), usual)
    assert audio(run, timed_graph, "--cut", "early").size != usual.size


@pytest.mark.parametrize("options", [("--cut", "early"), ("--cut", "early", "--joints", "timed")])
def test_a_stream_has_the_same_samples(run: Run, timed_graph: Path, options: tuple[str, ...]) -> None:
    written = audio(run, timed_graph, *options)
    code, _, err = run(timed_graph, "--phonemes", LINE, "-o", "a.raw", "--subtype", "FLOAT", *LARGE, *options)
    assert code == 0, err
    np.testing.assert_array_equal(np.fromfile("a.raw", "<f4"), written)


def test_times_are_those_of_the_samples(run: Run, timed_graph: Path) -> None:
    found = audio(run, timed_graph, "--cut", "early", "--joints", "timed", "--timestamps", ".json")
    (line,) = json.loads(Path("a.json").read_text("utf-8"))["utterances"]
    levels = {"h": 50, "ɛ": 86}
    for symbol in line["symbols"]:
        if symbol["text"] in levels:
            start, end = (round(symbol[edge] * RATE_HZ) for edge in ("start", "end"))
            middle = found[start + 200 : end - 200]  # beside fades
            assert end - start == TOKEN
            np.testing.assert_allclose(middle, levels[symbol["text"]] * 0.001, rtol=1e-6)


def test_a_replay_cuts_and_joins_as_the_run_did(run: Run, timed_graph: Path) -> None:
    first = audio(run, timed_graph, "--cut", "early", "--joints", "timed")
    assert run("replay", "-q")[0] == 0
    np.testing.assert_array_equal(soundfile.read("a.replay.wav", dtype="float32")[0], first)
    assert run("replay", "-q", "--cut", "even", "-o", "b.wav")[0] == 0
    assert soundfile.info("b.wav").frames == (len(LINE) + 2) * TOKEN


def test_a_run_is_resumed_with_the_same_cuts_only(run: Run, timed_graph: Path) -> None:
    Path("ipa.txt").write_text(f"{LINE}\n%\n", "utf-8")
    options = ("--input", "ipa.txt", "-o", "out/", "--keep-going", *LARGE)
    assert run(timed_graph, *options)[0] == 1
    assert "1 of 2 lines were finished by an earlier run" in run(timed_graph, *options)[2]
    for other in (("--cut", "early"), ("--joints", "timed")):
        code, _, err = run(timed_graph, *options, *other)
        assert (code, "finished by an earlier run" in err) == (1, False)


def test_joints_cannot_be_timed_without_durations(run: Run, tones_graph: Path) -> None:
    code, _, err = run(tones_graph, "--phonemes", "h", "--joints", "timed")
    wanted = "joints that are timed take one port 'durations: int64[1, text]', found none; leave them measured"
    assert (code, wanted in err) == (2, True)


def test_a_graph_without_phonemes_is_neither_cut_nor_joined(run: Run, tmp_path: Path) -> None:
    from tests.runner.graphs import LIMIT, LIMITED  # noqa: PLC0415

    (tmp_path / "limit.py").write_text(LIMIT, "utf-8")
    (tmp_path / "limit.yaml").write_text(LIMITED, "utf-8")
    code, _, err = run(tmp_path / "limit.yaml", "--in", "x=[1, 2]", "--cut", "early")
    assert (code, "--cut early: " in err, "has no phonemes to cut or join; leave it out" in err) == (2, True, True)


def test_only_ways_that_there_are_are_taken(run: Run, timed_graph: Path) -> None:
    code, _, err = run(timed_graph, "--phonemes", "h", "--cut", "soon")
    assert (code, "'soon' is not one of 'even', 'early'" in err) == (2, True)

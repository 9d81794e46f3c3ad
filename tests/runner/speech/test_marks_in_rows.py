"""Pauses, voices and rates in a row: their exact lengths, their times, and the places that errors name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.runner.timed_speech import TOKEN

Run = Callable[..., tuple[int, str, str]]
RATE_HZ = 24_000


def speak(run: Run, graph: Path, phonemes: str, *options: str) -> np.ndarray:
    code, _, err = run(graph, "--phonemes", phonemes, "-o", "a.wav", "--timestamps", ".json", "--no-cache", *options)
    assert code == 0, err
    audio: np.ndarray = soundfile.read("a.wav")[0]
    return audio


def told() -> dict[str, list[dict[str, object]]]:
    (line,) = json.loads(Path("a.json").read_text("utf-8"))["utterances"]
    found: dict[str, list[dict[str, object]]] = line
    return found


def longest_silence(audio: np.ndarray) -> int:
    """The samples of the longest run of zeros."""
    loud = np.flatnonzero(np.abs(audio) > 0.005 * np.abs(audio).max())
    return int(np.diff(loud).max()) - 1


@pytest.mark.parametrize(
    ("mark", "seconds"), [("[pause:0.5s]", 0.5), ("[pause:30ms]", 0.03), ("[pause:1s][pause:1s]", 2)]
)
def test_a_pause_is_as_long_as_it_says(run: Run, timed_graph: Path, mark: str, seconds: float) -> None:
    audio = speak(run, timed_graph, f"hh {mark} h")
    # The tokens at both ends of an utterance are silent; beside a pause, they are a part of it.
    assert audio.size == (1 + 2 + 1 + 1) * TOKEN + round(seconds * RATE_HZ)
    assert longest_silence(audio) == pytest.approx(round(seconds * RATE_HZ), abs=4)  # both edges fade
    (pause,) = told()["pauses"]
    assert (pause["start"], pause["end"]) == (3 * TOKEN / RATE_HZ, pytest.approx(3 * TOKEN / RATE_HZ + seconds))
    assert [word["start"] for word in told()["words"]] == [TOKEN / RATE_HZ, pytest.approx(pause["end"])]


def test_pauses_at_both_ends_of_a_row_are_as_long_as_they_say(run: Run, timed_graph: Path) -> None:
    audio = speak(run, timed_graph, "[pause:1s] h [pause:2s]")
    loud = np.flatnonzero(audio)
    assert audio.size == 3 * RATE_HZ + TOKEN
    assert [int(loud[0]), audio.size - 1 - int(loud[-1])] == pytest.approx([RATE_HZ, 2 * RATE_HZ], abs=4)


def test_a_row_may_be_a_pause_alone(run: Run, timed_graph: Path) -> None:
    Path("ipa.txt").write_text("h\n[pause:1s]\nh\n", "utf-8")
    assert run(timed_graph, "--input", "ipa.txt", "--pause", "0", "-o", "a.wav")[0] == 0
    assert soundfile.info("a.wav").frames == 2 * 3 * TOKEN + RATE_HZ


def test_a_rate_multiplies_the_speed(run: Run, timed_graph: Path) -> None:
    line = "h [pause:1s] [rate:1.5] h [pause:1s] [rate:1] h"
    audio = speak(run, timed_graph, line, "--speed", "2", "--subtype", "FLOAT")
    first, second, third = (float(part.max()) for part in np.split(audio, [RATE_HZ // 2, RATE_HZ * 3 // 2]))
    assert [second / first, third / first] == pytest.approx([1.5, 1])


def test_a_stream_has_the_same_samples(run: Run, timed_graph: Path) -> None:
    audio = speak(run, timed_graph, "hh [pause:0.5s] h")
    Path("ipa.txt").write_text("hh [pause:0.5s] h\n", "utf-8")
    assert run(timed_graph, "--input", "ipa.txt", "-o", "b.raw")[0] == 0
    assert Path("b.raw").stat().st_size == 2 * audio.size


ERRORS = {
    "hh [pause:2s] h% h": "column 16: unknown symbol '%'",
    "hh [pause:two] h": "column 4: got '[pause:two]', expected a length from 0s to 60s",
    "h [voice:nobody] h": "a voice 'nobody' in the text: the graph takes 0 voices, expected one",
}


@pytest.mark.parametrize("line", ERRORS)
def test_errors_name_the_place_in_the_row(run: Run, timed_graph: Path, line: str) -> None:
    code, _, err = run(timed_graph, "--phonemes", line, "-o", "a.wav")
    assert code == 2
    assert ERRORS[line] in err
    assert not Path("a.wav").exists()

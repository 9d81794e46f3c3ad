"""Timed joints: the length of each part is known before it is spoken, whatever the line has in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.api import Graph, Pipeline
from runner.batch.rows import Row
from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.errors import LineError, RunError
from runner.speech.delivery import Delivery
from runner.speech.joints import find_quiet
from runner.speech.speaker import Speaker
from runner.speech.split import Boundary, Chunk, Edge, count_joined, join_edges
from stages.symbols import Symbol
from tests.runner.speech.test_speaker import RESAMPLE, STAGE
from tests.runner.toys import offer_stage

TIMED = Delivery("early", "timed")
LARGE = ["dims.text.max=200", "dims.samples.max=400000"]
FRAME_S = 0.025


def row(text: str) -> Row:
    return Row(text.encode(), "ipa.txt:7")


def symbols(text: str) -> list[Symbol]:
    return [Symbol(symbol, column) for column, symbol in enumerate(text, 1)]


def frames(*counts: int) -> np.ndarray:
    return np.array([counts], np.int64)


def test_the_quiet_of_durations_is_that_of_the_ends_marks_and_most_of_the_last_sound() -> None:
    plain = find_quiet(symbols("hɛ"), frames(10, 3, 16, 9), FRAME_S)
    assert plain == pytest.approx((0.25, 25 * FRAME_S - 0.06, 0.1, 16 * FRAME_S - 0.06))
    marked = find_quiet(symbols('hɛ." '), frames(40, 3, 16, 5, 6, 7, 9, 0, 0), FRAME_S)  # padded
    assert marked == pytest.approx((0.33, 43 * FRAME_S - 0.06, 0.1, 0.18))
    slow = find_quiet(symbols("hɛ."), frames(40, 3, 30, 5, 9), FRAME_S)
    assert slow == pytest.approx((0.33, 44 * FRAME_S - 0.06, 0.1, 30 * FRAME_S - 0.35))


def test_what_has_no_word_is_quiet_but_for_its_beginning() -> None:
    assert find_quiet(symbols("."), frames(1, 9, 2), FRAME_S)[:2] == pytest.approx((FRAME_S, 11 * FRAME_S - 0.06))
    assert find_quiet(symbols("h"), frames(1, 1, 1), FRAME_S)[:2] == (FRAME_S, 0)


@pytest.mark.parametrize("before", [None, Boundary.SENTENCE, Boundary.WORD, 0.03])
@pytest.mark.parametrize("after", [None, Boundary.CLAUSE, 0.1])
@pytest.mark.parametrize("edge", [Edge(0), Edge(9000), Edge(9000, 4000), Edge(240, 2400)])
def test_the_count_is_the_length_of_what_is_joined(
    before: Boundary | float | None, after: Boundary | float | None, edge: Edge
) -> None:
    audio, chunk = np.ones(24_000, np.float32), Chunk("h", 0, before, after)
    joined, _ = join_edges(audio, chunk, 24_000, (edge, edge))
    assert joined.size == count_joined(audio.size, chunk, 24_000, (edge, edge))


def test_an_edge_is_trimmed_to_its_pause_and_keeps_what_it_has_to() -> None:
    assert Edge(9000).trim(Boundary.SENTENCE, 24_000) == (9000 - 4800, 0)
    assert Edge(9000, 6000).trim(Boundary.SENTENCE, 24_000) == (3000, 0)
    assert Edge(9000, 6000).trim(0.3, 24_000) == (1800, 0)
    assert Edge(4000, 6000).trim(Boundary.SENTENCE, 24_000) == (0, 800)
    assert Edge(9000, 6000).trim(None, 24_000) == (0, 0)


def timed_speaker(graph: Path, cache: Path | None = None, **options: object) -> Speaker:
    pipeline = Pipeline(Graph.load(graph, sets=LARGE).timed(), cache=None if cache is None else Cache(cache))
    return Speaker(pipeline, {}, "phonemes", RunOptions(options), timed=True, delivery=TIMED)


@pytest.mark.parametrize("cached", [True, False])
def test_lengths_are_known_before(timed_graph: Path, stage_cache: Path, cached: bool) -> None:
    speaker = timed_speaker(timed_graph, stage_cache if cached else None, skip_unknown=True)
    words = st.text(st.sampled_from("hɛˈə%"), min_size=1, max_size=12)
    gaps = st.sampled_from([" ", " ", ", ", ". ", '." ', " — ", " [pause:0.3s] ", " [pause:10ms] ", " [rate:1.5] "])

    @given(st.lists(st.tuples(words, gaps), min_size=1, max_size=60))
    def check(pairs: list[tuple[str, str]]) -> None:
        text = "".join(word + gap for word, gap in [("hɛ", " "), *pairs])
        try:
            speech = speaker.begin(row(text))
            lengths = [speech.advance(number) for number in range(len(speech))]
        except LineError:  # a word beyond what the model takes, or a segment of unknown symbols
            return
        parts = [speech.finish(number) for number in range(len(speech))]
        assert [part.audio.size for part in parts] == lengths
        assert all(
            part.audio.tobytes() == other.audio.tobytes()
            for part, other in zip(parts, speaker.run(row(text)), strict=True)
        )
        for part in parts:
            assert all(0 <= span.start <= span.end <= part.audio.size for span in part.spans)

    check()


LONG = "wˈʌn tˈu, θɹˈi. fˈɔɹ fˈIv sˈɪks! " * 12


@pytest.mark.parametrize("speed", [0.7, 1.0, 2.0])
def test_lengths_of_a_model_are_known_before(tiny_model: Path, tiny_root: Path, speed: float) -> None:
    pipeline = Pipeline(Graph.load("default", [tiny_model]).timed(), tiny_root, threads=1)
    voice = pipeline.resolve_inputs({"voice": None})
    speaker = Speaker(pipeline, voice, "phonemes", RunOptions({"speed": speed}), timed=True, delivery=TIMED)
    line = row(f"{LONG} [pause:0.5s] [rate:1.25] {LONG}")
    speech = speaker.begin(line)
    lengths = [speech.advance(number) for number in range(len(speech))]
    assert len(set(lengths)) == len(lengths) == 5
    assert [part.audio.size for part in speaker.run(line)] == lengths


def test_joints_that_are_measured_are_as_they_were(tiny_model: Path, tiny_root: Path) -> None:
    pipeline = Pipeline(Graph.load("default", [tiny_model]), tiny_root, threads=1)
    parts = list(pipeline.stream(LONG, delivery=Delivery("early", "measured")))
    ends = [None, *[Boundary.SENTENCE] * (len(parts) - 1), None]
    for at, part in enumerate(parts):
        alone, _ = join_edges(part.result["audio"], Chunk("", 0, ends[at], ends[at + 1]))
        assert part.audio.tobytes() == alone.tobytes()


def test_the_ends_of_a_row_stay_as_they_are(timed_graph: Path) -> None:
    (part,) = timed_speaker(timed_graph).run(row("hɛ"))
    np.testing.assert_array_equal(part.audio, part.result["audio"])


def resampled(graph: Path, rate_hz: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The graph with a stage behind it that gives 16 kHz, and says that it is another rate."""
    offer_stage("resample", RESAMPLE, folder, monkeypatch)
    text = graph.read_text("utf-8").replace("audio: float32[samples]", "audio: float32[rendered]", 1)
    stage = STAGE[1:].replace(
        "audio: resample.audio\n", f"audio: {{from: resample.audio, as: audio, rate: {rate_hz}}}\n"
    )
    text = text.replace("outputs:\n  audio: tones.audio\n", stage).replace(
        "dims:\n", "dims:\n  rendered: {max: 9600}\n"
    )
    graph.write_text(text, "utf-8")
    return graph


def test_audio_of_another_rate_has_its_own_samples(
    timed_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph.load(resampled(timed_graph, 16_000, tmp_path, monkeypatch)).timed()
    speaker = Speaker(Pipeline(graph), {}, "phonemes", timed=True, delivery=TIMED)
    speech = speaker.begin(row("hɛ [pause:1s] h"))
    assert [speech.advance(number) for number in range(3)] == [
        part.audio.size for part in speaker.run(row("hɛ [pause:1s] h"))
    ]


def test_audio_that_is_not_as_long_as_its_durations_is_refused(
    timed_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph.load(resampled(timed_graph, 24_000, tmp_path, monkeypatch)).timed()
    speaker = Speaker(Pipeline(graph), {}, "phonemes", delivery=TIMED)
    with pytest.raises(LineError, match="output 'audio': got 1600 samples, expected 2400, which are 4 frames: joints"):
        list(speaker.run(row("hɛ")))


def test_frames_that_are_no_whole_samples_are_refused(
    timed_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = Graph.load(resampled(timed_graph, 22_050, tmp_path, monkeypatch)).timed()
    with pytest.raises(RunError, match=r"but a frame of output 'audio' is 551\.25 samples at 22050"):
        Speaker(Pipeline(graph), {}, "phonemes", delivery=TIMED)

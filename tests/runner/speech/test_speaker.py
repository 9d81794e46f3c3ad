"""Which graphs speak, and which tell times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runner.batch.rows import Row
from runner.cache.cache import Cache
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline, Result
from runner.engine.run_state import RunState
from runner.errors import LineError, RunError
from runner.graph.load import load_graph
from runner.graph.types import Ref
from runner.speech.line_runner import PHONEMES
from runner.speech.speaker import Speaker, with_durations
from tests.runner.timed_speech import LIMIT, TOKEN
from tests.runner.toys import offer_stage

DEFAULT = "default"
RESAMPLE = """
import numpy as np
from stages.contract import In, Out, stage

@stage(audio=(In("float32[rendered]", "at 24 kHz"), Out("float32[samples]", "at 16 kHz")))
def resample(audio: np.ndarray) -> dict[str, np.ndarray]:
    at = np.arange(0, audio.size, 1.5)
    return {"audio": np.interp(at, np.arange(audio.size), audio).astype(np.float32)}
"""
STAGE = """
  resample:
    module: others.resample
    device: host
    inputs:
      audio: float32[rendered] <- tones.audio
    outputs:
      audio: float32[samples]
outputs:
  audio: resample.audio
"""
DURATIONS, FRAMES = "      durations: int64[1, text]\n", "      counts: int64[1, frames]\n"


def speaker(graph: Path, *, timed: bool = False, **params: object) -> Speaker:
    loaded = load_graph(str(graph))
    return Speaker(Pipeline(with_durations(loaded) if timed else loaded), {}, PHONEMES, RunOptions(params), timed=timed)


def resampled(graph: Path, edits: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The graph with another package's stage behind it, which gives 16 kHz."""
    offer_stage("resample", RESAMPLE, folder, monkeypatch)
    text = graph.read_text("utf-8")
    behind = {"audio: float32[samples]": "audio: float32[rendered]", "outputs:\n  audio: tones.audio\n": STAGE[1:]}
    for old, new in {**behind, "dims:\n": "dims:\n  rendered: {max: 9600}\n", **edits}.items():
        assert old in text
        text = text.replace(old, new)
    graph.write_text(text, "utf-8")
    return graph


def line(text: str) -> Row:
    return Row(text.encode(), "ipa.txt:7")


def test_durations_are_found_by_name_and_type() -> None:
    graph = load_graph(DEFAULT)
    assert with_durations(graph).outputs == {**graph.outputs, "durations": Ref("align", "durations")}
    assert with_durations(with_durations(graph)).outputs == with_durations(graph).outputs


def test_graph_without_durations_tells_no_times(tones_graph: Path) -> None:
    with pytest.raises(
        RunError, match=r"tones.yaml: timestamps are made of a port 'durations: int64\[1, text\]', and no"
    ):
        with_durations(load_graph(str(tones_graph)))
    with pytest.raises(RunError, match="a graph that tells times has an output 'durations'"):
        Speaker(Pipeline(load_graph(str(tones_graph))), {}, PHONEMES, timed=True)


def test_a_line_is_one_part_with_the_times_of_its_symbols(timed_graph: Path) -> None:
    (part,) = speaker(timed_graph, timed=True).run(line("hɛ"))
    assert part.audio.size == 4 * TOKEN
    assert [(span.text, span.column, span.start, span.end) for span in part.spans] == [
        ("h", 1, TOKEN, 2 * TOKEN),
        ("ɛ", 2, 2 * TOKEN, 3 * TOKEN),
    ]
    assert list(part.timings) == ["tokenize", "tones"]


def test_nobody_pays_for_times_that_are_not_wanted(timed_graph: Path) -> None:
    (part,) = speaker(timed_graph).run(line("hɛ"))
    assert part.spans == []


def test_a_line_is_split_at_the_limit_of_the_graph(timed_graph: Path) -> None:
    assert len(list(speaker(timed_graph).run(line("h" * (LIMIT - 2) + " h")))) == 1
    assert len(list(speaker(timed_graph).run(line("h" * (LIMIT - 1) + " h")))) == 2


def test_a_line_longer_than_a_fixed_size_is_refused_and_not_split(timed_graph: Path) -> None:
    pipeline = Pipeline(load_graph(str(timed_graph), sets=["dims.text=10"]))
    fixed = Speaker(pipeline, {}, PHONEMES)
    fixed.check(line("hhhhh hh"))
    with pytest.raises(LineError, match=r"^ipa.txt:7: .*input_ids: 11 text, but the graph fixes text at 10: give less"):
        fixed.check(line("hhhhh hhh"))


def test_unknown_symbols_of_a_later_chunk_have_the_column_of_the_line(timed_graph: Path) -> None:
    with pytest.raises(LineError, match=r"^ipa.txt:7: column 17: unknown symbol '%' U\+0025"):
        speaker(timed_graph).check(line("h" * LIMIT + " h%"))
    speaker(timed_graph, skip_unknown=True).check(line("h" * LIMIT + " h%"))


def test_times_skip_what_is_dropped(timed_graph: Path) -> None:
    (part,) = speaker(timed_graph, timed=True, skip_unknown=True).run(line("h%ɛ"))
    assert [(span.text, span.column) for span in part.spans] == [("h", 1), ("ɛ", 3)]


def test_times_name_the_symbols_of_the_line_in_any_alphabet(timed_graph: Path) -> None:
    (part,) = speaker(timed_graph, timed=True, alphabet="espeak").run(line("t^ʃˈiː ɚ"))
    assert [(span.text, span.column, span.start // TOKEN, span.end // TOKEN) for span in part.spans] == [
        ("t^ʃ", 1, 1, 2),
        ("ˈ", 4, 2, 3),
        ("iː", 5, 3, 4),
        (" ", 7, 4, 5),
        ("ɚ", 8, 5, 7),  # ə and ɹ
    ]


def test_a_line_of_espeaks_is_cut_where_kokoros_symbols_fit(timed_graph: Path) -> None:
    fits, too_long = "tʃ" * (LIMIT - 2) + " tʃ", "ɚ" * (LIMIT // 2) + " ɚ"
    for text, sizes in ((fits, [LIMIT]), (too_long, [LIMIT, 2])):
        parts = list(speaker(timed_graph, alphabet="espeak").run(line(text)))
        assert [part.result["audio"].size // TOKEN - 2 for part in parts] == sizes


def test_an_unknown_alphabet_is_refused(timed_graph: Path) -> None:
    with pytest.raises(RunError, match=r"^params.alphabet: no alphabet 'ipa'; expected one of kokoro, espeak, "):
        speaker(timed_graph, alphabet="ipa")


def test_identity_is_that_of_everything_but_the_line(timed_graph: Path) -> None:
    one = speaker(timed_graph).identity(None)
    assert speaker(timed_graph).identity(None) == one
    assert speaker(timed_graph, speed=2.0).identity(None) != one
    assert speaker(timed_graph, timed=True).identity(None) != one
    text = timed_graph.read_text("utf-8")
    declared = [f"  audio: {{from: tones.audio, as: audio, rate: {rate_hz}}}\n" for rate_hz in (24000, 16000)]
    for output in declared:
        timed_graph.write_text(text.replace("  audio: tones.audio\n", output), "utf-8")
        assert (speaker(timed_graph).identity(None) == one) == (output == declared[0])


class Watched(Pipeline):
    """Notes which runs were said to be the last."""

    def finish(self, run: RunState, *, last: bool = False, announce: bool = True) -> Result:
        self.said = [*getattr(self, "said", []), last]
        return super().finish(run, last=last, announce=announce)


def test_only_the_last_part_of_the_last_line_is_the_last_run(timed_graph: Path) -> None:
    pipeline = Watched(load_graph(str(timed_graph)))
    talker = Speaker(pipeline, {}, PHONEMES)
    two_parts = line("h" * (LIMIT - 1) + " h")
    assert len(list(talker.run(two_parts))) == len(list(talker.run(two_parts, last=True))) == 2
    assert pipeline.said == [False, False, False, True]


LENGTHS = {
    "durations": ({}, "2400, which are 4 frames: ", " to 16000 Hz"),
    "frames": (
        {DURATIONS: FRAMES, "  rendered:": "  frames: {max: 16}\n  rendered:"},
        "2400, which are 4 frames: ",
        " to 16000 Hz",
    ),
    "fixed frames": (
        {DURATIONS: FRAMES, "  rendered:": "  frames: 4\n  rendered:"},
        "a multiple of 600 up to 2400: ",
        "",
    ),
    "nothing": ({DURATIONS: DURATIONS.replace("durations", "counts")}, "a multiple of 600: ", ""),
    "a map without a rate": (
        {"  audio: resample.audio\n": "  audio: {from: resample.audio}\n"},
        "2400, which are 4 frames: ",
        " to 16000 Hz",
    ),
}


@pytest.mark.parametrize("known", LENGTHS)
def test_audio_of_another_sample_rate_is_refused(
    timed_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    edits, wanted, cause = LENGTHS[known]
    with pytest.raises(LineError) as caught:
        list(speaker(resampled(timed_graph, edits, tmp_path, monkeypatch)).run(line("hɛ")))
    message = str(caught.value)
    assert message.startswith(f"ipa.txt:7: output 'audio' (resample.audio): got 1600 samples, expected {wanted}a frame")
    declared = "outputs: {audio: {from: resample.audio, as: audio, rate: 24000}}"
    assert message.endswith(f"A stage resamples{cause}, or changes the length: say so in the graph, as in {declared}")


@pytest.mark.parametrize("caching", [True, False])
def test_audio_of_another_sample_rate_is_refused_when_it_is_kept(
    timed_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage_cache: Path, caching: bool
) -> None:
    edits = {} if caching else {"entry: tones_forward": "entry: tones_forward\n    cache: false"}
    pipeline = Pipeline(load_graph(str(resampled(timed_graph, edits, tmp_path, monkeypatch))), cache=Cache(stage_cache))
    for _ in range(2):
        with pytest.raises(LineError, match="got 2400 samples, expected 3600"):  # a multiple of 600 as well
            list(Speaker(pipeline, {}, PHONEMES).run(line("hɛhh")))


def test_an_array_of_the_caller_has_the_length_that_it_has(timed_graph: Path) -> None:
    pipeline = Pipeline(load_graph(str(timed_graph)))
    given = {"tones.audio": np.zeros(7, np.float32)}
    (part,) = Speaker(pipeline, {}, PHONEMES, RunOptions(override=given)).run(line("hɛ"))
    assert part.audio.size == 7


def test_a_stage_s_warning_names_the_line_and_is_told_once(timed_graph: Path, caplog: pytest.LogCaptureFixture) -> None:
    talker = speaker(timed_graph, skip_unknown=True)
    odd = Row(b"h%", "50%s.txt:7")  # a file's name is no format
    talker.check(odd)
    list(talker.run(odd))
    assert caplog.messages == ["50%s.txt:7: tokenize: dropped 1 unknown symbol: '%' U+0025"]


def test_audio_of_durations_that_were_given_may_be_of_any_number_of_frames(timed_graph: Path) -> None:
    pipeline = Pipeline(load_graph(str(timed_graph)))
    given = {"tones.durations": np.array([[1, 7, 1, 1]])}
    (part,) = Speaker(pipeline, {}, PHONEMES, RunOptions(override=given)).run(line("hɛ"))
    assert part.audio.size == 4 * TOKEN

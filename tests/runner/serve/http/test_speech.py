"""POST /v1/audio/speech: what is sent is what the speaker gives, of the length that was promised, in six formats."""

from __future__ import annotations

import base64
import json
import wave
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from runner.batch.rows import PARAGRAPHS, from_option
from runner.engine.observers import Observer
from runner.engine.options import RunOptions
from runner.serve.service import DELIVERY
from runner.speech.encoders.formats import FORMATS
from runner.speech.pauses import PARAGRAPH_PAUSE_S
from runner.speech.pcm import round_to_16_bits
from runner.speech.speaker import Speaker
from tests.runner.serve.http.conftest import KEY, SPEECH, Serve, Server
from tests.runner.speech.encoders.decoding import decode_with_av

TEXT = "It was late, and it rained. Nobody had come to the station that night, as far as she knew.\n\nWho was there?"
SHORT = "Hello there."
FRAMES = {"mp3": 576, "opus": 480, "aac": 1024}  # samples of a frame at 24 kHz: a format has no shorter end


def speak(server: Server, text: str, inputs: dict[str, Any] | None = None, **params: object) -> npt.NDArray[np.int16]:
    """Speak a text by the speaker itself, in this thread."""
    options = RunOptions(params)
    speaker = Speaker(server.service.pipeline, inputs or {}, "text", options, timed=True, delivery=DELIVERY)
    gap = np.zeros(round(PARAGRAPH_PAUSE_S * speaker.rate_hz), np.float32)
    pieces: list[npt.NDArray[np.float32]] = []
    for row in from_option(text, "input", PARAGRAPHS):
        speaker.check(row)
        pieces += [gap] * bool(pieces) + [part.audio for part in speaker.run(row)]
    return round_to_16_bits(np.concatenate(pieces))


def read_events(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *events, rest = answer.text.split("\n\n")
    assert rest == ""
    assert all(event.startswith("data: ") and "\n" not in event for event in events)
    return [json.loads(event.removeprefix("data: ")) for event in events]


def join_deltas(events: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")


def test_pcm_has_the_bits_of_the_speaker_and_the_length_that_was_promised(server: Server) -> None:
    got = server.ask(input=TEXT, response_format="pcm")
    assert got.status_code == 200
    assert (np.frombuffer(got.content, "<i2") == speak(server, TEXT)).all()
    assert got.headers["content-length"] == str(len(got.content))
    assert got.headers["x-audio-length"] == "exact"
    assert got.headers["content-type"] == "audio/pcm"
    assert "transfer-encoding" not in got.headers


def test_wav_has_a_true_header_in_front_of_the_same_samples(server: Server) -> None:
    got = server.ask(input=TEXT, response_format="wav")
    samples = speak(server, TEXT)
    with wave.open(BytesIO(got.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.getnframes() == samples.size
        assert (np.frombuffer(file.readframes(samples.size), "<i2") == samples).all()
    assert int.from_bytes(got.content[4:8], "little") == len(got.content) - 8
    assert got.headers["content-length"] == str(len(got.content))


class DecoderRuns(Observer):
    """Counts the runs of the stage that takes most of the time."""

    count = 0

    def stage_finished(self, *told: Any, **_: object) -> None:
        self.count += told[1].name == "decoder"


def test_length_is_sent_before_the_parts_are_spoken(serve: Serve) -> None:
    text = " ".join(f"Sentence {number} of a text that is spoken once." for number in range(30))
    body = {"model": "kokoro", "input": text, "response_format": "wav"}
    with serve(length_s=30) as server:
        runs = DecoderRuns()
        server.service.pipeline.observers.append(runs)
        with httpx.stream("POST", server.url + SPEECH, json=body, timeout=60) as got:
            pieces = got.iter_raw()
            first, before = next(pieces), runs.count
            size = len(first) + sum(map(len, pieces))
    assert before < runs.count / 2
    assert got.headers["x-audio-length"] == "exact"
    assert size == int(got.headers["content-length"])
    assert int.from_bytes(first[40:44], "little") == size - 44


def test_length_is_unknown_when_there_is_no_time_to_find_it(serve: Serve) -> None:
    with serve(length_s=0.0) as server:
        got = server.ask(input=TEXT, response_format="wav")
        assert got.headers["x-audio-length"] == "unknown"
        assert got.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in got.headers
        assert (np.frombuffer(got.content[44:], "<i2") == speak(server, TEXT)).all()
        assert got.content[40:44] == b"\xff" * 4
        kept = server.get(got.headers["x-result"]).content
        assert kept[44:] == got.content[44:]
        with wave.open(BytesIO(kept)) as file:
            assert file.getnframes() == (len(got.content) - 44) // 2
        assert int.from_bytes(kept[4:8], "little") == len(kept) - 8


@pytest.mark.parametrize("format_", list(FORMATS))
def test_each_format_is_decoded_to_the_same_speech(server: Server, format_: str) -> None:
    got = server.ask(input=TEXT, response_format=format_)
    assert got.headers["content-type"] == FORMATS[format_]
    wanted = speak(server, TEXT).astype(np.float64) / 2**15
    if format_ == "pcm":
        decoded, rate_hz = np.frombuffer(got.content, "<i2").astype(np.float64) / 2**15, 24_000
    else:
        decoded, rate_hz = decode_with_av(got.content)
    if format_ in ("wav", "flac", "pcm"):
        assert rate_hz == 24_000
        assert (decoded == wanted).all()
        return
    extra = decoded.size * 24_000 / rate_hz - wanted.size
    assert 0 <= extra <= 3 * FRAMES[format_]
    assert find_correlation(decoded[:: rate_hz // 24_000], wanted) > 0.9


def find_correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The largest correlation of the two over their shifts: a codec delays its audio."""
    size = 1 << (one.size + other.size).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)))
    return float(crossed.max() / np.sqrt((one @ one) * (other @ other)))


def test_mp3_is_the_default(server: Server) -> None:
    got = server.ask(input=SHORT)
    assert (got.headers["content-type"], got.headers["x-audio-length"]) == ("audio/mpeg", "exact")
    assert got.headers["content-length"] == str(len(got.content))
    assert got.content == server.ask(input=SHORT, response_format="mp3", stream_format="audio").content


@pytest.mark.parametrize("format_", list(FORMATS))
def test_events_carry_the_same_bytes_and_end_with_the_usage(server: Server, format_: str) -> None:
    events = read_events(server.ask(input=TEXT, response_format=format_, stream_format="sse"))
    whole = join_deltas(events)
    answered = server.ask(input=TEXT, response_format=format_).content
    if format_ == "mp3":  # events do not wait for the length, which is in a frame in front
        assert answered.endswith(whole)
    elif format_ != "opus":  # whose stream has a random number
        assert answered == whole
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert max(len(event["audio"]) for event in events[:-1]) <= 32 << 10
    usage = events[-1].pop("usage")
    assert events[-1] == {"type": "speech.audio.done"}
    assert usage["output_tokens"] == round(speak(server, TEXT).size / 600)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert len(TEXT) // 2 < usage["input_tokens"] < 2 * len(TEXT)


def test_words_come_with_times_in_front_of_their_audio(server: Server) -> None:
    events = read_events(server.ask(input=TEXT, stream_format="sse", return_timing=True))
    assert [event["type"] for event in events[:2]] == ["speech.audio.timing", "speech.audio.delta"]
    words = [word for event in events if event["type"] == "speech.audio.timing" for word in event["words"]]
    paragraphs = TEXT.split("\n\n")
    assert [word["word"] for word in words] == TEXT.replace(",", "").replace(".", "").replace("?", "").split()
    assert all(paragraphs[w["paragraph"]][w["column"] - 1 :].startswith(w["word"]) for w in words)
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[-1] < speak(server, TEXT).size / 24_000
    kept = server.ask(input=TEXT, response_format="wav", return_timing=True).headers["x-result"]
    assert server.get(f"{kept}/timing").json() == {"words": words}


def test_times_are_not_kept_unless_asked_for(server: Server) -> None:
    kept = server.ask(input=SHORT).headers["x-result"]
    assert server.get(f"{kept}/timing").status_code == 404
    assert all(e["type"] != "speech.audio.timing" for e in read_events(server.ask(input=SHORT, stream_format="sse")))


def test_parameters_have_their_effect(server: Server) -> None:
    def ask(**fields: object) -> bytes:
        return server.ask(input=SHORT, response_format="pcm", **fields).content

    assert ask(speed=2) == speak(server, SHORT, speed=2.0).tobytes() != ask()
    assert ask(speed=1, instructions=None, seed=None) == ask()
    assert ask(seed=7) == speak(server, SHORT, seed=7).tobytes() != ask()
    assert ask(lang="en-gb") == speak(server, SHORT, lang="en-gb").tobytes() != ask()


def test_voices_are_named_in_each_way(server: Server) -> None:
    voices = server.service.voices
    name = voices.names[0]

    def ask(named: object) -> bytes:
        got = server.ask(input=SHORT, response_format="pcm", voice=named)
        assert got.status_code == 200, got.text
        return got.content

    assert ask(name) == speak(server, SHORT, {"voice": voices.resolve(name)}).tobytes()
    assert ask({"id": name}) == ask(name)
    assert ask(f"{name}*0.5+{name}*0.5") == ask(name)
    assert ask("alloy") == speak(server, SHORT, {"voice": voices.resolve("alloy")}).tobytes()


def test_phonemes_are_spoken_as_they_are(server: Server) -> None:
    spoken = server.ask(phonemes="həlˈO ðˈɛɹ.", response_format="pcm")
    assert spoken.status_code == 200
    assert spoken.content == server.ask(input=SHORT, response_format="pcm").content


def test_lines_of_phonemes_are_spoken_one_after_the_other(server: Server) -> None:
    lines = "həlˈO ðˈɛɹ.\r\n\nɡˈʊd bˈI.\n"
    spoken = server.ask(phonemes=lines, response_format="pcm", seed=1)
    assert spoken.content == server.ask(input="Hello there.\n\nGood bye.", response_format="pcm", seed=1).content
    refused = server.ask(phonemes="\n \n")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "phonemes")


def test_phonemes_of_single_words_are_replaced(server: Server) -> None:
    def ask(text: str, **fields: object) -> bytes:
        got = server.ask(input=text, response_format="pcm", **fields)
        assert got.status_code == 200, got.text
        return got.content

    edited = ask(TEXT, edits=[{"row": 1, "word": 2, "phonemes": "hˈɪɹ"}])
    assert edited != ask(TEXT)
    assert edited == ask(TEXT.replace("there", "[there](/hˈɪɹ/)"))
    refused = server.ask(input=SHORT, edits=[{"row": 0, "word": 9, "phonemes": "a"}])
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "edits")


def test_instructions_are_said_to_have_no_effect(server: Server) -> None:
    got = server.ask(input=SHORT, instructions="Whisper.", response_format="pcm")
    assert got.headers["x-ignored"] == "instructions"
    plain = server.ask(input=SHORT, response_format="pcm")
    assert "x-ignored" not in plain.headers
    assert got.content == plain.content


@pytest.mark.parametrize(
    ("body", "status", "param", "code", "message"),
    [
        ({"input": None}, 400, "input", None, "input: expected either input or phonemes, found neither"),
        ({"phonemes": "a"}, 400, "input", None, "input: expected either input or phonemes, found both"),
        ({"input": " \n"}, 400, "input", None, "input: there is nothing to speak"),
        ({"input": "a" * 4097}, 400, "input", "string_above_max_length", "input: has 4097 characters"),
        ({"input": None, "phonemes": "a漢"}, 400, "phonemes", None, "漢"),
        ({"model": "gpt-9"}, 404, "model", "model_not_found", "there is no model 'gpt-9'"),
        ({"model": None}, 400, "model", None, "model: input should be a valid string"),
        ({"voice": "af_hart"}, 400, "voice", None, "no voice 'af_hart'"),
        ({"voice": {"id": "af_hart"}}, 400, "voice", None, "no voice 'af_hart'"),
        ({"voice": {"name": "a"}}, 400, "voice", None, "voice: "),
        ({"voice": ""}, 400, "voice", None, "voice: is empty"),
        ({"voice": "a" * 1000}, 400, "voice", None, "expected at most 400"),
        ({"voice": "*+*"}, 400, "voice", None, ""),
        ({"speed": 0.1}, 400, "speed", None, "speed: input should be greater than or equal to 0.25"),
        ({"speed": "fast"}, 400, "speed", None, "speed: input should be a valid number"),
        ({"seed": 1 << 63}, 400, "seed", None, "seed: input should be less than"),
        ({"lang": "xx"}, 400, "lang", None, "xx"),
        ({"response_format": "ogg"}, 400, "response_format", None, "response_format: input should be 'mp3', "),
        ({"stream_format": "text"}, 400, "stream_format", None, "stream_format: input should be 'audio' or 'sse'"),
        ({"graph": "x.yaml"}, 400, "graph", "unknown_parameter", "graph: there is no such field"),
        ({"input": "[voice:nobody] Hello."}, 400, "input", None, "nobody"),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_the_field(
    server: Server, body: dict[str, Any], status: int, param: str | None, code: str | None, message: str
) -> None:
    got = server.ask(**{"input": SHORT, **body})
    error = got.json()["error"]
    assert (got.status_code, error["param"], error["code"]) == (status, param, code), error
    assert error["type"] == "invalid_request_error"
    assert message in error["message"]


@pytest.mark.parametrize(
    "named",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "voices/af_heart.npy",
        "./mini_a",
        "..\\..\\x",
        "%2e%2e%2fx",
        "a\x00b",
        "~/x",
        "configs/models/mini/voices/a.npy*0.5+/etc/passwd*0.5",
        "http://127.0.0.1/x",
    ],
)
def test_no_file_is_within_reach_of_a_name(server: Server, named: str) -> None:
    for got in (server.ask(input=SHORT, voice=named), server.ask(input=f"[voice:{named}] Hello.")):
        if got.status_code == 200:  # words in brackets that are no mark are spoken
            assert "[" not in named
            continue
        message = got.json()["error"]["message"]
        assert got.status_code == 400
        assert "root:" not in message
        assert "No such file" not in message
        assert str(server.service.pipeline.graph.path.parent) not in message


def test_graph_of_phonemes_takes_them_as_input(serve: Serve) -> None:
    with serve("default") as server:
        got = server.ask(input="həlˈO ðˈɛɹ.", response_format="pcm")
        assert got.status_code == 200
        assert got.content == server.ask(phonemes="həlˈO ðˈɛɹ.", response_format="pcm").content
        refused = server.ask(input="həlˈO", lang="en-us")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "lang")


def test_one_key_is_not_another(server: Server) -> None:
    got = httpx.post(server.url + SPEECH, json={}, headers={"Authorization": f"Bearer {KEY}2"})
    assert (got.status_code, got.json()["error"]["code"]) == (401, "invalid_api_key")

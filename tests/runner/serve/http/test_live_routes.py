"""What the page asks: the graph, speech as it is made, and the phonemes of a text."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from runner.engine.observers import Observer
from runner.engine.run_state import RunState
from runner.graph.types import StageSpec
from tests.runner.serve.http.conftest import KEY, Serve, Server
from tests.runner.serve.http.servers import wait_until

TEXT = "One two three.\n\nFour costs $5."


@pytest.fixture(scope="module")
def server(serve: Serve) -> Iterator[Server]:
    """A server with a page, which wants a key."""
    with serve(page=True, key=KEY) as started:
        yield started


def post(server: Server, path: str, **body: Any) -> httpx.Response:
    return httpx.post(server.url + path, json={"model": "kokoro", **body}, headers=server.headers, timeout=60)


def speak(server: Server, **body: Any) -> list[dict[str, Any]]:
    """The events of speech."""
    answer = post(server, "/api/speak", **body)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    return [json.loads(frame.removeprefix("data: ")) for frame in answer.text.split("\n\n")[:-1]]


def of(events: list[dict[str, Any]], type_: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == type_]


def test_the_graph_tells_what_can_be_set_and_its_stages(server: Server) -> None:
    graph = server.get("/api/graph").json()
    assert (graph["model"], graph["rate"], graph["takes_text"], graph["takes_voice"]) == ("mini", 24000, True, True)
    assert (graph["voices"], graph["voice"]) == (["high", "low"], "low")
    assert [param["name"] for param in graph["params"]] == ["speed", "seed", "lang"]
    assert graph["params"][0] == {"name": "speed", "type": "float", "value": 1.0, "min": 0.25, "max": 4}
    assert graph["languages"] == ["en-us", "en-gb"]
    assert graph["front"] == ["normalize", "lexicon", "letters", "g2p"]
    assert (graph["cut"], graph["inputs"], graph["outputs"]) == (
        "g2p.phonemes",
        ["input.voice", "input.text"],
        {"audio": "trim.audio"},
    )
    stages = {stage["name"]: stage for stage in graph["stages"]}
    assert list(stages)[-1] == "trim"
    assert (stages["decoder"]["kind"], stages["g2p"]["kind"]) == ("compiled", "python")
    seed = {"port": "seed", "type": "int64[]", "from": "params.seed", "setting": True}
    assert stages["decoder"]["inputs"][-1] == seed
    assert "ˈ" in graph["symbols"]
    assert " " not in graph["symbols"]


def test_speech_is_what_the_endpoint_of_openai_gives(server: Server) -> None:
    events = speak(server, input=TEXT, speed=1.3)
    samples = np.zeros(round(events[-1]["seconds"] * 24000), "<i2")
    for event in of(events, "spoken"):
        first = round(event["start"] * 24000)
        samples[first : first + event["samples"]] = np.frombuffer(base64.b64decode(event["audio"]), "<i2")
    assert samples.tobytes() == post(server, "/v1/audio/speech", input=TEXT, speed=1.3, response_format="pcm").content


def test_words_are_told_before_they_are_spoken_and_have_times_then(server: Server) -> None:
    events = speak(server, input=TEXT)
    opened = of(events, "opened")
    assert [event["text"] for event in opened] == TEXT.split("\n\n")
    five = opened[1]["words"][-1]
    assert (five["text"], five["start"], five["end"], five["phonemes"]) == ("$5", 11, 13, "fˈIv dˈɑləɹz")
    assert {word["source"] for event in opened for word in event["words"]} <= {"lexicon", "rule", "override"}
    spoken = of(events, "spoken")
    known = [(event["row"], word["start"]) for event in opened for word in event["words"]]
    words = [(event["row"], word) for event in spoken for word in event["words"]]
    assert [(row, word["column"]) for row, word in words] == known
    times = [time for _, word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < events[-1]["seconds"]
    assert events.index(opened[0]) < events.index(spoken[0])


def test_curves_lie_in_their_part(server: Server) -> None:
    for event in of(speak(server, input=TEXT * 3), "spoken"):
        assert [curve["name"] for curve in event["curves"]] == ["f0", "n"]
        for curve in event["curves"]:
            assert curve["step"] == 0.0125
            end = event["start"] + event["samples"] / 24000
            last = curve["start"] + (len(curve["values"]) - 1) * curve["step"]
            assert event["start"] <= curve["start"] < event["start"] + 0.5
            assert end - 0.5 < last < end


def test_stages_are_told_as_they_run(server: Server) -> None:
    first, again = (of(speak(server, input="Nobody said this before."), "stage") for _ in range(2))
    decoder = [(event["status"], event["seconds"] > 0) for event in first if event["stage"] == "decoder"]
    assert decoder == [("running", False), ("run", True)]
    assert {event["status"] for event in again} == {"hit"}
    changed = of(speak(server, input="Nobody said this before.", edits=[edit(0, "nˈObˌʌdi")]), "stage")
    last = {event["stage"]: event["status"] for event in changed}
    assert [last[name] for name in ("normalize", "lexicon", "letters", "g2p")] == ["hit"] * 4
    assert [last[name] for name in ("tokenize", "bert", "decoder", "trim")] == ["run"] * 4


def edit(word: int, phonemes: str, row: int = 0) -> dict[str, object]:
    return {"row": row, "word": word, "phonemes": phonemes}


def test_edits_change_one_word_of_one_paragraph(server: Server) -> None:
    before, after = (
        [event["words"] for event in of(speak(server, input=TEXT, edits=edits), "opened")]
        for edits in ([], [edit(0, "fˈaɪv", row=1)])
    )
    assert after[0] == before[0]
    assert after[1][1:] == before[1][1:]
    assert after[1][0] == {**before[1][0], "phonemes": "fˈaɪv", "source": "edit"}


def stages_of(server: Server) -> list[str]:
    """A list that gets the stages that run from now on."""

    class Noting(Observer):
        """Notes stages."""

        def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:  # noqa: ARG002
            noted.append(spec.name)

    noted: list[str] = []
    server.service.pipeline.observers.append(Noting())
    return noted


def test_phonemes_are_told_and_nothing_is_spoken(server: Server) -> None:
    ran = stages_of(server)
    rows = post(server, "/api/phonemize", input=TEXT + "\n\nNobody asked for this before.").json()["rows"]
    assert len(rows) == 3
    wait_until(lambda: server.service.count == 0)
    assert {"g2p"} <= set(ran) <= {"normalize", "lexicon", "letters", "g2p"}
    opened = of(speak(server, input=TEXT + "\n\nNobody asked for this before."), "opened")
    assert rows == [{name: value for name, value in event.items() if name != "type"} for event in opened]


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({"input": ""}, "input: there is nothing to speak", "input"),
        ({"input": "Hi.", "speed": 9.0}, "speed: input should be less than or equal to 4", "speed"),
        ({"input": "Hi.", "voice": "../low"}, "no voice '../low'", "voice"),
        ({"input": "Hi.", "edits": [edit(7, "hˈI")]}, "an edit of word 7, but the row has 1 words, from 0", "edits"),
        ({"input": "Hi.", "edits": [edit(0, "ж")]}, "column 1: the phonemes 'ж' for this word: unknown", "edits"),
        ({"input": "Hi.", "edits": [edit(-1, "hˈI")]}, "edits: input should be greater than or equal to 0", "edits"),
        ({"input": "Hi.", "edits": [edit(0, " ")]}, "column 1: no phonemes for this word", "edits"),
        ({"input": "Hi.", "lang": "xx"}, "no language 'xx'", "lang"),
        ({"input": "Привет.", "lang": "en-gb"}, "П", "input"),
        ({"phonemes": "hˈI", "edits": [edit(0, "hˈO")]}, "edits: are of words of a text, found phonemes", "edits"),
        ({"input": "Hi.", "graph": "x"}, "graph: there is no such field", "graph"),
    ],
)
@pytest.mark.parametrize("path", ["/api/speak", "/api/phonemize"])
def test_what_cannot_be_spoken_is_refused(
    server: Server, path: str, body: dict[str, Any], message: str, param: str | None
) -> None:
    if path == "/api/phonemize" and "phonemes" in body:
        pytest.skip("it takes none")
    answer = post(server, path, **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert message in error["message"]
    assert error["param"] == param


def test_an_error_after_the_first_event_is_the_last_event(server: Server) -> None:
    events = speak(server, input="This is well.\n\nПривет.")
    assert events[0]["type"] == "stage"
    assert events[-1]["type"] == "error"
    assert events[-1]["status"] == 400
    assert "П" in events[-1]["message"]
    wait_until(lambda: read_outcomes(server)[-1] == "broken")


def test_a_client_that_goes_away_ends_its_work(server: Server) -> None:
    body = {"model": "kokoro", "input": "Nobody waits for the end of this. " * 100}
    with httpx.stream("POST", server.url + "/api/speak", json=body, headers=server.headers, timeout=60) as answer:
        next(answer.iter_bytes())
    wait_until(lambda: server.service.count == 0)
    wait_until(lambda: read_outcomes(server)[-1] == "gone")


class SlowReading(Observer):
    """Lets each paragraph be read slowly."""

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:  # noqa: ARG002
        time.sleep(0.3 if spec.name == "g2p" else 0)


def test_a_reading_ends_when_its_client_goes_away(serve: Serve) -> None:
    text = "\n\n".join(f"Nobody has read line {number} before." for number in range(60))
    with serve(page=True) as server:
        server.service.pipeline.observers.append(SlowReading())
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url + "/api/phonemize", json={"model": "kokoro", "input": text}, timeout=0.5)
        wait_until(lambda: server.service.count == 0, 5)
        wait_until(lambda: server.log.exists() and server.log.read_text() != "")
        line = json.loads(server.log.read_text())
        assert (line["status"], line["outcome"], line["characters"]) == (499, "gone", len(text))


def read_outcomes(server: Server) -> list[str]:
    """How the requests in the log have ended."""
    return [json.loads(line)["outcome"] for line in server.log.read_text().splitlines()]


def test_requests_of_the_page_want_the_key(server: Server) -> None:
    assert httpx.get(server.url + "/api/graph").status_code == 401
    assert httpx.post(server.url + "/api/speak", json={"model": "kokoro", "input": "Hi."}).status_code == 401
    assert httpx.post(server.url + "/api/phonemize", json={"model": "kokoro", "input": "Hi."}).status_code == 401


def test_a_graph_of_phonemes_is_described_and_spoken(serve: Serve) -> None:
    with serve("default", page=True) as server:
        graph = server.get("/api/graph").json()
        assert (graph["takes_text"], graph["languages"], graph["front"]) == (False, [], [])
        assert [param["name"] for param in graph["params"]] == ["speed", "seed"]
        (spoken,) = of(speak(server, phonemes="həlˈO, wˈɜɹld."), "spoken")
        assert [(word["text"], word["column"]) for word in spoken["words"]] == [("həlˈO", 0), ("wˈɜɹld", 7)]
        refused = post(server, "/api/phonemize", phonemes="həlˈO")
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            400,
            "input: expected text, found phonemes",
        )

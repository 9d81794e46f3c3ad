"""Speech on the page: it is heard while it is made, word by word, and changed sound by sound."""

from __future__ import annotations

import json
from statistics import median
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from tests.runner.serve.http.conftest import Serve, Server
from tests.runner.serve.page.browser import Page

LONG = (
    "The lamp was lit, and the ship came slowly round the head of the bay. Nobody on the quay had seen her before. "
    "She was low in the water, painted grey, and her name was gone from the stern.\n\n"
    "Who had sent for her? An old man in a blue coat said that he knew, but he would not say it twice."
)


def ask(server: Server, **body: Any) -> list[dict[str, Any]]:
    """The events of a request of the page."""
    answer = httpx.post(server.url + "/api/speak", json={"model": "kokoro", **body}, timeout=60)
    return [json.loads(frame[6:]) for frame in answer.text.split("\n\n") if frame.startswith("data: ")]


def test_speech_is_heard_before_its_last_part_is_made(page: Page) -> None:
    page.speak(LONG)
    first = page.recorded["player"][0], page.recorded["player"][1]
    assert [event["name"] for event in first] == ["waiting", "playing"]
    assert not first[1]["whole"]
    heard = page.recorded["audio"]
    assert len(heard) >= 3
    assert all(chunk["peak"] > 0.01 for chunk in heard)


def test_chunks_follow_one_another_sample_for_sample(page: Page, server: Server) -> None:
    page.speak(LONG)
    page.speak()
    spoken = [event for event in ask(server, input=LONG) if event["type"] == "spoken"]
    chunks = page.recorded["audio"][-len(spoken) :]
    begins = [chunk["when"] - chunk["offset"] - event["start"] for chunk, event in zip(chunks, spoken, strict=True)]
    assert begins == pytest.approx([begins[0]] * len(begins), abs=1e-6)
    assert [chunk["seconds"] for chunk in chunks] == pytest.approx([event["samples"] / 24000 for event in spoken])


def test_words_are_highlighted_when_they_are_heard(page: Page, server: Server) -> None:
    text = "One two three four five six seven eight nine ten."
    page.speak(text)
    page.wait_until_heard()
    page.run("recorded.words.length = recorded.audio.length = recorded.player.length = 0")
    page.speak(text)
    page.wait_until_heard()
    begin = page.recorded["audio"][0]["when"] - page.recorded["audio"][0]["offset"]
    times = [word for event in ask(server, input=text) if event["type"] == "spoken" for word in event["words"]]
    words = page.recorded["words"]
    assert [word["text"] for word in words] == [word["text"] for word in times] == text.rstrip(".").split()
    late = [word["time"] - begin - time["start"] for word, time in zip(words, times, strict=True)]
    assert abs(median(late)) < 0.05  # the single one may be late where other programs keep the machine busy


def test_an_edit_runs_only_what_follows_from_the_phonemes(page: Page, server: Server) -> None:
    graph = httpx.get(server.url + "/api/graph").json()
    after = {"g2p"}
    for stage in graph["stages"]:
        if after & {wire["from"].split(".")[0] for wire in stage["inputs"]}:
            after.add(stage["name"])
    page.speak("Nobody reads this.")
    states = page.states()
    assert states.pop("letters") in ("run", "hit")  # of no unknown word, as in any test before
    assert set(states.values()) == {"run"}
    page.edit(1, "ɹˈɛdz")
    page.wait_until_spoken()
    states = page.states()
    ran = {name for name, state in states.items() if state == "run"}
    assert {name for name, state in states.items() if state != "run"} >= set(graph["front"])
    assert {"tokenize", "decoder"} <= ran <= after - {"g2p"}
    assert page.texts(".cell.changed .phonemes") == ["ɹˈɛdz"]
    spoken = ask(server, input="Nobody reads this.", edits=[edit(1, "ɹˈɛdz")])
    assert page.run("return document.querySelector('#seek').max") == f"{spoken[-1]['seconds']:.3f}"


def edit(word: int, phonemes: str) -> dict[str, object]:
    return {"row": 0, "word": word, "phonemes": phonemes}


def test_an_edit_that_is_undone_brings_the_phonemes_back(page: Page) -> None:
    page.speak("Nobody reads this.")
    before = page.texts(".cell .phonemes")
    page.edit(1, "ɹˈɛdz")
    page.wait_until_spoken()
    page.run("document.querySelector('#status').textContent = ''")
    page.click("#changes-undo")
    page.wait_until_spoken()
    assert page.texts(".cell .phonemes") == before
    assert page.texts(".cell.changed .phonemes") == []


def test_a_symbol_that_the_model_does_not_know_is_told_at_once(page: Page) -> None:
    page.speak("Nobody reads this.")
    asked = len(page.recorded["requests"])
    page.edit(1, "ж")
    assert page.texts(".edit-hint") == ["The model has no symbol ж"]
    page.find("input.phonemes").send_keys(Keys.ESCAPE)
    assert page.find("input.phonemes") is None
    assert len(page.recorded["requests"]) == asked


def test_a_word_is_heard_when_it_is_pressed(page: Page, server: Server) -> None:
    page.speak("One two three four.")
    page.wait_until_heard()
    page.run("recorded.audio.length = 0")
    page.click(".cell:nth-child(3) .spelled")
    page.wait(lambda: page.recorded["audio"])
    spoken = next(event for event in ask(server, input="One two three four.") if event["type"] == "spoken")
    three = next(word for word in spoken["words"] if word["text"] == "three")
    assert page.recorded["audio"][0]["offset"] == pytest.approx(three["start"], abs=0.001)


def test_phonemes_are_shown_without_being_spoken(page: Page) -> None:
    page.write("Nobody reads this.")
    page.click("#read")
    assert page.wait_for_texts(".cell .spelled") == ["Nobody", "reads", "this"]
    assert page.texts(".cell .phonemes")[1] == "ɹˈidz"
    assert page.recorded["requests"] == ["/api/graph", "/api/phonemize"]
    assert page.recorded["audio"] == []


def test_stop_ends_the_request(page: Page, server: Server) -> None:
    page.write(LONG * 12)
    page.click("#speak")
    page.run("document.querySelector('#stop').click()")
    assert page.texts("#status") == ["Stopped."]
    page.wait(lambda: server.service.count == 0)
    assert page.recorded["player"][-1]["name"] != "playing"


def test_what_cannot_be_spoken_is_told(page: Page) -> None:
    page.refusals = ("the server responded with a status of 400 (Bad Request)",)
    page.speak("Hello there.")
    page.write("Привет.")
    page.click("#speak")
    assert "П" in page.wait(lambda: page.find("#alert")).text
    assert page.wait_for_texts(".cell:not(.stale) .spelled") == ["Hello", "there"]
    assert page.speak("Hello.")
    assert page.find("#alert") is None


def test_phonemes_are_spoken_where_the_graph_takes_no_text(browser: Any, serve: Serve) -> None:
    with serve("default", page=True) as server:
        page = Page(browser, server.url)
        page.open()
        assert page.texts("#compose-title") == ["Phonemes"]
        page.speak("həlˈO wˈɜɹld")
        page.wait_until_heard()
        assert page.texts(".cell .spelled") == ["həlˈO", "wˈɜɹld"]
        assert [word["text"] for word in page.recorded["words"]] == ["həlˈO", "wˈɜɹld"]
        page.check()

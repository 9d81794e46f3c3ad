"""What the page keeps and compares: two settings, the runs before, files, and the key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from tests.runner.serve.http.conftest import KEY, SPEECH, Serve, Server
from tests.runner.serve.page.browser import Page

TEXT = "One two three. Four five six."


def test_two_voices_are_compared_at_the_same_word(page: Page) -> None:
    page.write(TEXT)
    page.click("#compare-speak")
    page.wait(lambda: page.run("return !document.querySelector('#compare-swap').disabled") and page.find(".both"))
    facts = page.texts(".side-facts")
    assert facts[0] != facts[1]
    page.wait_until_heard()
    page.run("recorded.words.length = recorded.player.length = 0")
    page.click(".side-a button[aria-pressed]")
    page.wait(lambda: page.run("return recorded.words.at(-1)?.text === 'three'"))
    page.click("#compare-swap")
    page.wait_until_heard()
    assert page.texts(".side.heard h3") == ["B"]
    words = [word["text"] for word in page.recorded["words"]]
    at = words.index("Four")
    assert words[at:] == ["Four", "five", "six"]
    voices = page.run("return [...document.querySelectorAll('.side select')].map(s => s.value)")
    assert voices[0::2] == ["low", "high"]


def test_a_run_is_heard_again_from_the_history(page: Page) -> None:
    page.run("document.querySelector('#seed').value = 7")
    page.speak(TEXT)
    page.edit(1, "tˈOz")
    page.wait_until_spoken()
    assert len(page.wait(lambda: len(page.texts(".entry")) == 2 and page.texts(".entry"))) == 2
    page.open(forget=False)
    page.wait(lambda: page.find(".entry-text"))
    assert "1 change" in page.texts(".entry .facts")[0]
    page.click(".entry-text")
    page.wait_until_heard()
    assert page.recorded["requests"] == ["/api/graph"]
    assert page.recorded["audio"][0]["peak"] > 0.01
    assert page.texts(".cell.changed .phonemes") == ["tˈOz"]
    assert page.run("return document.querySelector('#seed').value") == "7"
    assert page.find("#text").get_attribute("value") == TEXT
    page.click("#history-clear")
    assert page.wait_for_texts(".history .none") == ["Nothing yet."]


def test_voices_are_mixed_by_sliders(page: Page, server: Server) -> None:
    page.click("#voices button")
    for _ in range(4):
        page.find("#voices input[type=range]").send_keys(Keys.ARROW_RIGHT)
    assert page.texts("#voices output") == ["58 %", "42 %"]
    page.speak(TEXT)
    body = {"model": "kokoro", "input": TEXT, "voice": "low*70+high*50", "response_format": "pcm"}
    mixed = httpx.post(server.url + SPEECH, json=body, timeout=60).content
    assert saved_samples(page) == mixed


def saved_samples(page: Page) -> bytes:
    """The samples that the page has, of 16 bits."""
    script = """
        const {RunStore} = await module("history");
        const store = new RunStore();
        const [{began}] = await store.list();
        done([...new Uint8Array((await store.loadSamples(began)).buffer)]);
    """
    page.wait_for_texts(".entry")
    return bytes(page.load(script))


@pytest.mark.parametrize("format_", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_a_file_is_what_was_spoken(page: Page, server: Server, downloads: Path, format_: str) -> None:
    page.speak("Nobody reads this.")
    page.edit(1, "ɹˈɛdz")
    page.wait_until_spoken()
    edits = [{"row": 0, "word": 1, "phonemes": "ɹˈɛdz"}]
    body = {"model": "kokoro", "input": "Nobody reads this.", "edits": edits, "response_format": format_}
    wanted = httpx.post(server.url + SPEECH, json=body, timeout=60).content
    saved = save(page, downloads, format_)
    if format_ == "opus":  # its stream has a random number
        assert abs(len(saved) - len(wanted)) < 100
    else:
        assert saved == wanted


def save(page: Page, downloads: Path, suffix: str) -> bytes:
    """Save a file by the menu, and read it."""
    file = downloads / f"nobody-reads-this.{suffix}"
    file.unlink(missing_ok=True)
    page.click("#downloads summary")
    names = {"opus": "Opus", "vtt": "WebVTT"}
    items = page.driver.find_elements("css selector", ".pop-item")
    next(item for item in items if item.text.startswith(names.get(suffix, suffix.upper()))).click()
    page.wait(lambda: f"Saved as {suffix}." in page.texts("#status"))
    page.wait(file.exists)
    return file.read_bytes()


def test_times_of_words_are_saved(page: Page, downloads: Path) -> None:
    page.speak("Nobody reads this.")
    told = json.loads(save(page, downloads, "json"))
    assert [word["text"] for word in told["words"]] == ["Nobody", "reads", "this"]
    assert told["words"][1]["phonemes"] == "ɹˈidz"
    subtitles = save(page, downloads, "srt").decode()
    first, last = told["words"][0]["start"], told["words"][2]["end"]
    assert subtitles == f"1\n{clock(first, ',')} --> {clock(last, ',')}\nNobody reads this.\n"
    assert save(page, downloads, "vtt").decode().startswith(f"WEBVTT\n\n{clock(first, '.')} --> ")


def clock(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"00:00:{ms // 1000:02}{point}{ms % 1000:03}"


def test_subtitles_end_where_sentences_do(page: Page) -> None:
    script = """
        const {makeCues} = await module("timings");
        const text = "Dr. Who came. He (the doctor) left, as he always does when there is nothing more to be said.";
        const words = [...text.matchAll(/[A-Za-z]+/g)].map((found, at) => (
            {text: found[0], from: found.index, to: found.index + found[0].length, start: at, end: at + 0.9}));
        done(makeCues({rows: [{text, words}]}).map(cue => cue.text));
    """
    assert page.load(script) == [
        "Dr.",
        "Who came.",
        "He the doctor) left, as he always does",
        "when there is nothing more to be said.",
    ]


def test_the_key_is_asked_for_and_kept_for_the_tab_only(browser: Any, serve: Serve) -> None:
    with serve(page=True, key=KEY) as server:
        page = Page(browser, server.url)
        page.open()
        give_key(page, "another-key-altogether")
        assert page.wait(lambda: page.find("#key-alert")).text == "The server did not take this key."
        give_key(page, KEY)
        page.wait(lambda: page.texts("#facts")[0])
        assert page.find("dialog[open]") is None
        page.speak("Hello.")
        assert page.run("return [Object.values(localStorage), document.cookie, location.href]") == [
            [],
            "",
            f"{server.url}/",
        ]
        page.open(forget=False)
        assert page.find("dialog[open]") is None
        page.click("#key")
        page.wait(lambda: page.find("dialog[open]"))
        page.click("#key-cancel")
        assert page.wait(lambda: page.find("#alert")).text == "The server wants a key."


def give_key(page: Page, key: str) -> None:
    page.find("#key-input").send_keys(key, Keys.ENTER)

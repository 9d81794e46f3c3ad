"""Drives the page as a person would, and notes what the browser does."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

# Notes errors, what the player tells, the audio that is given to the machine, and the words that are highlighted.
RECORDER = """
window.recorded = {errors: [], player: [], audio: [], words: [], requests: []};
const note = ({reason, error, violatedDirective, message}) =>
  recorded.errors.push(String(reason?.stack ?? error?.stack ?? violatedDirective ?? message));
for (const name of ["error", "unhandledrejection", "securitypolicyviolation"]) addEventListener(name, note);
for (const name of ["playing", "waiting", "pause", "ended"]) document.addEventListener(name, ({target}) => {
  if (target.id !== "player") return;
  recorded.player.push({name, whole: document.querySelector("#status").textContent.includes("first after")});
}, true);
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, offset) {
  recorded.context = this.context;
  const peak = this.buffer.getChannelData(0).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  recorded.audio.push({when, offset, seconds: this.buffer.duration, peak});
  return start.call(this, when, offset);
};
const ask = window.fetch;
window.fetch = (url, init) => {
  recorded.requests.push(new URL(url, location).pathname);
  return ask(url, init);
};
addEventListener("DOMContentLoaded", () => new MutationObserver((changes) => {
  for (const {target} of changes) {
    const {key} = target.dataset;
    if (!target.classList.contains("now") || recorded.words.at(-1)?.key === key) continue;
    const {currentTime, outputLatency} = recorded.context;
    const text = target.querySelector(".spelled").textContent;
    recorded.words.push({key, text, time: currentTime - outputLatency});
  }
}).observe(document.querySelector("#score"), {subtree: true, attributeFilter: ["class"]}));
"""


class Page:
    """The page in a browser.

    Attributes:
        refusals: the ends of messages of the browser that a test expects, as of a request that is refused.
    """

    def __init__(self, driver: Any, url: str) -> None:
        self.driver, self.url = driver, url
        self.refusals: tuple[str, ...] = ()

    def open(self, width: int = 1280, *, dark: bool = False, forget: bool = True) -> None:
        """Show the page anew.

        Args:
            width: of the window [px]; below 500 that of a phone.
            forget: remove what the browser has kept of it.
        """
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        if forget:
            self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": "all"})
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # of what was before
        self.driver.get(self.url)
        self.wait(lambda: self.texts("#facts")[0] or self.find("dialog[open]"))

    def find(self, selector: str) -> Any:
        """Find an element that is shown; None if there is none."""
        # In one script: the page may be drawn anew at any time.
        shown = "e.checkVisibility({opacityProperty: true, visibilityProperty: true})"
        return self.run(f"return [...document.querySelectorAll(arguments[0])].find(e => {shown})", selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of elements, all of them at one moment; one space for any."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim().replace(/\\s+/g, ' '))"
        )
        return list(self.run(script, selector))

    def wait_for_texts(self, selector: str) -> list[str]:
        """Wait until there are such elements, and all are drawn: one that is not has no text yet. Gives their texts."""
        return list(self.wait(lambda: all(found := self.texts(selector)) and found))

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def load(self, script: str) -> Any:
        """Run a script that has `module`, a function that loads a file of the page, and calls `done` in the end."""
        head = "const [module, done] = [(name) => import(`${location.origin}/page/${name}.js`), arguments[0]];"
        return self.driver.execute_async_script(
            f"{head}(async () => {{ {script} }})().catch(e => done(String(e.stack)))"
        )

    def wait(self, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Wait until a condition holds; gives its value."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, self.run("return [document.body.innerText, recorded.errors]")
            time.sleep(0.02)
        return found

    def click(self, selector: str) -> None:
        """Press an element, in the middle of the window: at its edge the player may lie over it."""

        def press() -> bool:
            element = self.find(selector)
            if element is None:
                return False
            # Something above it has just grown, or it was drawn anew.
            with contextlib.suppress(ElementClickInterceptedException, StaleElementReferenceException):
                self.run("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
                return True
            return False

        self.wait(press)

    def write(self, text: str) -> None:
        """Write into the editor, in place of what is there."""
        editor = self.find("#text")
        editor.send_keys(Keys.CONTROL, "a")
        editor.send_keys(text)

    def speak(self, text: str | None = None) -> str:
        """Press Speak, and wait until all is spoken; gives the status."""
        if text is not None:
            self.write(text)
        self.run("document.querySelector('#status').textContent = ''")
        self.click("#speak")
        return self.wait_until_spoken()

    def wait_until_spoken(self) -> str:
        """Wait until all is spoken; gives the status."""
        return str(self.wait(lambda: next((text for text in self.texts("#status") if "first after" in text), None)))

    def wait_until_heard(self) -> None:
        """Wait until the player has come to the end."""
        self.wait(lambda: self.run("return recorded.player.at(-1)?.name === 'ended'"))

    def edit(self, number: int, phonemes: str) -> None:
        """Write other phonemes for a word, and press Enter."""
        self.run("document.querySelector('#status').textContent = ''")
        cells = self.driver.find_elements(By.CSS_SELECTOR, ".cell .phonemes")
        self.run("arguments[0].scrollIntoView({block: 'center'})", cells[number])
        cells[number].click()
        self.find("input.phonemes").send_keys(phonemes, Keys.ENTER)

    def states(self) -> dict[str, str]:
        """The state of each stage in the figure: idle, running, run or hit."""
        script = "return [...document.querySelectorAll('[data-stage]')].map(g => [g.dataset.stage, g.dataset.state])"
        return dict(self.run(script))

    @property
    def recorded(self) -> dict[str, Any]:
        """What the browser did since the page was opened."""
        noted: dict[str, Any] = self.run("return {...recorded, context: null}")
        return noted

    def check(self) -> None:
        """Fail if the page had an error, or asked another server."""
        assert self.recorded["errors"] == []
        said = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        assert [entry["message"] for entry in said if not entry["message"].endswith(self.refusals or "\0")] == []
        log = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        asked = [entry["params"]["request"]["url"] for entry in log if entry["method"] == "Network.requestWillBeSent"]
        assert asked
        assert [url for url in asked if not url.startswith((f"{self.url}/", "data:", "blob:"))] == []

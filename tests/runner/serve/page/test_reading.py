"""The page as people read it: at any width, in light and dark, by keyboard, and by a screen reader."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.runner.serve.page.browser import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOK = """
const done = arguments[1];
axe.run(document, {runOnly: arguments[0]}).then(({violations}) => done(violations.map(
  ({id, impact, nodes}) => [id, impact, nodes.map(node => node.html.slice(0, 200))])));
"""


def look(page: Page) -> list[Any]:
    """What axe-core finds that hinders people."""
    found: list[Any] = page.driver.execute_async_script(LOOK, RULES)
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_hinders_people(page: Page, axe: str, width: int, dark: bool) -> None:
    page.open(width, dark=dark)
    page.run(axe)
    assert look(page) == []
    page.speak("Nobody reads this.")
    page.wait_until_heard()
    page.click("#voices button")
    assert look(page) == []
    page.click(".cell:nth-child(2) .phonemes")
    page.find("input.phonemes").send_keys("ж")
    assert look(page) == []
    page.find("input.phonemes").send_keys(Keys.BACKSPACE, "z", Keys.ENTER)
    page.wait_until_spoken()
    page.click("#compare-speak")
    page.wait(lambda: page.find(".side-b button[aria-pressed]").is_enabled() and page.find(".both"))
    page.click("#downloads summary")
    page.click(".card details summary")
    assert look(page) == []


def overflow(page: Page) -> int:
    """How much wider the page is than the window [px]."""
    return int(page.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_is_no_wider_than_the_window(page: Page, width: int) -> None:
    page.open(width)
    assert overflow(page) == 0
    page.speak("Nobody reads this, and nobody ever will: supercalifragilisticexpialidocious.")
    page.click("#voices button")
    page.click(".cell:nth-child(2) .phonemes")
    page.run("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert overflow(page) == 0
    page.click("#compare-speak")
    page.wait(lambda: page.find(".both"))
    assert overflow(page) == 0


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    editor = page.find("#text")
    editor.send_keys(Keys.CONTROL, "a")
    editor.send_keys("One two.")
    editor.send_keys(Keys.CONTROL, Keys.ENTER)
    page.wait_until_spoken()
    reached = []
    for _ in range(60):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        element = page.driver.switch_to.active_element
        reached.append(element.get_attribute("id") or element.get_attribute("class") or element.tag_name)
        if reached[-1] == "play":
            break
    assert {"speak", "read", "speed", "seed", "lang", "spelled", "compare-speak", "entry-text", "play"} <= set(reached)
    assert reached.count("spelled") == 1  # of the words: arrows move among them
    assert reached.count("stage python") == 1


def test_arrows_move_among_words_and_their_phonemes(page: Page) -> None:
    page.speak("One two three.")
    page.click(".cell .spelled")

    def press(*keys: str) -> str:
        page.driver.switch_to.active_element.send_keys(*keys)
        return str(
            page.driver.switch_to.active_element.get_attribute("aria-label")
            or page.driver.switch_to.active_element.text
        )

    assert press(Keys.ARROW_RIGHT) == "two"
    assert press(Keys.ARROW_DOWN) == "tˈu, phonemes of two"
    assert press(Keys.ARROW_RIGHT) == "θɹˈi, phonemes of three"
    assert press(Keys.HOME) == "wˈʌn, phonemes of One"
    assert press(Keys.ENTER) == "Phonemes of One"
    assert press(Keys.ESCAPE) == "wˈʌn, phonemes of One"
    assert press(Keys.ARROW_UP) == "One"


def test_arrows_move_among_stages_and_tell_of_each(page: Page) -> None:
    page.speak("One.")
    page.run("document.querySelector('[data-stage=g2p]').focus()")
    assert page.texts("#stage-detail")[0].startswith("g2p: written in Python, on cpu:0; ran 1 time, ")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert page.texts("#stage-detail")[0].startswith("tokenize: ")
    assert page.driver.switch_to.active_element.get_attribute("aria-label").startswith("tokenize ")


def test_colours_are_kept_when_they_are_chosen(page: Page) -> None:
    def ground() -> str:
        return str(page.run("return getComputedStyle(document.body).backgroundColor"))

    light = ground()
    page.click("#theme")
    assert ground() == light  # of auto, on a light machine
    page.click("#theme")
    dark = ground()
    assert dark != light
    page.open(forget=False)
    assert ground() == dark


def test_states_of_stages_are_told_by_more_than_colour(page: Page) -> None:
    page.speak("One more time.")
    page.speak()
    labels = page.run("return [...document.querySelectorAll('[data-stage]')].map(g => g.getAttribute('aria-label'))")
    assert labels[0] == "normalize cached: from the cache"
    assert page.run("return document.querySelector('[data-stage=normalize] .time').textContent") == "cached"
    page.click(".card details summary")
    assert page.texts("#stage-table tbody tr")[0] == "normalize 0 1 –"

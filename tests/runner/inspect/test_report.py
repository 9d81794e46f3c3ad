"""The page of `run --report`: its content, and a browser that shows it without a network and without errors."""

from __future__ import annotations

import base64
import io
import re
import shlex
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.browser import open_chromium
from tests.runner.conftest import Run

SAY = ("--phonemes", "hɛ")
VOID = {"meta", "link", "img", "br"}
SOUND = r'<svg class="sound" [^>]*aria-label="([^"]+)"'


@pytest.fixture
def page(run: Run, timed_graph: Path) -> str:
    """The report about one short line, all of whose stages ran."""
    assert run(timed_graph, *SAY, "--report", "out.html", "-q") == (0, "", "")
    return Path("out.html").read_text("utf-8")


class Page(HTMLParser):
    """Every element is closed, in the order in which they were opened; addresses are collected."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_holds_all_it_needs(page: str) -> None:
    found = Page(page)
    assert all(address.startswith("data:") for address in found.addresses)
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r"(?:@import|url\()(?!#)", page)


def test_page_shows_stages_pictures_and_ports(page: str) -> None:
    assert re.findall(r'data-stage="([^"]+)"', page) == ["tokenize", "tones"]
    assert re.findall(SOUND, page) == ["waveform, spectrogram, symbols, alignment"]
    for port in ("input_ids", "text_mask", "audio", "durations"):
        assert f"<code>{port}</code>" in page
    value = "<td>cpu:0</td><td><code>float32[2400]</code></td><td class=num>9.4 KiB</td><td class=num>0</td>"
    assert value in page


def test_head_names_the_command_and_the_voice(run: Run, voiced_graph: Path) -> None:
    for options, voice in (((), "low"), (("--voice", "low*2+high"), "low*2+high")):
        assert run(voiced_graph, *SAY, *options, "--report", "it's.html", "-q")[0] == 0
        page = Path("it's.html").read_text("utf-8")
        command = shlex.join(["kokoro-run", str(voiced_graph), *SAY, *options, "--report", "it's.html", "-q"])
        assert f"<pre class=command>{escape(command)}</pre>" in page
        assert f"<div><b>{voice}</b><span>voice</span></div>" in page


def test_stages_are_summed_up_over_all_runs(run: Run, timed_graph: Path) -> None:
    Path("ipa.txt").write_text("h\nɛ\nh\n", "utf-8")
    assert run(timed_graph, "--input", "ipa.txt", "--report", "r.html", "-q")[0] == 0
    table = re.search(r'<table class="totals">.*?</table>', Path("r.html").read_text("utf-8"))
    assert table is not None
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table[0])[1:]]
    assert [row[:4] for row in rows] == [
        ["tokenize", "cpu:0", "2", "1"], ["tones", "cpu:0", "2", "1"], ["all", "", "4", "2"],
    ]  # fmt: skip
    assert sum(float(row[5].rstrip("%")) for row in rows[:-1]) == pytest.approx(100, abs=0.11)


def test_page_says_why_each_stage_ran_or_did_not(run: Run, timed_graph: Path, page: str) -> None:
    assert page.count("nothing is kept for this stage</small>") == 2
    run(timed_graph, *SAY, "--speed", "2", "--report", "again.html", "-q")
    again = Path("again.html").read_text("utf-8")
    assert re.findall(r"<br>([^<]+)</small>", again) == ["its results are in the cache", "params.speed 1.0 -&gt; 2.0"]


def test_page_plays_the_audio_of_every_run(run: Run, timed_graph: Path) -> None:
    Path("ipa.txt").write_text("h\nɛh\n", "utf-8")
    run(timed_graph, "--input", "ipa.txt", "--report", "r.html", "-q", "-o", "out/")
    page = Path("r.html").read_text("utf-8")
    played = [base64.b64decode(text) for text in re.findall(r'src="data:audio/flac;base64,([^"]+)"', page)]
    for path, flac in zip(sorted(Path("out").glob("*.wav")), played, strict=True):
        assert np.abs(soundfile.read(path)[0] - soundfile.read(io.BytesIO(flac))[0]).max() <= 1 / 32768
    assert "audio: 0.07 s at 24 kHz, peak 0.0" in page


def test_stage_that_was_kept_is_drawn_so(run: Run, timed_graph: Path, page: str) -> None:
    assert 'class="stage run" data-stage="tones"' in page
    assert run(timed_graph, *SAY, "--report", "again.html", "-q")[0] == 0
    again = Path("again.html").read_text("utf-8")
    assert 'class="stage hit" data-stage="tones"' in again
    assert "tones: hit</title>" in again
    assert re.findall(SOUND, again) == ["waveform, spectrogram, symbols, alignment"]


def test_report_and_audio_are_of_one_run(run: Run, timed_graph: Path) -> None:
    run(timed_graph, *SAY, "-q", "-o", "plain.wav", "--no-cache")
    code, _, _ = run(timed_graph, *SAY, "-q", "-o", "told.wav", "--report", "r.html", "--trace", "t.json", "--no-cache")
    assert code == 0
    assert Path("told.wav").read_bytes() == Path("plain.wav").read_bytes()
    assert Path("t.json").is_file()


def test_what_was_written_in_the_line_is_text_in_the_page(run: Run, toy_graph: Path, toy_root: Path) -> None:
    command = (toy_graph, "--until", "scaled", "--skip-unknown", "--report", "r.html", "--build-dir", toy_root, "-q")
    code, _, err = run(*command, "--phonemes", "h<script>&")
    assert code == 0, err
    text = Path("r.html").read_text("utf-8")
    Page(text)
    assert "h&lt;script&gt;&amp;" in text
    assert "<h3>Sound</h3>" not in text
    assert "<td>output</td><td><code>scaled.y</code></td><td><code>float32[1, text]</code></td>" in text


def test_every_line_has_its_part_of_the_page(run: Run, timed_graph: Path) -> None:
    Path("ipa.txt").write_text("h\nɛ\n", "utf-8")
    assert run(timed_graph, "--input", "ipa.txt", "--report", "r.html", "-q")[0] == 0
    assert Path("r.html").read_text("utf-8").count('<svg class="graph"') == 2


def test_too_many_lines_are_refused_before_anything_is_spoken(run: Run, timed_graph: Path) -> None:
    Path("ipa.txt").write_text("h\n" * 17, "utf-8")
    code, _, err = run(timed_graph, "--input", "ipa.txt", "--report", "r.html")
    assert (code, err) == (2, "a report holds 1 to 16 utterances, this run has 17; give fewer lines\n")
    assert sorted(path.name for path in Path().iterdir()) == ["ipa.txt"]


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium; skips the test where Debian's packages chromium and chromium-driver are not installed."""
    with open_chromium("--window-size=1320,1000") as driver:
        yield driver


PLAYED = """
const [audio, done] = [document.querySelector("audio"), arguments[0]];
const tell = () => done([audio.duration, audio.controls, audio.error && audio.error.message]);
if (audio.readyState > 0 || audio.error) tell();
audio.onloadedmetadata = audio.onerror = tell;
"""
SEEN = """
const box = e => { const r = e.getBoundingClientRect(); return [r.width, r.height]; };
const of = s => [...document.querySelectorAll(s)];
return {
  graph: of("svg.graph").map(box), timeline: of("svg.timeline").map(box), stages: of("[data-stage] rect").map(box),
  sound: of("svg.sound").map(box), pictures: of("svg.sound image").map(box), rows: of("table.ports tbody tr").length,
  overlapping: of("svg.graph g").some((a, i, all) => all.slice(i + 1).some(b => {
    const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
    return p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom; })),
  spilling: of("svg.graph g").filter(g => [...g.querySelectorAll("text")].some(t =>
    t.getBBox().width > g.querySelector("rect").getBBox().width)).map(g => g.textContent),
  sideways: document.documentElement.scrollWidth > window.innerWidth,
};
"""


@pytest.mark.usefixtures("page")
def test_browser_shows_graph_and_pictures_without_an_error(browser: Any) -> None:
    browser.get(Path("out.html").absolute().as_uri())
    assert browser.execute_async_script(PLAYED) == [pytest.approx(0.1), True, None]
    seen = browser.execute_script(SEEN)
    assert browser.get_log("browser") == []
    assert all(width > 800 and height > 50 for width, height in [*seen["graph"], *seen["timeline"]])
    assert len(seen["stages"]) == 2
    assert all(width > 50 for width, _ in seen["stages"])
    for kind in ("sound", "pictures"):
        assert len(seen[kind]) == 1
        assert all(width > 800 and height > 150 for width, height in seen[kind])
    assert (seen["rows"], seen["overlapping"], seen["spilling"], seen["sideways"]) == (6, False, [], False)
    browser.set_window_size(620, 900)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    requests = [entry["message"] for entry in browser.get_log("performance") if "requestWillBeSent" in entry["message"]]
    assert not [text for text in requests if re.search(r'"url":"(?!data:|file:)', text)]

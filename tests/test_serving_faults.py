"""`kokoro-run serve` when its process is killed, its files are replaced, or a disk is full; and what it refuses."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from runner.build.build import build
from runner.graph.load import load_graph
from runner.speech.speaker import with_durations
from tests.console import run_command
from tests.served import Served, start_server
from tests.systems import read_command

TEXTS = ["The north wind and the sun were disputing which was the stronger.", "They agreed, at last, to try it."]
LONG = " ".join(TEXTS * 12)
WAV_HEADER = 44


@pytest.fixture(scope="module")
def build_dir(cache_folder: Path) -> Path:
    """A build root that holds the libraries of the text graph."""
    build(with_durations(load_graph("text")), cache_folder / "build")
    return cache_folder / "build"


def ask(served: Served, text: str) -> bytes:
    """Ask a server for the samples of a text."""
    body = {"model": "kokoro", "input": text, "response_format": "pcm"}
    return httpx.post(f"{served.url}/v1/audio/speech", json=body, timeout=60).raise_for_status().content


@pytest.fixture(scope="module")
def samples(build_dir: Path) -> Callable[[str], bytes]:
    """The samples of a text, by a server that nothing happens to."""

    @functools.cache
    def find(text: str) -> bytes:
        with start_server(build_dir, None) as served:
            return ask(served, text)

    return find


def test_killed_server_leaves_no_answer_that_looks_whole_and_a_cache_that_is(
    build_dir: Path, samples: Callable[[str], bytes], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    body = {"model": "kokoro", "input": LONG, "response_format": "wav"}
    with start_server(build_dir, tmp_path, "--port", port) as served:
        with httpx.stream("POST", f"{served.url}/v1/audio/speech", json=body) as answer:
            blocks = answer.iter_bytes()
            next(blocks)
            served.process.kill()
            with pytest.raises(httpx.RemoteProtocolError):
                list(blocks)
        assert served.process.wait() == -signal.SIGKILL
    with start_server(build_dir, tmp_path, "--port", port) as again:
        assert ask(again, LONG) == samples(LONG)


def test_files_that_are_replaced_harm_no_server_that_runs(
    build_dir: Path, samples: Callable[[str], bytes], tmp_path: Path
) -> None:
    own = tmp_path / "build"
    shutil.copytree(build_dir, own)
    files = [file for file in own.rglob("*") if file.is_file()]
    with start_server(own, None) as served:
        for file in files[::2]:
            other = file.with_name("other")
            other.write_bytes(b"nothing that a server could use")
            other.replace(file)
        for file in files[1::2]:
            file.unlink()
        assert [ask(served, text) for text in TEXTS] == [samples(text) for text in TEXTS]
    with start_server(own, None) as again:
        assert any("built" in line or "building" in line for line in again.told), again.told
        assert ask(again, TEXTS[0]) == samples(TEXTS[0])


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """A command that starts another one where the folder `small` is a disk of its own, of 300 kB."""
    (tmp_path / "small").mkdir()
    script = 'mount -t tmpfs -o size=300k none "$0" && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(tmp_path / "small")]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no disk can be mounted here")
    return ["env", f"TMPDIR={tmp_path / 'small'}", *command]


def test_full_disk_harms_no_request(
    build_dir: Path, samples: Callable[[str], bytes], small_disk: list[str], tmp_path: Path
) -> None:
    """Neither the cache nor finished audio has a place to lie."""
    with start_server(build_dir, tmp_path / "small" / "cache", before=small_disk) as served:
        for _ in range(2):
            assert ask(served, LONG) == samples(LONG)
        assert [ask(served, text) for text in TEXTS] == [samples(text) for text in TEXTS]
        left = os.statvfs(f"/proc/{served.process.pid}/root{tmp_path}/small")
        assert left.f_bavail * left.f_bsize < 100_000
    assert served.process.wait() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "speech.example.org"])
def test_public_address_without_a_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    monkeypatch.delenv("KOKORO_RUN_API_KEY", raising=False)
    status, _, told = run_command(monkeypatch, capsys, "serve", "--host", host)
    assert status == 2
    assert f"--host {host}: is public, and requests need no key; give --api-key-file FILE" in " ".join(told.split())


@pytest.mark.parametrize("key", ["too-short", "with spaces in the key", "schlüssel-der-nicht-geht", "\n"])
def test_key_that_no_header_can_have_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, key: str
) -> None:
    file = tmp_path / "key"
    file.write_text(key, encoding="utf-8")
    status, _, told = run_command(monkeypatch, capsys, "serve", "--api-key-file", file)
    assert status == 2
    assert f"{file}: the key has {len(key.strip())} characters" in " ".join(told.split())
    assert not key.strip() or key not in told


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--voice-alias=bright=hihg", "--voice-alias bright=hihg: no voice 'hihg'; did you mean 'high'?"),
        ("--voice-alias=low=high", "--voice-alias low=high: the model has a voice 'low'; choose another name"),
        ("--voice-alias=bright", "--voice-alias bright: expected NAME=VOICE, such as nova=af_bella"),
        ("--voice-alias= =low", "expected NAME=VOICE"),
        ("--drain=inf", "inf is no number of seconds"),
        ("--drain=nan", "nan is no number of seconds"),
        ("--timeout=inf", "inf is no number of seconds"),
        ("--timeout=nan", "nan is no number of seconds"),
        ("--timeout=0.5", "0.5 is not in the range"),
        ("--max-audio=inf", "inf is no number of seconds"),
    ],
)
def test_option_that_means_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    build_dir: Path,
    tmp_path: Path,
    option: str,
    said: str,
) -> None:
    places = ("--build-dir", build_dir, "--cache-dir", tmp_path)
    status, _, told = run_command(monkeypatch, capsys, "serve", "--port", "0", *places, option)
    assert status == 2
    assert said in " ".join(told.split())


def test_other_name_of_a_voice_is_listed_and_speaks(build_dir: Path) -> None:
    with start_server(build_dir, None, "--voice-alias", "nova=high", "--voice-alias", " bright = high") as served:
        voices = httpx.get(f"{served.url}/v1/audio/voices").json()["voices"]
        assert {voice["id"]: voice["name"] for voice in voices}.items() >= {
            ("nova", "nova (high)"),
            ("bright", "bright (high)"),
            ("alloy", "alloy (default)"),
        }
        spoken = {
            name: httpx.post(
                f"{served.url}/v1/audio/speech",
                json={"model": "kokoro", "input": TEXTS[1], "voice": name, "response_format": "pcm"},
                timeout=60,
            ).content
            for name in ("high", "nova", "bright", "low")
        }
    assert spoken["nova"] == spoken["bright"] == spoken["high"] != spoken["low"]


def test_log_that_cannot_be_written_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _, told = run_command(monkeypatch, capsys, "serve", "--log", tmp_path / "none" / "a.log")
    assert status == 2
    assert f"{tmp_path}/none/a.log: cannot be written: No such file or directory" in " ".join(told.split())


def test_key_is_neither_shown_nor_among_the_words_of_the_process(build_dir: Path, tmp_path: Path) -> None:
    key, file = "f3b1c0ffee5ca1ab1e0f00d5", tmp_path / "key"
    file.write_text(f"{key}\n", encoding="utf-8")
    with start_server(build_dir, None, "--api-key-file", str(file)) as served:
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"{served.url}/v1/models", headers=headers).status_code == 200
        assert httpx.get(f"{served.url}/v1/models").status_code == 401
        words = read_command(served.process.pid)
        figures = httpx.get(f"{served.url}/metrics", headers=headers).text
    assert str(file) in words
    assert key not in words
    assert key not in figures
    assert served.told
    assert key not in "".join(served.told)

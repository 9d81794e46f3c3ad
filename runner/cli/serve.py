"""`kokoro-run serve`: answers requests for speech, by HTTP and Wyoming."""

from __future__ import annotations

import ipaddress
import math
import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli import options
from runner.cli.command import Command
from runner.cli.completers import complete_graph
from runner.errors import RunError, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.cache.cache import Cache
    from runner.graph.types import Graph
    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings

KEY_VARIABLE = "KOKORO_RUN_API_KEY"
_SHORTEST_KEY = 16  # characters; fewer can be guessed
_PACKAGES = ("prometheus_client", "starlette", "uvicorn")


class _Seconds(click.FloatRange):
    """A time, which ends."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return seconds


@click.command(cls=Command)
@click.argument("graph", default="text", shell_complete=complete_graph)
@options.overlay_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 is every one.")
@click.option("--port", type=click.IntRange(0, 65535), default=8880, show_default=True, help="0 is any that is free.")
@click.option("--workers", type=click.IntRange(1, 64), help="Parts that are spoken at a time.  [default: 1]")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads of all kernels.  [default: one a core]")
@click.option(
    "--api-key-file",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"File of the key that requests must have.  [default: ${KEY_VARIABLE}, else none]",
)
@click.option(
    "--voice-alias",
    "aliases",
    multiple=True,
    metavar="NAME=VOICE",
    help="Another name for a voice; repeatable.",
)
@click.option("--cors", "origins", multiple=True, metavar="ORIGIN", help="Web page that may call; repeatable.")
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Name that the server is called by, such as that of a proxy; repeatable.  [default: loopback, and --host]",
)
@click.option("--queue", type=click.IntRange(1, 100_000), default=64, show_default=True, help="Requests at a time.")
@click.option(
    "--max-input",
    "longest_input",
    type=click.IntRange(1, 10_000_000),
    default=4096,
    show_default=True,
    help="Characters of a request's text.",
)
@click.option("--max-audio", "audio_s", type=_Seconds(1), default=3600, show_default=True, help="Of a request [s].")
@click.option("--timeout", "request_s", type=_Seconds(1), default=600, show_default=True, help="Of a request [s].")
@click.option(
    "--drain",
    "drain_s",
    type=_Seconds(0),
    default=30,
    show_default=True,
    help="Time that requests under way may take to end after SIGTERM [s].",
)
@click.option("--wyoming", "wyoming_port", type=click.IntRange(0, 65535), metavar="PORT", help="Speak Wyoming, too.")
@click.option("--no-page", is_flag=True, help="Serve no page at /.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option("--insecure", is_flag=True, help="Listen at a public address although requests need no key.")
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File of the log of requests.  [default: standard error]",
)
@click.option("--log-text", "logs_text", is_flag=True, help="Write what is spoken into the log of requests.")
@options.lexicon
@options.cache_options
@options.build_dir
@options.quiet
def serve(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], **given: Any) -> None:
    """Serve speech: OpenAI's endpoint /v1/audio/speech, and a page at /.  [default: text]

    GRAPH takes text or phonemes. Missing and stale libraries are built first. SIGTERM lets requests under way end.
    """
    from runner.runtime import process

    process.limit_blas_threads()
    _check_packages(given["wyoming_port"])
    given["aliases"] = read_aliases(given["aliases"])
    settings = _make_settings(given)
    from runner.serve.server import open_socket, run_server

    with open_socket(settings.host, settings.port) as listening:
        service = _make_service(graph, overlays, sets, given, settings)
        host, port = listening.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"

        def tell_started() -> None:
            if not given["quiet"]:
                click.echo(f"serving {service.pipeline.graph.path} at {url}", err=True)
            if given["opens"]:
                threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()

        run_server(service, settings, listening, tell_started)


def _check_packages(wyoming_port: int | None) -> None:
    """Refuse to start without the packages of the extras.

    Raises:
        RunError: one is not installed.
    """
    from importlib.util import find_spec

    from runner.files.locate import install_command

    for extra, names in {"serve": _PACKAGES, "wyoming": ("wyoming",) if wyoming_port is not None else ()}.items():
        absent = [name for name in names if find_spec(name) is None]
        if absent:
            raise RunError(f"{', '.join(absent)} is not installed: {install_command(extra)}")


def _make_settings(given: dict[str, Any]) -> ServeSettings:
    """Make the limits of the server.

    Raises:
        RunError: the address is public, and there is no key, or Wyoming has none; the key cannot be read; or the log
            cannot be written.
    """
    from runner.files.errors import writing
    from runner.serve.settings import VOICE_ALIASES, ServeSettings

    key = read_key(given["key_file"])
    if not key and not given["insecure"] and not is_loopback(given["host"]):
        raise RunError(
            f"--host {given['host']}: is public, and requests need no key; give --api-key-file FILE or "
            f"${KEY_VARIABLE}, or say --insecure"
        )
    if given["wyoming_port"] is not None and not given["insecure"] and not is_loopback(given["host"]):
        raise RunError(
            f"--host {given['host']}: is public, and Wyoming has no key; say --insecure if a firewall, or a network of "
            "containers, keeps others from its port"
        )
    if given["log"] is not None:
        with writing(given["log"]):
            given["log"].open("a").close()
    limits = ("longest_input", "audio_s", "queue", "request_s", "drain_s")
    names = ("host", "port", "origins", "hosts", *limits, "wyoming_port", "log")
    return ServeSettings(
        key=key,
        page=not given["no_page"],
        logs_text=given["logs_text"],
        aliases={**VOICE_ALIASES, **given["aliases"]},
        **{name: given[name] for name in names},
    )


def read_aliases(given: Sequence[str]) -> dict[str, tuple[str]]:
    """Read other names of voices, each spelled NAME=VOICE.

    Raises:
        RunError: one is spelled otherwise.
    """
    found: dict[str, tuple[str]] = {}
    for each in given:
        name, _, voice = (part.strip() for part in each.partition("="))
        if not name or not voice or set(name) & set("+*(),"):
            raise RunError(f"--voice-alias {each}: expected NAME=VOICE, such as nova=af_bella")
        found[name] = (voice,)
    return found


def read_key(file: Path | None) -> str:
    """Read the key of requests: that of a file, else that of the environment; '' for none.

    Raises:
        RunError: the file cannot be read, or the key is too short, or has characters that no header has.
    """
    from runner.files.errors import reading

    origin = f"${KEY_VARIABLE}" if file is None else str(file)
    if file is None:
        key = os.environ.get(KEY_VARIABLE, "")
        if not key:
            return ""
    else:
        with reading(file):
            key = file.read_text(encoding="utf-8", errors="replace")
    key = key.strip()
    if len(key) < _SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise RunError(
            f"{origin}: the key has {len(key)} characters, expected at least {_SHORTEST_KEY} of ASCII without spaces; "
            "make one by: openssl rand -hex 32"
        )
    return key


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make_service(
    graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], given: dict[str, Any], settings: ServeSettings
) -> Service:
    """Load the graph, build what is missing, and load the libraries."""
    from runner.build.staleness import stale
    from runner.cli.building import build_stale
    from runner.cli.settings import Settings
    from runner.cli.user_lexicon import check_lexicon
    from runner.engine.pipeline import Pipeline
    from runner.runtime import process
    from runner.runtime.threads import available_threads
    from runner.serve.service import Service
    from runner.serve.voices import NamedVoices
    from runner.speech.model import VOICE
    from runner.speech.speaker import with_durations

    shared = Settings(lexicon=given["lexicon"], no_cache=given["no_cache"], cache_dir=given["cache_dir"])
    cache: Cache | None = shared.open_cache()
    checked: Graph = with_durations(options.load(graph, overlays, sets, cache))
    build_dir = given["build_dir"]
    build_stale(checked, build_dir, stale(checked, build_dir), quiet=given["quiet"])
    process.use_heap(is_shared=True)
    threads = given["threads"] or available_threads()
    voices = NamedVoices(checked, settings.aliases)
    for name, (voice, *_) in given["aliases"].items():
        if name in voices.names:
            raise RunError(f"--voice-alias {name}={voice}: the model has a voice '{name}'; choose another name")
        if voice not in voices.names:
            raise RunError(f"--voice-alias {name}={voice}: no voice '{voice}'{suggest(voice, voices.names)}")
    workers = given["workers"] or 1
    pipeline = Pipeline(checked, build_dir, threads, cache=cache, resolvers={VOICE: voices.resolve}, workers=workers)
    check_lexicon(checked, pipeline.config, shared)
    pipeline.load()
    sys.setswitchinterval(0.001)  # the loop of requests gets its turn while Python stages run
    service = Service(pipeline, voices, settings, shared.params)
    service.warm_up()
    return service

"""The limits of a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_PORT = 8880
# Names of OpenAI's voices -> preferred voices of Kokoro, of which the first that the model has is taken, else its own.
VOICE_ALIASES: Mapping[str, tuple[str, ...]] = {
    "alloy": ("af_alloy",),
    "ash": ("am_adam",),
    "ballad": ("bm_lewis",),
    "coral": ("af_bella",),
    "echo": ("am_echo",),
    "fable": ("bm_fable",),
    "nova": ("af_nova",),
    "onyx": ("am_onyx",),
    "sage": ("af_sarah",),
    "shimmer": ("bf_emma",),
    "verse": ("am_michael",),
    "marin": ("af_heart",),
    "cedar": ("am_fenrir",),
}
MODEL_NAMES = ("kokoro", "tts-1", "tts-1-hd", "gpt-4o-mini-tts")


@dataclass(frozen=True)
class ServeSettings:
    """What a server allows.

    Attributes:
        host, port: that it listens at.
        key: that a request must have; '' for none.
        origins: of web pages that may call it, beside its own.
        hosts: names in the header Host that are answered, beside addresses, `localhost` and `host`.
        longest_input: characters of a request's text.
        audio_s: that a request may give [s].
        longest_body: bytes of a request's body.
        queue: requests that are spoken or wait; one more is refused.
        length_s: the time that may be spent on finding the length of the whole before the first part [s].
        request_s: the time that a request may take [s].
        stall_s: the time that a client may take to read or write nothing [s].
        drain_s: the time that requests may take to end when the server is told to [s].
        result_s, result_bytes: how long, and how much, finished audio is kept.
        logs_text: whether what is spoken is logged.
        aliases: other names of voices.
        models: names of the model that requests may use.
        wyoming_port: that Wyoming listens at; None for no Wyoming.
        page: whether the page is served.
        log: the file of the request log; None for standard error.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    key: str = field(default="", repr=False)
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    longest_input: int = 4096
    audio_s: float = 3600.0
    longest_body: int = 1 << 20
    queue: int = 64
    length_s: float = 0.3
    request_s: float = 600.0
    stall_s: float = 60.0
    drain_s: float = 30.0
    result_s: float = 600.0
    result_bytes: int = 256 << 20
    logs_text: bool = False
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: VOICE_ALIASES)
    models: tuple[str, ...] = MODEL_NAMES
    wyoming_port: int | None = None
    page: bool = True
    log: Path | None = None

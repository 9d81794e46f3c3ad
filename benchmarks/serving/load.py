"""Sends requests from a number of clients at a time, and notes what came back."""

from __future__ import annotations

import asyncio
import hashlib
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

RATE_HZ, WAV_HEADER = 24_000, 44


@dataclass
class Answers:
    """What came back.

    Attributes:
        seconds: that the load took.
        audio_s: seconds of audio.
        first_s: from each request to its first sample [s].
        wrong: texts whose samples were others than they should be.
        refused: requests that found the queue full.
        failed: what else went wrong.
        exact: answers whose length was known before the first sample.
    """

    seconds: float = 0.0
    audio_s: float = 0.0
    first_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    exact: int = 0

    def find_rate(self) -> float:
        """Seconds of audio that came in a second."""
        return self.audio_s / self.seconds

    def summarise(self) -> dict[str, Any]:
        """Make the line of a table."""
        cuts = statistics.quantiles(self.first_s, n=100) if len(self.first_s) > 1 else [0.0] * 99
        return {
            "requests": len(self.first_s),
            "audio_per_second": round(self.find_rate(), 3),
            "first_audio_ms": {name: round(1000 * cuts[at]) for name, at in (("p50", 49), ("p95", 94), ("p99", 98))},
            "refused": self.refused,
            "wrong": len(self.wrong),
            "failed": self.failed[:5],
            "failures": len(self.failed),
            "length_known": self.exact,
        }


def ask(
    url: str, texts: Sequence[str], clients: int, seconds: float, expected: Mapping[str, str], **given: Any
) -> Answers:
    """Ask for texts, again and again, from so many clients for so long.

    Args:
        expected: text -> digest of its samples; none for one that is not known.
        given: other fields of the requests.
    """
    return asyncio.run(_ask(url, texts, clients, seconds, expected, given))


async def _ask(
    url: str, texts: Sequence[str], clients: int, seconds: float, expected: Mapping[str, str], given: Mapping[str, Any]
) -> Answers:
    answers, start = Answers(), time.perf_counter()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=600) as client:
        turn = iter(range(10**9))

        async def work() -> None:
            while time.perf_counter() - start < seconds:
                await _ask_once(client, texts[next(turn) % len(texts)], expected, given, answers)

        await asyncio.gather(*(work() for _ in range(clients)))
    answers.seconds = time.perf_counter() - start
    return answers


async def _ask_once(
    client: httpx.AsyncClient, text: str, expected: Mapping[str, str], given: Mapping[str, Any], answers: Answers
) -> None:
    began = time.perf_counter()
    data, first = bytearray(), None
    try:
        body = {"model": "kokoro", "input": text, "response_format": "wav", **given}
        async with client.stream("POST", "/v1/audio/speech", json=body) as response:
            if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                answers.refused += 1
                await asyncio.sleep(float(response.headers.get("retry-after", 1)))
                return
            response.raise_for_status()
            async for block in response.aiter_bytes():
                data += block
                if first is None and len(data) > WAV_HEADER:
                    first = time.perf_counter() - began
            answers.exact += "content-length" in response.headers
    except httpx.HTTPError as error:
        answers.failed.append(f"{type(error).__name__}: {error}")
        return
    answers.first_s.append(first or 0.0)
    answers.audio_s += (len(data) - WAV_HEADER) / 2 / RATE_HZ
    if text in expected and digest(bytes(data[WAV_HEADER:])) != expected[text]:
        answers.wrong.append(text)


def digest(samples: bytes) -> str:
    """The digest of samples, as they are sent."""
    return hashlib.sha256(samples).hexdigest()


def disconnect(url: str, texts: Sequence[str], count: int, clients: int, seed: int = 1) -> int:
    """Send requests, and go away after a random time, some before the first byte; gives those that went."""
    return asyncio.run(_disconnect(url, texts, count, clients, random.Random(seed)))


async def _disconnect(url: str, texts: Sequence[str], count: int, clients: int, chance: random.Random) -> int:
    gone, turn = 0, iter(range(count))
    async with httpx.AsyncClient(base_url=url, timeout=600) as client:

        async def work() -> None:
            nonlocal gone
            for number in turn:
                body = {"model": "kokoro", "input": texts[number % len(texts)], "response_format": "wav"}
                try:
                    async with asyncio.timeout(chance.expovariate(4)):
                        async with client.stream("POST", "/v1/audio/speech", json=body) as response:
                            async for _ in response.aiter_bytes():
                                pass
                except (TimeoutError, httpx.HTTPError):
                    gone += 1

        await asyncio.gather(*(work() for _ in range(clients)))
    return gone

"""Sends an answer piece by piece, while its client is there to read it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from starlette.types import Receive, Send

_PIECE = 32 << 10  # bytes: a slow reader takes some of these in the time after which it counts as gone


class GoneError(Exception):
    """The client has gone away."""


class Answer:
    """An answer that is sent as it is made.

    Attributes:
        is_begun: whether a status has been sent: an error can only break it off.
    """

    def __init__(self, send: Send) -> None:
        """Send nothing yet."""
        self._send = send
        self.is_begun = False

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Send the status 200 and headers."""
        self.is_begun = True
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a part of the body; returns when the client has taken nearly all of what was sent before."""
        for start in range(0, len(data), _PIECE):
            piece = bytes(data[start : start + _PIECE])
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        """Say that this was all."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def while_connected(receive: Receive, work: Coroutine[object, object, None]) -> None:
    """Do `work` until it is done, or the client goes away.

    Args:
        receive: of the request, whose body has been read.

    Raises:
        GoneError: the client has gone away; the work was cancelled.
    """
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_wait_until_gone(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise GoneError
        working.result()
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

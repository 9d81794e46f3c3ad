"""Reads and writes the events of Wyoming, within limits: the client is not trusted to be fast, or to say true lengths.

{"type": "synthesize", "data": {...}, "data_length": 20, "payload_length": 0}\n   {"text": "Hello."}   payload
-------------- a line of JSON ---------------------------------------------   merged into its data

The package `wyoming` has the types of events. Its reader takes any length, and ends at a mistake without a word.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from wyoming.event import Event, async_write_event

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

LONGEST_LINE = 1 << 16  # bytes of the line of JSON
_LAST_S = 2.0


class ProtocolError(Exception):
    """A client does not speak Wyoming."""


class Stream:
    """A connection as events."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, *, longest: int, stall_s: float) -> None:
        """Wrap a connection, whose reader has the limit `LONGEST_LINE`.

        Args:
            longest: bytes of an event's data, and of its payload.
            stall_s: the time that the rest of an event may take, and that a client may read nothing [s].
        """
        self._reader, self._writer, self._longest, self._stall_s = reader, writer, longest, stall_s
        self._writing = asyncio.Lock()

    async def read(self, idle_s: float) -> Event | None:
        """Read an event, without its payload; None at the end.

        Args:
            idle_s: the time until its line is there [s].

        Raises:
            TimeoutError: the line is not there yet; it may be waited for again.
            ProtocolError: this is no event, it is too long, or its rest does not come in time.
            OSError: the connection is lost.
        """
        try:
            async with asyncio.timeout(idle_s):
                line = await self._reader.readline()
        except ValueError:  # what StreamReader raises beyond its limit
            raise ProtocolError(f"the line of an event has more than {LONGEST_LINE} bytes") from None
        if not line.endswith(b"\n"):
            return None
        try:
            async with asyncio.timeout(self._stall_s):
                return await self._read_rest(_parse(line, "the line of an event"))
        except TimeoutError:
            raise ProtocolError(f"the rest of an event did not come in {self._stall_s:g} s") from None

    async def _read_rest(self, header: dict[str, Any]) -> Event | None:
        kind, data = header.get("type"), header.get("data") or {}
        if not isinstance(kind, str) or not isinstance(data, dict):
            raise ProtocolError('an event has a "type", which is a string, and "data", which is an object')
        try:
            more = await self._reader.readexactly(self._find_length(header, "data_length"))
            await self._skip(self._find_length(header, "payload_length"))
        except asyncio.IncompleteReadError:
            return None
        return Event(kind, {**data, **(_parse(more, "the data of an event") if more else {})})

    def _find_length(self, header: dict[str, Any], name: str) -> int:
        length = header.get(name) or 0
        if not isinstance(length, int) or not 0 <= length <= self._longest:
            raise ProtocolError(f"{name}: expected a number of bytes, at most {self._longest}")
        return length

    async def _skip(self, count: int) -> None:
        """Read a payload, which no event has that is answered here."""
        while count:
            count -= len(await self._reader.readexactly(min(count, LONGEST_LINE)))

    async def write(self, event: Event) -> None:
        """Write an event; waits while the client is behind.

        Raises:
            OSError: the connection is lost, or the client reads nothing.
        """
        try:
            async with self._writing, asyncio.timeout(self._stall_s):
                await async_write_event(event, self._writer)
        except TimeoutError:
            self._writer.transport.abort()
            raise ConnectionAbortedError(f"the client has read nothing for {self._stall_s:g} s") from None

    async def close(self) -> None:
        """Close the connection so that the client gets what was written.

        What a client sends that is not read would take that from it: it gets a moment to see the end first.
        """
        try:
            async with asyncio.timeout(min(_LAST_S, self._stall_s)):
                self._writer.write_eof()
                while await self._reader.read(LONGEST_LINE):
                    pass
        except (OSError, TimeoutError):
            pass
        self._writer.transport.abort()


def _parse(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError(f"{name} is no JSON") from None
    if not isinstance(found, dict):
        raise ProtocolError(f"{name} is no object of JSON")
    return found

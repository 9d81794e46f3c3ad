"""Ends connections whose client does nothing: sends no request, half of one, or does not read the answer.

uvicorn waits for such a client as long as the kernel keeps its connection, which may be for ever.
"""

from __future__ import annotations

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_LOOKS = 8  # in the time that a client may do nothing
_SHORTEST_S, _LONGEST_S = 0.02, 5.0  # between two looks


class WatchedProtocol(H11Protocol):
    """The server's side of a connection.

    Attributes:
        stall_s: the time that a client may do nothing [s].
    """

    stall_s = 60.0
    _timer: asyncio.TimerHandle | None = None
    _unsent = 0  # bytes of answers that the client had not taken at the last look
    _sent_at = 0.0  # when it last had taken some, or all
    _owes_since: float | None = None  # when the request began that has not come; None while none is awaited

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._sent_at = self._owes_since = self.loop.time()
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._timer = self.loop.call_later(min(max(self.stall_s / _LOOKS, _SHORTEST_S), _LONGEST_S), self._look)

    def _look(self) -> None:
        """End the connection if its client has done nothing for too long."""
        now = self.loop.time()
        if self._is_unread(now) or self._is_unasked(now):
            self.transport.abort()
        else:
            self._look_later()

    def _is_unread(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._sent_at = now
        self._unsent = unsent
        return now - self._sent_at > self.stall_s

    def _is_unasked(self, now: float) -> bool:
        """Whether a request has not come, or not all of it. A body has twice the time: it is refused before that."""
        state = self.conn.their_state
        if state not in (h11.IDLE, h11.SEND_BODY) or self._is_kept_alive():
            self._owes_since = None
            return False
        if self._owes_since is None:
            self._owes_since = now
        return now - self._owes_since > self.stall_s * (2 if state is h11.SEND_BODY else 1)

    def _is_kept_alive(self) -> bool:
        """Whether the client owes nothing: it has its answer, and uvicorn ends the connection if it asks no more."""
        return self.timeout_keep_alive_task is not None and self.conn.their_state is h11.IDLE


def watch_connections(stall_s: float) -> type[WatchedProtocol]:
    """Make the protocol of connections whose client may do nothing for so long [s]: `http` of `uvicorn.Config`."""
    return cast("type[WatchedProtocol]", type("WatchedProtocol", (WatchedProtocol,), {"stall_s": stall_s}))

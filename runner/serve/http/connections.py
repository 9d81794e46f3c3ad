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

    Time is counted in looks, between which the loop has read and written: one that stood still blames no client.

    Attributes:
        stall_s: the time that a client may do nothing [s].
    """

    stall_s = 60.0
    _timer: asyncio.TimerHandle | None = None
    _unsent = 0  # bytes of answers that the client had not taken at the last look
    _unread_looks = 0  # since it has taken some, or all
    _unasked_looks = 0  # since it began a request that has not come whole, or has begun none

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    @property
    def _period_s(self) -> float:
        return min(max(self.stall_s / _LOOKS, _SHORTEST_S), _LONGEST_S)

    def _look_later(self) -> None:
        self._timer = self.loop.call_later(self._period_s, self._look)

    def _look(self) -> None:
        """End the connection if its client has done nothing for too long."""
        looks = self.stall_s / self._period_s
        if self._count_unread() > looks or self._count_unasked() > looks:
            self.transport.abort()
        else:
            self._look_later()

    def _count_unread(self) -> int:
        unsent = self.transport.get_write_buffer_size()
        self._unread_looks = self._unread_looks + 1 if unsent and unsent == self._unsent else 0
        self._unsent = unsent
        return self._unread_looks

    def _count_unasked(self) -> float:
        """Count the looks at which a request had not come. Those at a body count half: it is refused before that."""
        state = self.conn.their_state
        is_awaited = state is h11.SEND_BODY or (state is h11.IDLE and not self._is_kept_alive())
        self._unasked_looks = self._unasked_looks + 1 if is_awaited else 0
        return self._unasked_looks / (2 if state is h11.SEND_BODY else 1)

    def _is_kept_alive(self) -> bool:
        """Whether the client owes nothing: it has its answer, and uvicorn ends the connection if it asks no more."""
        return self.timeout_keep_alive_task is not None


def watch_connections(stall_s: float) -> type[WatchedProtocol]:
    """Make the protocol of connections whose client may do nothing for so long [s]: `http` of `uvicorn.Config`."""
    return cast("type[WatchedProtocol]", type("WatchedProtocol", (WatchedProtocol,), {"stall_s": stall_s}))

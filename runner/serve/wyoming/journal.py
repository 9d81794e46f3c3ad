"""Tells how turns ended: to the log of requests, and to the client."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from wyoming.error import Error

from runner.errors import KokoroError
from runner.serve.http.journal import Entry, log_failure
from runner.serve.service import BusyError
from runner.serve.wyoming.protocol import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wyoming.event import Event

    from runner.serve.http.errors import Refusals
    from runner.serve.http.request_log import RequestLog
    from runner.serve.wyoming.turns import Turn

_SERVER_ERRORS = 500


class Journal:
    """Where turns and errors are told."""

    def __init__(self, log: RequestLog, refusals: Refusals, rate_hz: int, *, logs_text: bool) -> None:
        """Keep where.

        Args:
            rate_hz: of the audio.
            logs_text: whether the log has what is spoken.
        """
        self._log, self._refusals, self._rate_hz, self._logs_text = log, refusals, rate_hz, logs_text

    @contextlib.contextmanager
    def noting(self, turn: Turn, find_cause: Callable[[], str]) -> Iterator[None]:
        """Write a line for a turn, which is spoken in this block.

        Args:
            find_cause: gives the outcome of a turn that is cancelled: gone, broken or late.
        """
        entry, start = Entry(), time.perf_counter()
        outcome = ""
        try:
            yield
            outcome = "ok"
        except Exception as error:
            outcome = self._find_outcome(error)
            if outcome == "failed":
                log_failure(entry, error)
            raise
        except asyncio.CancelledError:
            outcome = find_cause()
            raise
        finally:
            line: dict[str, Any] = {
                "id": entry.id,
                "method": "wyoming",
                "path": "synthesize-start" if turn.streams else "synthesize",
                "outcome": outcome,
                "seconds": round(time.perf_counter() - start, 4),
                "audio_seconds": round(turn.samples / self._rate_hz, 3),
                "characters": turn.characters,
            }
            self._log.write(line | ({"text": turn.text} if self._logs_text else {}))

    def answer(self, error: BaseException) -> Event | None:
        """Make the event that tells an error; None if there is nobody to be told."""
        if _is_of_connection(error):
            return None
        if isinstance(error, ProtocolError):
            return Error(str(error), "protocol").event()
        told = self._refusals.convert(error)
        return Error(str(told), told.code or ("failed" if told.status >= _SERVER_ERRORS else "invalid")).event()

    @staticmethod
    def _find_outcome(error: Exception) -> str:
        if isinstance(error, KokoroError | BusyError):
            return "refused"
        if isinstance(error, TimeoutError):
            return "late"
        return "gone" if _is_of_connection(error) else "failed"


def _is_of_connection(error: BaseException) -> bool:
    return isinstance(error, OSError) and not isinstance(error, TimeoutError)  # which is an OSError

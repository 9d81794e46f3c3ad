"""Answers a request with what the service speaks for it, until the end, or until its client goes or its time is up.

submit --> answer.send(request) --> the client
                 |
                 an error: it has its status while nothing is sent; later, it breaks the answer off
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from runner.errors import EditError, KokoroError, LineError, WeightsError
from runner.serve.http.journal import find_entry, log_failure
from runner.serve.http.sending import GoneError, while_connected
from runner.speech.model import VOICE

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from runner.serve.http.errors import HttpError, Refusals
    from runner.serve.http.journal import Entry
    from runner.serve.http.speech_body import SpeechBody
    from runner.serve.service import Request, Service
    from runner.serve.utterance import Utterance

_LAST_S = 1.0  # for what is spoken when the time is up, and to say so
_EDITS, _LANG = "edits", "lang"  # fields


class SpokenAnswer(Protocol):
    """An answer that is made of the events of a request."""

    @property
    def is_begun(self) -> bool:
        """Whether a status has been sent."""
        ...

    @property
    def audio_s(self) -> float:
        """The audio that was sent [s]."""
        ...

    async def send(self, request: Request) -> None:
        """Send all of it."""
        ...

    async def break_off(self, error: HttpError) -> None:
        """Say what is wrong, if there is a place for it."""
        ...


class Answering:
    """Speaks for clients of HTTP."""

    def __init__(self, service: Service, refusals: Refusals) -> None:
        """Take what speaks."""
        self._service, self._refusals = service, refusals

    async def answer(
        self, scope: Scope, receive: Receive, utterance: Utterance, body: SpeechBody, answer: SpokenAnswer
    ) -> None:
        """Speak an utterance, for which a client has sent `body`.

        Raises:
            HttpError: it cannot be spoken, and nothing has been sent yet.
            GoneError: the client has gone away.
        """
        entry = find_entry(scope)
        entry.text = body.text
        try:
            await self._speak(receive, utterance, answer)
        except GoneError:  # which the journal tells
            raise
        except Exception as error:  # whatever it is, it is answered, or the answer is broken off
            refusal = await self._convert(error, body)
            if not answer.is_begun:
                raise refusal from error
            _note(entry, error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_S):
                    await answer.break_off(refusal)
        finally:
            entry.audio_s = answer.audio_s

    async def _speak(self, receive: Receive, utterance: Utterance, answer: SpokenAnswer) -> None:
        """Speak in the time that the request has, which a client that reads slowly does not lengthen."""
        request = self._service.submit(utterance)
        try:
            async with asyncio.timeout_at(request.deadline + _LAST_S):
                await while_connected(receive, answer.send(request))
        finally:
            request.close()

    async def _convert(self, error: Exception, body: SpeechBody) -> HttpError:
        """Say how an error is answered, and which field of the request it is about."""
        match error:
            case WeightsError():
                return self._refusals.convert(error, VOICE)
            case EditError():
                return self._refusals.convert(error, _EDITS)
            case LineError():
                return self._refusals.convert(error, await self._find_field(error, body))
            case _:
                return self._refusals.convert(error)

    async def _find_field(self, error: LineError, body: SpeechBody) -> str:
        """Find the field because of which a line is not spoken."""
        if isinstance(error.__cause__, EditError):
            return _EDITS
        if body.lang is not None and not await asyncio.to_thread(self._service.speaks, {_LANG: body.lang}):
            return _LANG
        return body.text_field


def _note(entry: Entry, error: Exception) -> None:
    """Note how an answer ends that has been begun."""
    entry.outcome = "late" if isinstance(error, TimeoutError) else "broken"
    if not isinstance(error, KokoroError | TimeoutError):
        log_failure(entry, error)

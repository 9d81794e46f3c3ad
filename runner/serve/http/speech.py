"""POST /v1/audio/speech: speaks, as OpenAI's endpoint of this name does."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.requests import Request

from runner.errors import KokoroError, LineError, WeightsError
from runner.serve.encoders.formats import FORMATS
from runner.serve.http.bodies import read_body
from runner.serve.http.journal import find_entry, log_failure
from runner.serve.http.result_routes import RESULTS, name_timing
from runner.serve.http.sending import Answer, GoneError, while_connected
from runner.serve.http.speech_answers import EventAnswer, SpeechAnswer
from runner.serve.http.speech_body import SpeechBody, make_utterance
from runner.speech.model import VOICE

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from runner.serve.http.errors import HttpError, Refusals
    from runner.serve.http.journal import Entry
    from runner.serve.results import Draft, ResultStore
    from runner.serve.service import Request as SpeechRequest
    from runner.serve.service import Service
    from runner.serve.settings import ServeSettings
    from runner.serve.utterance import Utterance

_STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # no proxy waits for the whole


class SpeechEndpoint:
    """Answers requests for speech; an application of ASGI."""

    def __init__(self, service: Service, settings: ServeSettings, results: ResultStore, refusals: Refusals) -> None:
        """Take what speaks, and where finished audio is kept."""
        self._service, self._settings, self._results, self._refusals = service, settings, results, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak, until the end or until the client goes away.

        Raises:
            HttpError: what is asked for cannot be spoken, and nothing has been sent yet.
        """
        body = await read_body(Request(scope, receive), SpeechBody)
        utterance = make_utterance(body, self._service.pipeline.graph, self._settings)
        entry, answer = find_entry(scope), Answer(send)
        entry.text = body.text
        draft = self._results.open(FORMATS[body.format])
        speech = self._make_speech(body, answer, draft, streams=scope["http_version"] != "1.0")
        if not utterance.needs_length:
            await speech.begin()
        request = self._submit(utterance, body)
        try:
            await while_connected(receive, self._speak(request, speech, draft))
        except GoneError:  # which the journal tells
            raise
        except Exception as error:  # whatever it is, it is answered, or the answer is broken off
            if not answer.is_begun:
                raise self._convert(error, body) from error
            await self._break_off(speech, entry, error)
        finally:
            request.close()
            entry.audio_s = speech.audio_s

    def _make_speech(self, body: SpeechBody, answer: Answer, draft: Draft, *, streams: bool) -> SpeechAnswer:
        headers = {**_STREAMED, "X-Result": f"{RESULTS}/{draft.id}"}
        if body.instructions:
            headers["X-Ignored"] = "instructions"
        timed, rate_hz = bool(body.return_timing), self._service.rate_hz
        if body.stream_format == "sse":  # whose last event says that it is the last
            return EventAnswer(answer, draft, body.format, rate_hz, headers, timed=timed)
        return SpeechAnswer(answer, draft, body.format, rate_hz, headers, timed=timed, streams=streams)

    def _submit(self, utterance: Utterance, body: SpeechBody) -> SpeechRequest:
        try:
            return self._service.submit(utterance)
        except KokoroError as error:
            raise self._convert(error, body) from None

    async def _speak(self, request: SpeechRequest, speech: SpeechAnswer, draft: Draft) -> None:
        with draft:
            await speech.send(request)
        if speech.words:
            self._keep_words(speech, draft.id)
        asyncio.get_running_loop().call_later(self._settings.result_s + 1, self._results.drop_expired)
        await speech.end()

    def _keep_words(self, speech: SpeechAnswer, id: str) -> None:  # noqa: A002 - the result's
        data = json.dumps({"words": speech.words}, ensure_ascii=False).encode()
        if self._results.reserve(len(data)):
            self._results.keep(name_timing(id), "application/json", data)

    def _convert(self, error: Exception, body: SpeechBody) -> HttpError:
        return convert_error(self._refusals, error, body)

    async def _break_off(self, speech: SpeechAnswer, entry: Entry, error: Exception) -> None:
        """Leave an answer unfinished, which closes the connection: what came of it must not look whole."""
        entry.outcome = "late" if isinstance(error, TimeoutError) else "broken"
        if not isinstance(error, KokoroError | TimeoutError):
            log_failure(entry, error)
        await speech.break_off(self._refusals.convert(error))


def convert_error(refusals: Refusals, error: Exception, body: SpeechBody) -> HttpError:
    """Say how an error is answered, and which field of the request it is about."""
    match error:
        case WeightsError():
            return refusals.convert(error, VOICE)
        case LineError():
            return refusals.convert(error, body.text_field)
        case _:
            return refusals.convert(error)

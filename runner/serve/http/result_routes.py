"""GET and HEAD of finished audio, whole or a range of it: for players that seek, and downloads that go on.

/v1/audio/results/{id}           named by the header X-Result of the answer that had the audio first
/v1/audio/results/{id}/timing    when each word is spoken, if that was asked for
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from runner.serve.http.errors import HttpError
from runner.serve.http.ranges import RangeError, read_range
from runner.serve.http.sending import Answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from runner.serve.results import Result, ResultStore

RESULTS = "/v1/audio/results"


def make_result_routes(results: ResultStore) -> list[Route]:
    """Make the routes."""

    async def give_audio(request: Request) -> Response:
        return _answer(request, request.path_params["id"], results)

    async def give_timing(request: Request) -> Response:
        return _answer(request, name_timing(request.path_params["id"]), results)

    return [Route(f"{RESULTS}/{{id}}", give_audio), Route(f"{RESULTS}/{{id}}/timing", give_timing)]


def name_timing(id: str) -> str:  # noqa: A002 - the result's
    """Name the times of a result's words in the store; no path of a result is this name."""
    return f"{id}/timing"


def _answer(request: Request, id: str, results: ResultStore) -> Response:  # noqa: A002 - the result's
    """Answer with a result, or what is asked for of it.

    Raises:
        HttpError: there is none, or no byte of the range.
    """
    result = results.find(id)
    if result is None:
        message = "there is no such result, or not any more; one that is still being spoken comes at its end"
        raise HttpError(404, message, param="id")
    tag = f'"{id}"'  # the bytes of an id never change
    headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in _list_tags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    asked = None if request.headers.get("if-range", tag) != tag else _find_range(request, result)
    if asked is None:
        return _Pieces(result, range(len(result.data)), 200, headers)
    spelled = f"bytes {asked.start}-{asked.stop - 1}/{len(result.data)}"
    return _Pieces(result, asked, 206, {**headers, "Content-Range": spelled})


def _find_range(request: Request, result: Result) -> range | None:
    size = len(result.data)
    try:
        return read_range(request.headers.get("range", ""), size)
    except RangeError:
        headers = {"Content-Range": f"bytes */{size}"}
        raise HttpError(416, f"the result has {size} bytes, and none of this range", headers=headers) from None


def _list_tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


class _Pieces(Response):
    """Bytes of a result, sent piece by piece and not copied."""

    def __init__(self, result: Result, asked: range, status: int, headers: dict[str, str]) -> None:
        super().__init__(
            status_code=status, headers={**headers, "Content-Length": str(len(asked))}, media_type=result.media_type
        )
        self._data = memoryview(result.data)[asked.start : asked.stop]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of ASGI
        answer = Answer(send)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            await answer.write(self._data)
        await answer.end()

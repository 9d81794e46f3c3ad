"""GET and HEAD of finished audio, whole or a range of it: for players that seek, and downloads that go on.

/v1/audio/results/{id}           named by the header X-Result of the answer that had the audio first
/v1/audio/results/{id}/timing    when each word is spoken, if that was asked for
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from runner.serve.http.errors import HttpError
from runner.serve.http.etags import has_tag
from runner.serve.http.ranges import RangeError, read_range
from runner.serve.http.sending import Answer

if TYPE_CHECKING:
    import mmap

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from runner.serve.results import Result, ResultStore

RESULTS = "/v1/audio/results"


def make_result_routes(results: ResultStore) -> list[Route]:
    """Make the routes."""

    async def give_audio(request: Request) -> Response:
        result = _find(request, results)
        return _answer(request, result.data, result.media_type, request.path_params["id"])

    async def give_timing(request: Request) -> Response:
        timing = _find(request, results).timing
        if timing is None:
            raise HttpError(404, "the times of this result's words were not asked for: `return_timing`", param="id")
        return _answer(request, timing, "application/json", f"{request.path_params['id']}/timing")

    return [Route(f"{RESULTS}/{{id}}", give_audio), Route(f"{RESULTS}/{{id}}/timing", give_timing)]


def _find(request: Request, results: ResultStore) -> Result:
    """Find the result that a path names.

    Raises:
        HttpError: there is none.
    """
    result = results.find(request.path_params["id"])
    if result is None:
        message = "there is no such result, or not any more; one that is still being spoken comes at its end"
        raise HttpError(404, message, param="id")
    return result


def _answer(request: Request, data: bytes | mmap.mmap, media_type: str, name: str) -> Response:
    """Answer with data of a result, or what is asked for of it.

    Args:
        name: under which these bytes never change.

    Raises:
        HttpError: there is no byte of the range.
    """
    tag = f'"{name}"'
    headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-cache", "Content-Type": media_type}
    if has_tag(request, tag):
        return Response(status_code=304, headers=headers)
    asked = _find_range(request, tag, len(data))
    if asked is None:
        return _Pieces(data, range(len(data)), 200, headers)
    spelled = f"bytes {asked.start}-{asked.stop - 1}/{len(data)}"
    return _Pieces(data, asked, 206, {**headers, "Content-Range": spelled})


def _find_range(request: Request, tag: str, size: int) -> range | None:
    """Find the bytes that are asked for; None for all of them. No method but GET has ranges."""
    if request.method != "GET" or request.headers.get("if-range", tag) != tag:
        return None
    try:
        return read_range(request.headers.get("range", ""), size)
    except RangeError:
        headers = {"Content-Range": f"bytes */{size}"}
        raise HttpError(416, f"the result has {size} bytes, and none of this range", headers=headers) from None


class _Pieces(Response):
    """Bytes of a result, sent piece by piece and not copied."""

    def __init__(self, data: bytes | mmap.mmap, asked: range, status: int, headers: dict[str, str]) -> None:
        super().__init__(status_code=status, headers={**headers, "Content-Length": str(len(asked))})
        self._data = memoryview(data)[asked.start : asked.stop]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of ASGI
        answer = Answer(send)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            await answer.write(self._data)
        await answer.end()

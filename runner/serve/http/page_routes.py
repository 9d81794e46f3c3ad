"""Serves the page: its files, read once, each with a tag by which a browser finds that it has it already."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from runner.serve.http.etags import has_tag

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

_FOLDER = Path(__file__).parents[1] / "page"
_INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def make_page_routes() -> list[Route]:
    """Make the routes of the page at `/` and of what it loads below `/page/`; no other file is within reach."""
    files = {path.name: path for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
    routes = [Route(f"/page/{name}", _make_answer(path)) for name, path in files.items() if name != _INDEX]
    return [Route("/", _make_answer(files[_INDEX])), *routes]


def _make_answer(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Make what answers with a file."""
    content = path.read_bytes()
    headers = {
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        "Cache-Control": "no-cache",  # asked for again each time, and answered by 304: a page is of one version
        "Content-Type": _TYPES[path.suffix],
    }

    async def answer(request: Request) -> Response:
        if has_tag(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers)

    return answer

"""The files of the page: what they are, who may read them, and that no other file is within reach."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import runner.serve
from tests.runner.serve.http.conftest import KEY, Serve, Server

FOLDER = Path(runner.serve.__file__).parent / "page"
NAMES = sorted(path.name for path in FOLDER.iterdir())
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@pytest.fixture(scope="module")
def server(serve: Serve) -> Iterator[Server]:
    """A server with a page, which wants a key."""
    with serve(page=True, key=KEY) as started:
        yield started


def address(name: str) -> str:
    return "/" if name == "index.html" else f"/page/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_without_a_key_and_is_sent_once(server: Server, name: str) -> None:
    answer = httpx.get(server.url + address(name))
    assert answer.status_code == 200
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"] == TYPES[Path(name).suffix]
    tag = answer.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = httpx.get(server.url + address(name), headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(server.url + address(name), headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_policy_allows_no_inline_script_and_no_inline_style(server: Server) -> None:
    policy = httpx.get(server.url).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    page = (FOLDER / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", page)


def test_files_name_no_other_server() -> None:
    namespace = "http://www.w3.org/2000/svg"
    found = {address for name in NAMES for address in re.findall(r"https?://[^\"'`\s]+", (FOLDER / name).read_text())}
    assert found <= {namespace}


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/index.html",
        "/page/..%2f__init__.py",
        "/page/%2e%2e/service.py",
        "/page/../http/app.py",
        "/page",
    ],
)
def test_no_other_file_is_within_reach(server: Server, path: str) -> None:
    assert server.get(path).status_code == 404


def test_there_is_no_page_if_none_is_wanted(serve: Serve) -> None:
    with serve(page=False) as server:
        for path in ("/", "/page/app.js", "/api/graph"):
            assert server.get(path).status_code == 404

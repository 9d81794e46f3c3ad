"""Who may ask: the name that the server is called by, the page that asks, the key; asked of a server on loopback."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runner.serve.http.access import Access, split_authority
from runner.serve.settings import ServeSettings
from tests.runner.serve.http.servers import connect, running

KEY = "correct-horse-battery"
SETTINGS = ServeSettings(key=KEY, origins=("https://app.example",), hosts=("tts.example.org",))
OPEN = ("/", "/page/app.js", "/healthz", "/readyz")
BEARER = {"Authorization": f"Bearer {KEY}"}


async def answer(request: Request) -> Response:
    await request.body()
    return PlainTextResponse("in")


def make_app(settings: ServeSettings) -> Starlette:
    paths = ("/", "/page/app.js", "/healthz", "/readyz", "/metrics", "/v1/models")
    return Starlette(
        routes=[Route(path, answer, methods=["GET", "POST"]) for path in paths],
        middleware=[Middleware(Access, settings=settings, open_paths=OPEN)],
    )


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that wants a key."""
    with running(make_app(SETTINGS)) as address:
        yield address


@pytest.fixture(scope="module")
def open_url() -> Iterator[str]:
    """A server that wants none, by default settings."""
    with running(make_app(ServeSettings())) as address:
        yield address


@pytest.mark.parametrize(
    "path", ["/v1/models", "/metrics", "/v1/unknown", "//", "/page", "/healthz/", "/page/../metrics"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": b"Bearer \xe9\xff"},
    ],
)
def test_everything_but_the_page_and_health_needs_the_key(url: str, path: str, headers: dict[str, str]) -> None:
    with connect(url) as client:  # httpx would resolve the dots
        lines = [f"GET {path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close"]
        lines += [
            name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
            for name, value in headers.items()
        ]
        client.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        got = client.makefile("rb").read()
    assert got.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: bearer" in got.lower()
    assert b'"code":"invalid_api_key"' in got


@pytest.mark.parametrize("path", OPEN)
def test_page_and_health_need_no_key(url: str, path: str) -> None:
    assert httpx.get(url + path).text == "in"


@pytest.mark.parametrize("headers", [BEARER, {"Authorization": f"bearer  {KEY}"}])
def test_the_key_opens(url: str, headers: dict[str, str]) -> None:
    assert httpx.get(f"{url}/v1/models", headers=headers).text == "in"


def test_keys_are_compared_in_constant_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared, compare_digest = [], hmac.compare_digest

    def compare(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return compare_digest(given, wanted)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert httpx.get(f"{url}/v1/models", headers={"Authorization": "Bearer nearly"}).status_code == 401
    assert compared == [(b"nearly", KEY.encode())]


def test_the_key_is_not_in_the_text_of_the_settings() -> None:
    assert KEY not in repr(SETTINGS)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:1234", 200),
        ("[::1]:8880", 200),
        ("192.168.1.5", 200),
        ("localhost", 200),
        ("LOCALHOST.:80", 200),
        ("tts.example.org", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("tts.example.org@evil.example", 421),
        ("evil.example:80:80", 421),
        ("", 421),
    ],
)
def test_only_addresses_and_our_own_names_are_answered(url: str, host: str, status: int) -> None:
    got = httpx.get(f"{url}/v1/models", headers={**BEARER, "Host": host})
    assert got.status_code == status
    assert status == 200 or got.json()["error"]["code"] == "wrong_host"


def test_a_request_without_a_host_is_refused(url: str) -> None:
    with connect(url) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://app.example.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_web_pages_of_other_origins_may_not_post_nor_read(open_url: str, headers: dict[str, str]) -> None:
    got = httpx.post(f"{open_url}/v1/models", headers=headers, json={})
    assert (got.status_code, got.json()["error"]["code"]) == (403, "wrong_origin")
    assert "access-control-allow-origin" not in got.headers
    read = httpx.get(f"{open_url}/v1/models", headers=headers)
    assert read.status_code == 200
    assert "access-control-allow-origin" not in read.headers
    asked = {**headers, "Access-Control-Request-Method": "POST"}
    assert httpx.options(f"{open_url}/v1/models", headers=asked).status_code == 403


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_our_own_page_may_post(open_url: str, scheme: str) -> None:
    authority = httpx.URL(open_url).netloc.decode()
    headers = {"Origin": f"{scheme}://{authority}", "Sec-Fetch-Site": "same-origin"}
    assert httpx.post(f"{open_url}/v1/models", headers=headers, json={}).text == "in"


def test_page_of_an_allowed_origin_may_post_and_read(url: str) -> None:
    origin = {"Origin": "https://app.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, x-stainless-os"}
    preflight = httpx.options(f"{url}/v1/models", headers={**origin, **asked})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert preflight.headers["access-control-allow-headers"] == "authorization, x-stainless-os"
    assert preflight.headers["vary"] == "Origin"
    assert httpx.post(f"{url}/v1/models", headers=origin, json={}).status_code == 401
    got = httpx.post(f"{url}/v1/models", headers={**origin, **BEARER}, json={})
    assert (got.text, got.headers["access-control-allow-origin"]) == ("in", "https://app.example")
    assert "X-Result" in got.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Name:8880", ("name", "8880")),
        ("name:443", ("name", "")),
        ("[::1]", ("[::1]", "")),
        ("a b", None),
        ("a:", None),
        ("::1", None),
    ],
)
def test_authority_is_split(text: str, wanted: tuple[str, str] | None) -> None:
    assert split_authority(text) == wanted

"""Compares entity tags: whether the client has what it asks for already (RFC 9110, section 13.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


def has_tag(request: Request, tag: str) -> bool:
    """Whether If-None-Match names a tag, or `*`, which is any."""
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return tag in known or known == ["*"]

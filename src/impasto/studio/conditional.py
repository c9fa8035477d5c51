"""HEAD, conditional requests and broken ranges (RFC 9110), the same for every route."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.studio.problems import MEDIA_TYPE, Problem

_OF_THE_BODY = ("content-length", "content-type", "content-range", "accept-ranges")


class ConditionalMiddleware:
    """Answers HEAD like GET but without the body, and 304 if the client has the answer already.

    An answer that may be cached and comes in one piece gets its hash as ETag, unless it has an ETag
    already. The ranges of files are Starlette's; what is wrong with them becomes a problem.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        with suppress(ClientDisconnect):
            await self._app({**scope, "method": "GET"}, receive, _Answer(scope, send))


class _Answer:
    """The answer to a GET or HEAD. Its head is held back until the first part of the body."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._headers, self._send = Headers(scope=scope), send
        self._only_head = scope["method"] == "HEAD"
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Send a part of it. Raises `ClientDisconnect` when no more is needed."""
        if message["type"] == "http.response.start":
            self._head = message
            return
        head, self._head = self._head, None
        if head is None:
            await self._send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if not more:
            _add_etag(head, body)
        if self._bad_range(head):
            body = _refuse_range(head)
        known = self._known(head)
        if known:
            head["status"] = 304
            for name in _OF_THE_BODY:
                del MutableHeaders(scope=head)[name]
        await self._send(head)
        if not (self._only_head or known):
            await self._send({**message, "body": body})
            return
        await self._send({"type": "http.response.body"})
        if more:
            raise ClientDisconnect

    def _known(self, head: Message) -> bool:
        """Return whether the client has the answer already."""
        etag = Headers(scope=head).get("etag")
        known = ",".join(self._headers.getlist("if-none-match"))
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return head["status"] in (200, 206) and etag is not None and bool(tags & {etag, "*"})

    def _bad_range(self, head: Message) -> bool:
        """Return whether this is what Starlette answers to a range that is not in the file."""
        plain = Headers(scope=head).get("content-type", "").startswith("text/plain")
        return "range" in self._headers and head["status"] in (400, 416) and plain


def _add_etag(head: Message, body: bytes) -> None:
    headers = MutableHeaders(scope=head)
    if head["status"] == 200 and "no-store" not in headers.get("cache-control", "no-store"):
        headers.setdefault("ETag", f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _refuse_range(head: Message) -> bytes:
    """Turn Starlette's answer to a bad range into a problem, and return its body."""
    text = "the Range header asks for no bytes of this file; send it like bytes=0-999"
    problem = Problem("bad-range", text).response()
    head["status"] = problem.status_code
    headers = MutableHeaders(scope=head)
    headers["Content-Type"] = MEDIA_TYPE
    headers["Content-Length"] = problem.headers["content-length"]
    return bytes(problem.body)

"""Middleware: what every request passes, as plain ASGI, before any route sees it."""

from __future__ import annotations

import logging
import time
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.studio import problems
from impasto.studio.context import Studio
from impasto.studio.keys import LOCAL
from impasto.studio.limits import SAFE, Body, Hosts, Rates, Sites, Uploads, address
from impasto.studio.metrics import Metrics
from impasto.studio.problems import Problem

log = logging.getLogger("impasto.studio")

COOKIE = "impasto_session"

_PROBES = ("/healthz", "/readyz")
_OPEN = (*_PROBES, "/login", "/logout", "/v1/openapi.json", "/swagger.json", "/model/metadata")
"""Answered without a key."""

_API = ("/v1/", "/model/", "/metrics", "/studio/")
"""Where a browser without a key is told so, not sent to where one logs in."""

_PAINTING = "/painting/"
"""Before the id of a painting that the page shows."""

_COUNTED = ("/v1/", "/model/", "/login", "/studio/look", "/studio/file")
"""What counts for the rate of a client even if it changes nothing. Most of the page does not."""

_SMALL = {
    "/login": 4096,
    "/logout": 4096,
    "/v1/styles/": 4096,
    "/studio/quick": 262144,  # with a mask
    "/studio/paint": 65536,
    "/studio/styles": 65536,
}
"""Most bytes of a request whose path begins so, where it is not that of the settings."""

_FILMS = "/v1/videos"
"""What is sent a film."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=(self)",
}
_CLOSED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
_POLICY = f"{_CLOSED}; form-action 'none'"
_HTML_POLICY = f"{_CLOSED}; form-action 'self'; style-src 'unsafe-inline'"
"""Of documents that have their style in them. The page has a policy of its own."""


class RequestMiddleware:
    """Lets in what may come in, says whose it is, and bounds what it sends.

    Whatever goes wrong before or behind it is answered with a problem, never with a traceback.
    """

    def __init__(self, app: ASGIApp, studio: Studio, metrics: Metrics) -> None:
        self._app, self._keys, self._metrics = app, studio.keys, metrics
        self._ended = studio.ended_sessions
        settings = studio.settings
        self._most, self._most_of_film = settings.max_upload, settings.max_film
        self._hosts, self._sites, self._rates = Hosts(settings), Sites(settings), Rates(settings)
        self._uploads, self._films = Uploads(settings), Uploads(settings, films=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":  # nothing here speaks that
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = Answer(scope, send)
        began = time.perf_counter()
        self._metrics.begin()
        try:
            await self._answer(scope, receive, answer)
        finally:
            self._metrics.end(scope, answer.status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        headers = Headers(scope=scope)
        try:
            if "cookie" in headers and self._keys.required:
                await self._ended.refresh()
            refused = self._let_in(scope, headers)
            if refused is None:
                await self._pass_on(scope, receive, headers, answer)
                return
        except ClientDisconnect:
            return
        except Exception as error:
            problem = problems.of(error)
            if answer.status:  # it is too late to say so
                return
            refused = problems.answer(scope, problem)
        await refused(scope, receive, answer)

    def _most_of(self, scope: Scope) -> int:
        """Return how many bytes a request may have."""
        path, most = scope["path"], self._most_of_film if scope["path"] == _FILMS else self._most
        return next((small for start, small in _SMALL.items() if path.startswith(start)), most)

    async def _pass_on(
        self, scope: Scope, receive: Receive, headers: Headers, answer: Answer
    ) -> None:
        """Have a request answered. What brings a body counts among its client's uploads."""
        if scope["method"] in SAFE:
            await self._app(scope, receive, answer)
            return
        uploads = self._films if scope["path"] == _FILMS else self._uploads
        with uploads.one_of(scope["state"]["client"]) as count:
            await self._app(scope, Body(receive, headers, self._most_of(scope), count), answer)

    def _let_in(self, scope: Scope, headers: Headers) -> Response | None:
        """Return an answer for who is sent elsewhere. Raises `Problem`."""
        path, method = scope["path"], scope["method"]
        state = scope.setdefault("state", {})
        state["client"] = address(scope.get("client"))
        if path in _PROBES:
            return None
        self._hosts.check(headers)
        self._sites.check(method, headers)
        owner = self._who(headers)
        if owner and self._keys.required:
            state["client"] = f"key {owner}"
        counted = method not in SAFE or path.startswith(_COUNTED)
        if owner is None or counted:  # whoever guesses keys is counted anywhere
            self._rates.check(state["client"])
        if owner is None and path not in _OPEN:
            if method in SAFE and not path.startswith(_API):
                query = scope["query_string"].decode("latin-1") if path == "/" else ""
                if path.startswith(_PAINTING):
                    query = urlencode({"id": path.removeprefix(_PAINTING)})
                login = f"/login?{query}" if query else "/login"  # a link outlives logging in
                return RedirectResponse(login, 303, {"Cache-Control": "no-store"})
            raise Problem(
                "unauthorized",
                "a key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY",
                headers={"WWW-Authenticate": 'Bearer realm="impasto"'},
            )
        state["owner"] = owner or ""
        return None

    def _who(self, headers: Headers) -> str | None:
        """Return the owner; None without any key. Raises `Problem` for a key that is none."""
        if not self._keys.required:
            return LOCAL
        key = headers.get("x-api-key")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if key is None and scheme.lower() == "bearer":
            key = token.strip()
        if key is not None:
            return self._keys.owner(key)
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return None if cookie in self._ended else self._keys.owner_of_session(cookie)


class Answer:
    """What is sent back: remembers the status, and adds the headers that all answers have."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._api = scope["path"].startswith(("/v1/", "/model/", "/studio/"))
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Send a part of it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            html = headers.get("content-type", "").startswith("text/html")
            policy = _HTML_POLICY if html and not self._api else _POLICY
            headers.setdefault("Content-Security-Policy", policy)
            if self._api:
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)

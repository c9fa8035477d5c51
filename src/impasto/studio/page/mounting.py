"""Putting the page into an app, and keeping of Gradio's routes only those that the page needs."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.studio.keys import owner_of
from impasto.studio.page import look
from impasto.studio.page.desk import Desk
from impasto.studio.page.layout import build
from impasto.studio.page.routes import router

if TYPE_CHECKING:
    from impasto.studio.context import Studio

_NEEDED = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/pwa_icon(/\d+)?|/robots\.txt"
    r"|/(assets|static|svelte)/[^?]*"
    r"|/gradio_api/(queue/(join|data)|cancel|reset/?|startup-events|heartbeat/\w+)"
)
"""What the page asks of Gradio. Not among it: to take files in, to hand out files by their path,
to fetch from other hosts, and everything else that Gradio can do for other pages."""


_OTHERS = re.compile(rb'<meta\s+(property="og:|name="twitter:)[^>]*>\s*')
"""What Gradio says of itself to those who show previews of links: it points to other hosts."""


class Guard:
    """Lets through to Gradio what the page needs, and answers 404 to all else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and not _NEEDED.fullmatch(path or "/"):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        elif scope["type"] == "http" and path in ("", "/"):
            plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
            await self._app({**scope, "headers": plain}, receive, Rewritten(send))
        elif path.startswith("/assets/"):
            await self._app(scope, receive, _kept(send))
        else:
            await self._app(scope, receive, send)


def _kept(send: Send) -> Send:
    """Have browsers keep what they are sent: the names of these files tell their contents."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            headers = MutableHeaders(scope=message)
            headers["cache-control"] = "public, max-age=31536000, immutable"
        await send(message)

    return sent


class Rewritten:
    """Sends a document on when it is whole, without what speaks of others."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Take a part of an answer."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = _OTHERS.sub(b"", self._body)
        headers = MutableHeaders(scope=self._start)
        if "content-length" in headers and self._body:
            headers["content-length"] = str(len(body))
        headers["cache-control"] = "no-store"
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def mount(app: FastAPI, studio: Studio) -> None:
    """Put the page at the root of an app, after all its other routes."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Outside a loop Gradio makes some of its own, and never closes them.
        asyncio.run(_mount_in_loop(app, studio))
    else:
        _mount(app, studio)


async def _mount_in_loop(app: FastAPI, studio: Studio) -> None:
    _mount(app, studio)


def _mount(app: FastAPI, studio: Studio) -> None:
    desk = Desk.of(studio)
    app.state.desk = desk
    app.include_router(router)
    gr.mount_gradio_app(
        app,
        build(studio, desk),
        path="/",
        auth_dependency=lambda request: owner_of(request) or None,
        theme=look.theme(),
        head=look.head(),
        favicon_path=str(look.ASSETS / "icon.png"),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
    )
    route = app.routes[-1]
    assert isinstance(route, Mount)
    route.app = Guard(route.app)

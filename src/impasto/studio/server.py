"""Running a studio: the server, its workers beside it, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from starlette.datastructures import MutableHeaders
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from impasto.errors import OptionsError
from impasto.studio import logs
from impasto.studio.app import create_app
from impasto.studio.context import Studio
from impasto.studio.settings import Settings
from impasto.text import reason

log = logging.getLogger("impasto.studio")

_LET_FINISH = 6
"""Seconds that requests have to finish when the server is to end."""

_WORKERS_LEAVE = 8.7
"""Seconds that workers have: a little more than they give themselves."""

_LAST = 9.2
"""Seconds after which the process ends whatever hangs."""

_SILENT = 30.0
"""Seconds in which a new connection has to send its first request."""

_CONNECTIONS = 1000

_SWITCH = 0.0005
"""Seconds that a thread may keep others from Python: networks wait for it at every picture."""

Ready = Callable[[str, Studio], None]


def serve(settings: Settings, ready: Ready) -> None:
    """Serve a studio until told to end, by a signal. Call it from the main thread.

    ``ready`` is called with the address as soon as it answers. Raises `OptionsError` for an
    address that cannot be had, `OutputError` for a folder or a database that cannot be used.
    """
    logs.set_up(settings.log_level)
    sys.setswitchinterval(_SWITCH)
    with bound(settings.host, settings.port) as listening:
        app = create_app(settings)
        studio: Studio = app.state.studio
        studio.workers.start()
        try:
            Server(configured(settings, app), studio, ready).run(sockets=[listening])
        finally:
            studio.workers.stop(_WORKERS_LEAVE)


class Server(uvicorn.Server):
    """Uvicorn, with a studio behind it that is told when to end."""

    def __init__(self, config: uvicorn.Config, studio: Studio, ready: Ready) -> None:
        super().__init__(config)
        self._studio, self._ready = studio, ready
        self._seen: dict[Any, float] = {}
        self._last = threading.Timer(_LAST, os._exit, (0,))
        self._last.daemon = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so when the studio answers."""
        await super().startup(sockets)
        if self.started and sockets:
            self._ready(_address(sockets[0]), self._studio)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new, end streams, have requests finish and workers leave."""
        log.info("closing")
        self._last.start()
        self._studio.closing.set()
        leaving = asyncio.to_thread(self._studio.workers.stop, _WORKERS_LEAVE)
        await asyncio.gather(super().shutdown(sockets), leaving)

    def closed(self) -> None:
        """Call off the last resort: it ended by itself."""
        self._last.cancel()

    async def on_tick(self, counter: int) -> bool:
        """Hang up, once a second, on those who say nothing."""
        if counter % 10 == 0:
            self._hang_up()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal for what it is: a wish to end, which is granted without a fuss."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wishes = (signal.SIGINT, signal.SIGTERM)
        before = {wish: signal.signal(wish, self.handle_exit) for wish in wishes}
        try:
            yield
        finally:
            for wish, handler in before.items():
                signal.signal(wish, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End; at the second Ctrl-C at once."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    def _hang_up(self) -> None:
        now = time.monotonic()
        idle = [one for one in self.server_state.connections if _waits_for_a_request(one)]
        self._seen = {one: self._seen.get(one, now) for one in idle}
        for connection, since in self._seen.items():
            transport = connection.transport
            if now - since > _SILENT and transport is not None:
                transport.close()


def _waits_for_a_request(connection: Any) -> bool:
    """Tell whether nothing is being answered, and uvicorn itself does not look at the time."""
    cycle = getattr(connection, "cycle", None)
    answered = cycle is None or cycle.response_complete
    return answered and getattr(connection, "timeout_keep_alive_task", None) is None


def configured(settings: Settings, app: Any) -> uvicorn.Config:
    """Return what uvicorn is told."""
    believed = settings.proxies
    return uvicorn.Config(
        Forwarded(app, believed) if believed else app,
        log_config=None,
        access_log=settings.log_level == "debug",
        server_header=False,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_LET_FINISH,
        proxy_headers=False,  # `Forwarded` reads them
    )


class Forwarded(ProxyHeadersMiddleware):
    """Takes address, scheme and host of a request from the headers of trusted proxies."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request. Uvicorn's own part reads all but the host."""
        client = scope.get("client")
        if client and client[0] in self.trusted_hosts:
            headers = MutableHeaders(scope=scope)
            # Of several names the last is the one that the trusted proxy itself added.
            host = headers.get("x-forwarded-host", "").rpartition(",")[2].strip()
            if host:
                headers["host"] = host
        await super().__call__(scope, receive, send)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket at an address. Raises `OptionsError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, ValueError) as error:  # ValueError for what cannot be a name at all
        raise OptionsError(f"--host {host} is not an address here: {reason(error)}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise OptionsError(
            f"--port {port} of {host} cannot be had ({error.strerror}): choose another, or 0"
        ) from error
    return listening


def _address(listening: socket.socket) -> str:
    """Return where a browser on this machine finds the studio."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

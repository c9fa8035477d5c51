"""Bounds on what clients send: the names they call us by, sites, rates, bytes and patience."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from impasto.studio.problems import RETRY_SOON, Problem, too_many
from impasto.studio.settings import LOOPBACK, Settings

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""

PATIENCE = 30.0
"""Seconds in which some of a body has to come, and after which all of it has a pace to keep."""

PACE = 8192
"""Bytes a second."""

LONGEST = 600.0
"""Seconds in which all of a body has to come; a film has longer, at `FILM_PACE` for its bound."""

FILM_PACE = 2**17
"""Bytes a second."""

_BODIES = 16
"""The bodies of one client may have so many times the largest request, all together."""

_FILMS = 2
"""The same of films, which lie on the disk."""

_MINUTE = 60.0


class Hosts:
    """The names that the studio may be called by.

    A page of another site can have its own name point to this machine and then read what it
    fetches (DNS rebinding): on loopback only names of loopback are answered, elsewhere only those
    of the settings if there are any.
    """

    def __init__(self, settings: Settings) -> None:
        known = {*settings.hosts}
        if settings.host in LOOPBACK or known:
            known |= {*LOOPBACK, settings.host}
        self._known = {name.lower().strip("[]") for name in known}

    def check(self, headers: Headers) -> None:
        """Raise `Problem` for another name."""
        host = headers.get("host", "")
        if self._known and host and _name(host) not in self._known:
            raise Problem(
                "wrong-host", f"{host[:80]} is not one of the names of this studio (IMPASTO_HOSTS)"
            )


class Sites:
    """Other sites may not have a browser change anything here, unless the settings name them."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = {origin.rstrip("/") for origin in settings.cors_origins}

    def check(self, method: str, headers: Headers) -> None:
        """Raise `Problem` for what comes from another site. Programs are not a site."""
        if method in SAFE:
            return
        origin, relation = headers.get("origin"), headers.get("sec-fetch-site")
        if origin in self._allowed or relation in ("same-origin", "none"):
            return
        if relation is not None or (origin and origin.partition("://")[2] != headers.get("host")):
            raise Problem("cross-site", f"{(origin or relation or '')[:80]} may not do this")


class Rates:
    """So many requests a minute for each client, wherever the minute begins."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = settings.rate, clock
        self._times: dict[str, deque[float]] = {}
        self._swept = clock()

    def check(self, client: str) -> None:
        """Count a request; raise `Problem` for one too many."""
        now = self._clock()
        if now - self._swept > _MINUTE:
            self._sweep(now)
        times = self._times.setdefault(client, deque())
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if len(times) >= self._most:
            retry = max(1, math.ceil(times[0] + _MINUTE - now))
            raise too_many("rate-limited", f"more than {self._most} requests a minute", retry)
        times.append(now)

    def _sweep(self, now: float) -> None:
        """Forget those who have not come for a while."""
        self._times = {c: t for c, t in self._times.items() if t and t[-1] > now - _MINUTE}
        self._swept = now


class Uploads:
    """The requests with a body of each client: so many at once, and so many bytes in them."""

    def __init__(self, settings: Settings, *, films: bool = False) -> None:
        self._most = settings.at_once + settings.max_waiting
        self._most_bytes = _BODIES * settings.max_upload
        if films:
            self._most_bytes = _FILMS * settings.max_film
        self._requests: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def one_of(self, client: str) -> Iterator[Callable[[int], None]]:
        """Count a request while the block lasts; what it gives is told of bytes that came.

        Both raise `Problem` for one too many.
        """
        if self._requests[client] >= self._most:
            raise too_many("busy", f"{self._most} requests of yours are under way", RETRY_SOON)
        self._requests[client] += 1
        received = 0

        def count(new: int) -> None:
            nonlocal received
            received += new
            self._bytes[client] += new
            if self._bytes[client] > self._most_bytes:
                text = f"your requests under way have {self._most_bytes:,} bytes"
                raise too_many("busy", text, RETRY_SOON)

        try:
            yield count
        finally:
            self._requests[client] -= 1
            self._bytes[client] -= received
            if not self._requests[client]:
                del self._requests[client], self._bytes[client]


class Body:
    """A request's body as it comes in, bounded in bytes and in time."""

    def __init__(
        self,
        receive: Receive,
        headers: Headers,
        most: int,
        count: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive, self._most, self._tell = receive, most, count
        self._count, self._whole = 0, False
        self._clock, self._began = clock, math.inf
        length = headers.get("content-length", "")
        if length.isascii() and length.isdecimal() and int(length[:20]) > most:
            raise self._too_large()

    async def __call__(self) -> Message:
        """Return what comes next. Raises `Problem` for too much of it, and for too little."""
        if self._whole:
            return await self._receive()
        self._began = min(self._began, self._clock())  # nothing was asked for before
        try:
            async with asyncio.timeout(PATIENCE):
                message = await self._receive()
        except TimeoutError:
            raise Problem("slow-upload", f"nothing was received for {PATIENCE:g} seconds") from None
        if message["type"] == "http.request":
            self._count += len(message.get("body", b""))
            self._tell(len(message.get("body", b"")))
            self._whole = not message.get("more_body", False)
            self._check()
        return message

    def _check(self) -> None:
        if self._count > self._most:
            raise self._too_large()
        took = self._clock() - self._began
        longest = max(LONGEST, self._most / FILM_PACE)
        if not self._whole and took > longest:
            raise Problem("slow-upload", f"not all was received within {longest:g} seconds")
        if not self._whole and took > PATIENCE and self._count < (took - PATIENCE) * PACE:
            raise Problem("slow-upload", f"fewer than {PACE:,} bytes a second were received")

    def _too_large(self) -> Problem:
        return Problem("too-large", f"a request may have at most {self._most:,} bytes")


def address(client: tuple[str, int] | None) -> str:
    """Return what counts as one client: an address, and of IPv6 the network that one line has."""
    return _counted(client[0] if client else "")


@lru_cache(4096)
def _counted(host: str) -> str:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _name(host: str) -> str:
    """Return the name of a Host header, without the port and without brackets."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower()

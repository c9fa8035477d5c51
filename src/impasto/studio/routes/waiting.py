"""Waiting for something while a client waits for it, too."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")

_LOOK = 0.25


async def unless_gone(request: Request, work: Future[T]) -> T:
    """Return what comes of work in a thread; if the client leaves before its turn, drop it.

    The request has been read to its end. Raises `ClientDisconnect`.
    """
    awaited = asyncio.wrap_future(work)
    try:
        while not (await asyncio.wait({awaited}, timeout=_LOOK))[0]:
            await check_there(request)
    except BaseException:
        awaited.cancel()
        raise
    return await awaited


async def check_there(request: Request) -> None:
    """Raise `ClientDisconnect` if the client has left. The request has been read to its end."""
    if await request.is_disconnected():
        raise ClientDisconnect

"""Waiting for something while a client waits for it, too."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


class Gone:
    """Notices when a client has left. Its request has been read to the end."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __enter__(self) -> Self:
        self._task: asyncio.Future[Any] = asyncio.ensure_future(self._request.receive())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._task.cancel()

    async def wait(self, seconds: float) -> None:
        """Wait so long. Raises `ClientDisconnect`."""
        await self.wait_for(timeout=seconds)

    async def wait_for(self, *things: asyncio.Future[Any], timeout: float | None = None) -> None:
        """Wait until one of these things is there, or until it is time."""
        await asyncio.wait({self._task, *things}, timeout=timeout, return_when="FIRST_COMPLETED")
        if self._task.done() and not any(thing.done() for thing in things):
            raise ClientDisconnect


async def unless_gone(request: Request, work: Future[T]) -> T:
    """Return what comes of work in a thread; if the client leaves before its turn, drop it.

    Raises `ClientDisconnect`.
    """
    awaited = asyncio.wrap_future(work)
    with Gone(request) as gone:
        try:
            await gone.wait_for(awaited)
        except BaseException:
            awaited.cancel()
            raise
    return await awaited

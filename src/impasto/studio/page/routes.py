"""The routes of the page's own scripts: photos in, pictures and the progress of jobs out."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import FileResponse

from impasto.studio.keys import owner_of
from impasto.studio.page import jobs
from impasto.studio.page.desk import Desk
from impasto.studio.page.look import ASSETS
from impasto.studio.page.photos import taken_in
from impasto.studio.page.sources import SIDES
from impasto.studio.problems import Problem
from impasto.studio.routes.waiting import unless_gone

PREFIX = "/studio"

T = TypeVar("T")

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_NEVER = {"Cache-Control": "no-store"}
_AT_ONCE = 4
"""Photos that are received at once."""


def router(desk: Desk) -> APIRouter:
    """Return the routes. What passes the door and comes here is somebody's, or the page's own."""
    routes = APIRouter(prefix=PREFIX, include_in_schema=False)
    whose: Any = Depends(owner_of)
    version = desk.sources.swatch_version
    assets = {path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.*")}

    @routes.get("/assets/{hash}/{name:path}")
    def asset(hash: str, name: str) -> Response:  # noqa: ARG001 - it makes the address new
        if name not in assets:
            raise Problem("not-found", "there is nothing at this address")
        return FileResponse(ASSETS / name, headers=_FOREVER)

    # Who sends a photo waits here, not in memory.
    gate = asyncio.Semaphore(_AT_ONCE)

    @routes.post("/photo")
    async def photo(request: Request, owner: str = whose) -> dict[str, Any]:
        async with gate:
            data = await request.body()
            return await unless_gone(request, desk.studio.desk.submit(_take, desk, owner, data))

    @routes.get("/picture/{source}")
    def picture(source: str, owner: str = whose, side: int = SIDES[-1]) -> Response:
        if side not in SIDES:
            raise Problem("not-found", "there is nothing at this address")
        data = _found(lambda: desk.sources.small(owner, source, side))
        return Response(data, media_type="image/jpeg", headers=_FOREVER)

    @routes.get("/file/{source}/{what}")
    def file(source: str, what: str, owner: str = whose) -> Response:
        name, data = _found(lambda: desk.sources.download(owner, source, what))
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', **_NEVER}
        return Response(data, media_type=kind, headers=headers)

    @routes.get("/styles")
    def styles(owner: str = whose) -> list[dict[str, str]]:  # noqa: ARG001
        shown = ("name", "title", "painter", "year")
        return [
            {**{name: getattr(one, name) for name in shown}, "version": version(one.name)}
            for one in desk.studio.quick.styles()
        ]

    @routes.get("/jobs")
    def all_jobs(
        response: Response,
        owner: str = whose,
        limit: Annotated[int, Query(ge=1, le=480)] = 24,
    ) -> dict[str, Any]:
        response.headers.update(_NEVER)
        return {"jobs": jobs.listed(desk, owner, limit)}

    @routes.get("/jobs/{id}")
    def job(
        id: str,
        response: Response,
        owner: str = whose,
        after: Annotated[int, Query(ge=0)] = 0,
    ) -> dict[str, Any]:
        response.headers.update(_NEVER)
        return _found(lambda: jobs.progress(desk, owner, id, after))

    return routes


def _take(desk: Desk, owner: str, data: bytes) -> dict[str, Any]:
    photo = taken_in(data, desk.studio.settings)
    source = f"shelf:{desk.shelf.put(owner, photo.data)}"
    return {"source": source, "width": photo.width, "height": photo.height}


def _found(find: Callable[[], T]) -> T:
    """Return what is found; what is not there, or somebody else's, is a problem like any."""
    try:
        return find()
    except KeyError:
        raise Problem("not-found", "this is not there any more") from None

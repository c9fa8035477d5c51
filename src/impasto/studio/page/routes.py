"""The routes of the page's own scripts: photos in, pictures and the progress of jobs out."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from impasto.studio.page import jobs
from impasto.studio.page.desk import Desk
from impasto.studio.page.look import ASSETS
from impasto.studio.page.photos import taken_in
from impasto.studio.page.sources import SIDES
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Owner
from impasto.studio.routes.waiting import unless_gone

router = APIRouter(prefix="/studio", include_in_schema=False)

T = TypeVar("T")

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""For addresses under which nothing else will ever be found."""

_NEVER = {"Cache-Control": "no-store"}
_MOST_JOBS = 480


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


@router.get("/assets/{version}/{name:path}")
def asset(name: str) -> Response:
    """Answer a script, the style sheet or a picture of the page itself."""
    if name not in _assets():
        raise _nothing()
    return FileResponse(ASSETS / name, headers=_FOREVER)


@router.post("/photo")
async def photo(request: Request, desk: TheDesk, owner: Owner) -> dict[str, Any]:
    """Take a picture in, and answer the name by which it is found again."""
    async with desk.gate:  # who sends a photo waits here, not in memory
        data = await request.body()
        return await unless_gone(request, desk.studio.desk.submit(_take, desk, owner, data))


@router.get("/picture/{source}")
def picture(source: str, desk: TheDesk, owner: Owner, side: int = SIDES[-1]) -> Response:
    """Answer a small copy of a picture."""
    if side not in SIDES:
        raise _nothing()
    data = _found(lambda: desk.sources.small(owner, source, side))
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


@router.get("/file/{source}/{what}")
def file(source: str, what: str, desk: TheDesk, owner: Owner) -> Response:
    """Answer a picture or a time-lapse as it is, to be saved."""
    name, data = _found(lambda: desk.sources.download(owner, source, what))
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_NEVER}
    return Response(data, media_type=kind, headers=headers)


@router.get("/styles")
def styles(desk: TheDesk) -> list[dict[str, str]]:
    """Answer the styles of Quick."""
    return [
        {
            **{field: getattr(style, field) for field in ("name", "title", "painter", "year")},
            "version": desk.sources.swatch_version(style.name),
        }
        for style in desk.studio.quick.styles()
    ]


@router.get("/jobs")
def all_jobs(
    desk: TheDesk,
    owner: Owner,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=_MOST_JOBS)] = 24,
) -> dict[str, Any]:
    """Answer the jobs of somebody, the newest first."""
    response.headers.update(_NEVER)
    return {"jobs": jobs.listed(desk, owner, limit)}


@router.get("/jobs/{id}")
def job(
    id: str,
    desk: TheDesk,
    owner: Owner,
    response: Response,
    after: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """Answer how a job stands, with its losses after a step."""
    response.headers.update(_NEVER)
    return _found(lambda: jobs.progress(desk, owner, id, after))


@cache
def _assets() -> frozenset[str]:
    return frozenset(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.*"))


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


def _nothing() -> Problem:
    return Problem("not-found", "there is nothing at this address")

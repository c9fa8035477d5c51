"""The routes of the page's scripts, all under ``/studio``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from impasto.options.paint import MAX_STEPS
from impasto.studio.page import jobs, quick
from impasto.studio.page.context import Page, ThePage
from impasto.studio.page.jobs import PaintOrder
from impasto.studio.page.pictures import SIDES
from impasto.studio.page.quick import FinishOrder, QuickOrder, QuickResult
from impasto.studio.page.uploads import normalised
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Owner, TheJob
from impasto.studio.routes.waiting import unless_gone

router = APIRouter(prefix="/studio", include_in_schema=False)

T = TypeVar("T")

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_NEVER = {"Cache-Control": "no-store"}
_STEP = Query(ge=0, le=MAX_STEPS)


@router.post("/photos")
async def upload(request: Request, page: ThePage, owner: Owner) -> dict[str, Any]:
    """Store a photo or a painting, and answer its source."""
    async with page.uploads:
        data = await request.body()
        return await unless_gone(request, page.studio.readers.submit(_store, page, owner, data))


@router.get("/picture/{source}")
def picture(source: str, page: ThePage, owner: Owner, side: int = SIDES[-1]) -> Response:
    """Answer a small copy of a picture."""
    if side not in SIDES:
        raise Problem("invalid-option", f"side must be one of {SIDES}", field="side")
    data = _found(lambda: page.pictures.small(owner, source, side))
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


@router.get("/look/{style}/{source}")
async def look(request: Request, page: ThePage, owner: Owner, style: str, source: str) -> Response:
    """Answer a small copy of a picture in a style. A browser that leaves costs nothing more."""
    quick = page.studio.quick

    def make() -> bytes:
        return _found(lambda: page.pictures.look(owner, style, source))

    with quick.place():
        data = await unless_gone(request, quick.begin(make))
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


@router.get("/file/{source}")
def file(source: str, page: ThePage, owner: Owner) -> Response:
    """Answer a quick result in full, to be saved. Files of jobs are those of the API."""
    data = _found(lambda: page.pictures.data(owner, source))
    headers = {"Content-Disposition": 'attachment; filename="impasto.jpg"', **_NEVER}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get("/styles")
def styles(page: ThePage, response: Response) -> dict[str, Any]:
    """Answer all styles of Quick."""
    response.headers.update(_NEVER)
    return {"styles": quick.styles(page)}


@router.post("/quick")
async def stylise(
    request: Request, page: ThePage, owner: Owner, order: QuickOrder
) -> dict[str, Any]:
    """Stylise a photo. A browser that leaves before its turn costs nothing more."""
    studio = page.studio

    def make() -> dict[str, Any]:
        return _found(lambda: quick.stylise(page, owner, order))

    with studio.quick.place():
        return await unless_gone(request, studio.quick.begin(make))


@router.post("/quick/keep")
def keep(page: ThePage, owner: Owner, result: QuickResult) -> dict[str, Any]:
    """Put a quick result into the history, and answer its id there."""
    return {"id": _found(lambda: quick.keep(page, owner, result)).id}


@router.post("/quick/finish")
def finish(page: ThePage, owner: Owner, order: FinishOrder) -> dict[str, Any]:
    """Order a painting that begins with a quick result, and answer its id."""
    return {"id": _found(lambda: quick.finish(page, owner, order)).id}


@router.post("/paint")
def begin(page: ThePage, owner: Owner, order: PaintOrder) -> dict[str, Any]:
    """Order a painting, and answer its id."""
    return {"id": _found(lambda: jobs.begin(page, owner, order)).id}


@router.get("/jobs")
def listed(
    page: ThePage,
    owner: Owner,
    response: Response,
    limit: Annotated[int, Query(ge=1)] = 24,
) -> dict[str, Any]:
    """Answer the jobs of an owner, the newest first."""
    response.headers.update(_NEVER)
    return jobs.listed(page, owner, limit)


@router.get("/jobs/{id}")
def progress(
    job: TheJob, page: ThePage, response: Response, after: Annotated[int, _STEP] = 0
) -> dict[str, Any]:
    """Answer how a job stands, with its losses after a step."""
    response.headers.update(_NEVER)
    return jobs.progress(page, job, after)


@router.get("/jobs/{id}/settings")
def again(job: TheJob, page: ThePage) -> dict[str, Any]:
    """Answer what a job was made with."""
    return _found(lambda: jobs.again(page, job))


@router.post("/jobs/{id}/settle", status_code=204)
def settle(job: TheJob, page: ThePage) -> None:
    """Make a stopped painting a finished one."""
    jobs.settle(page, job)


def _store(page: Page, owner: str, data: bytes) -> dict[str, Any]:
    photo = normalised(data, page.studio.settings)
    source = f"cache:{page.cache.put(owner, photo.data)}"
    return {"source": source, "width": photo.width, "height": photo.height}


def _found(find: Callable[[], T]) -> T:
    """Return what is found; a job or a picture that is not there is a problem."""
    try:
        return find()
    except KeyError:
        raise Problem("not-found", "this no longer exists") from None

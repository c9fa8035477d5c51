"""The routes of the page's scripts, all under ``/studio``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from impasto.options.paint import MAX_STEPS
from impasto.studio.multipart import content, read_body
from impasto.studio.page import jobs, learning, quick
from impasto.studio.page.context import ThePage
from impasto.studio.page.jobs import PaintOrder
from impasto.studio.page.learning import LearnOrder
from impasto.studio.page.pictures import FORMATS, SIDES
from impasto.studio.page.quick import FinishOrder, QuickOrder, QuickResult
from impasto.studio.page.uploads import normalised
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Client, Owner, TheJob
from impasto.studio.routes.waiting import unless_gone

router = APIRouter(prefix="/studio", include_in_schema=False)

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_NEVER = {"Cache-Control": "no-store"}
_STEP = Query(ge=0, le=MAX_STEPS)


@router.post("/photos")
async def upload(request: Request, page: ThePage, owner: Owner, client: Client) -> dict[str, Any]:
    """Store a photo or a painting, and answer its source."""
    async with read_body(request) as file:

        def store() -> dict[str, Any]:
            photo = normalised(content(file), page.studio.settings)
            source = f"cache:{page.cache.put(owner, photo.data)}"
            return {"source": source, "width": photo.width, "height": photo.height}

        return await unless_gone(request, page.studio.readers.submit(client, store))


@router.get("/picture/{source}")
def picture(source: str, page: ThePage, owner: Owner, side: int = SIDES[-1]) -> Response:
    """Answer a small copy of a picture."""
    if side not in SIDES:
        raise Problem("invalid-option", f"side must be one of {SIDES}", field="side")
    data = page.pictures.small(owner, source, side)
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


@router.get("/look/{style}/{source}")
async def look(
    request: Request, page: ThePage, owner: Owner, client: Client, style: str, source: str
) -> Response:
    """Answer a small copy of a picture in a style. A browser that leaves costs nothing more."""
    quick = page.studio.quick

    def make() -> bytes:
        return page.pictures.look(owner, style, source)

    data = await unless_gone(request, quick.begin(client, make))
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


@router.get("/file/{source}")
def file(source: str, page: ThePage, owner: Owner, format: str) -> Response:
    """Answer a picture in full, to be saved under the name that the page gives."""
    if format not in FORMATS:
        raise Problem("invalid-option", f"format must be one of {[*FORMATS]}", field="format")
    data = page.pictures.file(owner, source, format)
    headers = {"Content-Disposition": "attachment", **_NEVER}
    return Response(data, media_type=f"image/{format}", headers=headers)


@router.get("/styles")
def styles(page: ThePage, owner: Owner, response: Response) -> dict[str, Any]:
    """Answer all styles of Quick."""
    response.headers.update(_NEVER)
    return {"styles": quick.styles(page, owner)}


@router.post("/styles")
def learn(page: ThePage, owner: Owner, order: LearnOrder) -> dict[str, Any]:
    """Have a painting learnt, and answer the job and the name of the style."""
    job = learning.begin(page, owner, order)
    return {"job": job.id, "name": job.style}


@router.get("/learning")
def learnt(page: ThePage, owner: Owner, response: Response) -> dict[str, Any]:
    """Answer how the owner's styles stand."""
    response.headers.update(_NEVER)
    return {"styles": learning.progress(page, owner)}


@router.post("/quick")
async def stylise(
    request: Request, page: ThePage, owner: Owner, client: Client, order: QuickOrder
) -> dict[str, Any]:
    """Stylise a photo. A browser that leaves before its turn costs nothing more."""
    studio = page.studio

    def make() -> dict[str, Any]:
        return quick.stylise(page, owner, order)

    return await unless_gone(request, studio.quick.begin(client, make))


@router.post("/quick/keep")
def keep(page: ThePage, owner: Owner, result: QuickResult) -> dict[str, Any]:
    """Put a quick result into the history, and answer its id there."""
    return {"id": quick.keep(page, owner, result).id}


@router.post("/quick/finish")
def finish(page: ThePage, owner: Owner, order: FinishOrder) -> dict[str, Any]:
    """Order a painting that begins with a quick result, and answer its id."""
    return {"id": quick.finish(page, owner, order).id}


@router.post("/paint")
def begin(page: ThePage, owner: Owner, order: PaintOrder) -> dict[str, Any]:
    """Order a painting, and answer its id."""
    return {"id": jobs.begin(page, owner, order).id}


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
def made_with(job: TheJob, page: ThePage) -> dict[str, Any]:
    """Answer what a job was made with."""
    return jobs.made_with(page, job)


@router.post("/jobs/{id}/again")
def again(job: TheJob, page: ThePage) -> dict[str, Any]:
    """Order a painting once more, and answer the id of the new one."""
    return {"id": jobs.again(page, job).id}


@router.post("/jobs/{id}/settle", status_code=204)
def settle(job: TheJob, page: ThePage) -> None:
    """Make a stopped painting a finished one."""
    jobs.settle(page, job)

"""The pictures of the page: sent in, shown and saved."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from impasto.studio.multipart import content, read_body
from impasto.studio.page.pictures import FORMATS, SIDES, ThePage, saved
from impasto.studio.page.uploads import normalised
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Client, Owner
from impasto.studio.routes.waiting import unless_gone

router = APIRouter(prefix="/studio", include_in_schema=False)

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


@router.post("/photos")
async def upload(request: Request, page: ThePage, owner: Owner, client: Client) -> dict[str, Any]:
    """Store a photo or a painting, and answer its source."""
    async with read_body(request) as file:

        def store() -> dict[str, Any]:
            data, (width, height) = normalised(content(file), page.studio.settings)
            source = f"cache:{page.cache.put(owner, data)}"
            return {"source": source, "width": width, "height": height}

        return await unless_gone(request, page.studio.readers.submit(client, store))


@router.get("/picture/{source}")
def picture(source: str, page: ThePage, owner: Owner, side: int = SIDES[-1]) -> Response:
    """Answer a small copy of a picture."""
    if side not in SIDES:
        raise Problem("invalid-option", f"side must be one of {SIDES}", field="side")
    data = page.small(owner, source, side)
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


@router.get("/look/{style}/{source}")
async def look(
    request: Request, page: ThePage, owner: Owner, client: Client, style: str, source: str
) -> Response:
    """Answer a small copy of a picture in a style. A browser that leaves costs nothing more."""

    def make() -> bytes:
        return page.look(owner, style, source)

    data = await unless_gone(request, page.studio.quick.begin(client, make))
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


@router.get("/file/{source}")
def file(source: str, page: ThePage, owner: Owner, format: str) -> Response:
    """Answer a picture in full, to be saved under the name that the page gives."""
    if format not in FORMATS:
        raise Problem("invalid-option", f"format must be one of {[*FORMATS]}", field="format")
    data = saved(page.data(owner, source), format)
    headers = {"Content-Disposition": "attachment"}
    return Response(data, media_type=f"image/{format}", headers=headers)

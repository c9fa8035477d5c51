"""``/docs``: the description of the API for people to read, with nothing from other hosts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from impasto.studio.routes import templates
from impasto.studio.routes.openapi import described

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Answer the page."""
    given = {"paths": described(request.app)["paths"], "address": str(request.base_url).rstrip("/")}
    return templates.TemplateResponse(request, "docs.html", given)

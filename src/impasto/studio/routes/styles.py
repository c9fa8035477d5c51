"""``/v1/styles``: what photos can be stylised in at once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from impasto.studio import problems
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Styles, TheStudio
from impasto.studio.styles import Style

router = APIRouter(prefix="/v1", tags=["Quick"])


_ASK_AGAIN = {"Cache-Control": "private, no-cache"}
"""Browsers may keep it, and ask with its ETag whether it still holds."""


def _responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    found = problems.responses("unauthorized", "rate-limited", *codes)
    return {304: {"description": "The client has it: `If-None-Match` is its `ETag`."}, **found}


@router.get("/styles", responses=_responses())
def list_styles(studio: TheStudio, response: Response) -> Styles:
    """Answer all styles: those that come with Impasto, and those of the studio's own packs."""
    response.headers.update(_ASK_AGAIN)
    return Styles(styles=studio.quick.styles(), default=studio.quick.default)


@router.get("/styles/{name}", responses=_responses("not-found"))
def get_style(name: str, studio: TheStudio, response: Response) -> Style:
    """Answer what is known of a style and of the painting it was learnt from."""
    response.headers.update(_ASK_AGAIN)
    for style in studio.quick.styles():
        if style.name == name:
            return style
    raise Problem("not-found", "there is no style of this name")

"""``/v1/styles``: what photos can be stylised in at once."""

from __future__ import annotations

from fastapi import APIRouter

from impasto.studio import problems
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Styles, TheStudio
from impasto.studio.styles import Style

router = APIRouter(prefix="/v1", tags=["Quick"])


@router.get("/styles", responses=problems.responses("unauthorized", "rate-limited"))
def list_styles(studio: TheStudio) -> Styles:
    """Answer all styles: those that come with Impasto, and those of the studio's own packs."""
    return Styles(styles=studio.quick.styles(), default=studio.quick.default)


@router.get(
    "/styles/{name}", responses=problems.responses("unauthorized", "not-found", "rate-limited")
)
def get_style(name: str, studio: TheStudio) -> Style:
    """Answer what is known of a style and of the painting it was learnt from."""
    for style in studio.quick.styles():
        if style.name == name:
            return style
    raise Problem("not-found", "there is no style of this name")

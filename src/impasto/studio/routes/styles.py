"""``/v1/styles``: what photos can be stylised in at once."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from impasto.studio import problems
from impasto.studio.problems import Problem
from impasto.studio.routes.schemas import Owner, Style, Styles, TheStudio

router = APIRouter(prefix="/v1", tags=["Quick"])


@router.get(
    "/styles",
    summary="List the styles",
    operation_id="list_styles",
    response_model=Styles,
    responses=problems.responses("unauthorized", "rate-limited"),
)
def listed(studio: TheStudio, owner: Owner) -> Styles:  # noqa: ARG001 - it asks for a key
    """Answer all styles: those that come with Impasto, and those of the studio's own packs."""
    styles = [Style(**asdict(style)) for style in studio.quick.styles()]
    return Styles(styles=styles, default=studio.quick.default)


@router.get(
    "/styles/{name}",
    summary="Look at a style",
    operation_id="get_style",
    response_model=Style,
    responses=problems.responses("unauthorized", "not-found", "rate-limited"),
)
def one(name: str, studio: TheStudio, owner: Owner) -> Style:  # noqa: ARG001
    """Answer what is known of a style and of the painting it was learnt from."""
    for style in studio.quick.styles():
        if style.name == name:
            return Style(**asdict(style))
    raise Problem("not-found", "there is no style of this name")
